"""Example automations, created idempotently on the server that PREFECT_API_URL names, whose deployments take declared
parameters only from then on.

    python deployments/automations.py --restart --webhook https://chat.example/hook

`cubefeed up` needs none of this: it starts the session again itself, creates the automation that finds dead runs, and
sees to its deployments.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from prefect.automations import AutomationCore, EventTrigger, Posture, ResourceSpecification
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.events.actions import CallWebhook

from flows.orchestration.automations import crash_automation, ensure_automation, restart_automation
from flows.orchestration.deployment_names import live_deployment
from flows.orchestration.runs import OUR_FLOWS, client_of

WEBHOOK = "cubefeed-notify"
PAYLOAD = "{{ event.event }}: {{ event.resource.name }} {{ event.payload }}"
TOLD = {
    "cubefeed.file.quarantined": "a file was refused",
    "cubefeed.day.late": "the day's data has not come",
    "cubefeed.session.stopped": "the session stopped",
}


def notifications(webhook: UUID) -> Iterator[AutomationCore]:
    """Call a webhook when a file is refused, when data is late, and when the session stops."""
    for event, said in TOLD.items():
        yield AutomationCore(
            name=f"cubefeed: tell that {said}",
            trigger=_when(event, ResourceSpecification({"prefect.resource.id": "cubefeed.dataset.*"})),
            actions=[CallWebhook(block_document_id=webhook, payload=PAYLOAD)],
        )


async def refuse_undeclared_parameters(client: PrefectClient) -> None:
    """Let the deployments of our flows refuse at once what they do not declare, which Prefect's own schemas allow."""
    ours, offset = FlowFilter(name=FlowFilterName(any_=list(OUR_FLOWS))), 0
    while found := await client.read_deployments(flow_filter=ours, offset=offset):
        offset += len(found)
        for deployment in found:
            schema = {**(deployment.parameter_openapi_schema or {}), "additionalProperties": False}
            changed = DeploymentUpdate(parameter_openapi_schema=schema, enforce_parameter_schema=True)
            await client.update_deployment(deployment.id, changed)


async def create(*, restart: bool, webhook: str | None) -> list[str]:
    """Create what is missing. Returns the names of all that are wished."""
    wished = [crash_automation("")]
    async with client_of() as client:
        if webhook is not None:
            block = Webhook(method="POST", url=webhook)  # type: ignore[arg-type]  # becomes a SecretStr
            wished += notifications(await block.asave(WEBHOOK, overwrite=True))
        if restart:
            live = await client.read_deployment_by_name(live_deployment(""))
            wished.append(restart_automation("", live.id))
        for automation in wished:
            await ensure_automation(client, automation)
        await refuse_undeclared_parameters(client)
    return [automation.name for automation in wished]


def _when(event: str, match: ResourceSpecification) -> EventTrigger:
    return EventTrigger(
        expect={event},
        match=match,
        for_each={"prefect.resource.id"},
        posture=Posture.Reactive,
        threshold=1,
        within=timedelta(0),
    )


def main() -> None:
    """Create the automations that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--restart", action="store_true", help="start the session again after a crash")
    parser.add_argument("--webhook", help="address that is called when a file is refused, late, or the session stops")
    given = parser.parse_args()
    for name in asyncio.run(create(restart=given.restart, webhook=given.webhook)):
        print(name)


if __name__ == "__main__":
    main()
