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
from prefect.events.actions import CallWebhook, RunDeployment

from flows.orchestration.runs import (
    LIVE_DEPLOYMENT,
    LIVE_FLOW,
    client_of,
    ensure_automation,
    heartbeat_automation,
    refuse_undeclared_parameters,
)

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


def restart_on_crash(live: UUID) -> AutomationCore:
    """Start the live session again when its run has crashed: for work pools, where no `cubefeed up` does it."""
    trigger = _when("prefect.flow-run.Crashed", ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}))
    trigger.match_related = ResourceSpecification({"prefect.resource.role": "flow", "prefect.resource.name": LIVE_FLOW})
    return AutomationCore(
        name="cubefeed: start the session again after a crash",
        trigger=trigger,
        actions=[RunDeployment(source="selected", deployment_id=live, parameters=None, job_variables=None)],
    )


async def create(*, restart: bool, webhook: str | None) -> list[str]:
    """Create what is missing. Returns the names of all that are wished."""
    wished = [heartbeat_automation()]
    async with client_of() as client:
        if webhook is not None:
            block = Webhook(method="POST", url=webhook)  # type: ignore[arg-type]  # becomes a SecretStr
            wished += notifications(await block.asave(WEBHOOK, overwrite=True))
        if restart:
            live = await client.read_deployment_by_name(LIVE_DEPLOYMENT)
            wished.append(restart_on_crash(live.id))
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
