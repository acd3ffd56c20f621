"""The automations of an installation on a real server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prefect.automations import AutomationCore, EventTrigger, ResourceSpecification
from prefect.client.orchestration import PrefectClient

from flows.orchestration.automations import crash_automation, ensure_automation, limit_to_installation
from tests.e2e.server.conftest import SECRET, Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180), pytest.mark.usefixtures("place")]


def earlier() -> AutomationCore:
    """What a version made that knew one installation per server."""
    made = crash_automation("")
    assert isinstance(made.trigger, EventTrigger)
    flows = ResourceSpecification({"prefect.resource.role": "flow", "prefect.resource.name": ["keep-cube-live"]})
    trigger = made.trigger.model_copy(update={"match_related": flows})
    return made.model_copy(update={"trigger": trigger, "enabled": False, "description": "Ask Anna"})


def test_an_automation_of_an_earlier_version_watches_its_own_installation_and_else_stays_as_people_have_it(
    server: Server,
) -> None:
    async def upgrade() -> list[bool]:
        async with PrefectClient(server.url, auth_string=SECRET) as client:
            await client.create_automation(earlier())
            wanted = crash_automation("")
            done = [await limit_to_installation(client, wanted) for _ in range(2)]
            return [*done, await ensure_automation(client, wanted)]

    def found() -> list[dict[str, Any]]:
        listed = server.prefect.post("/automations/filter", {})
        return [each for each in listed if each["name"] == crash_automation("").name]

    assert asyncio.run(upgrade()) == [True, False, False]
    (automation,) = found()
    tags = [each for each in automation["trigger"]["match_related"] if each["prefect.resource.role"] == "tag"]
    assert [each["prefect.resource.id"] for each in tags] == ["prefect.tag.cubefeed:unnamed"]
    assert not automation["enabled"] and automation["description"] == "Ask Anna"
    assert automation["trigger"]["within"] == 70 and automation["actions"][0]["state"] == "CRASHED"
    server.prefect.delete(f"/automations/{automation['id']}")
