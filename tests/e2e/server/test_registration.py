"""What a person changed in Prefect stays, and what nobody changed follows the declaration."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import PrefectClient

from flows.datasets.sales import SALES
from flows.errors import PrefectUnusable, StateError
from flows.installation.deployments import declared_deployments
from flows.model.calendar import DailyBy
from flows.model.dataset import Dataset
from flows.orchestration.automations import ensure_automation, remove_restart_automation, restart_automation
from flows.orchestration.declared import Pool
from flows.orchestration.registration import Registered, Registration, kept_lines
from flows.orchestration.work_pools import ensure_pool
from tests.e2e.server.conftest import SECRET, Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180), pytest.mark.usefixtures("place")]

CLOSE = "close-day/sales"


def sales(time: str) -> Dataset:
    """Sales that are expected by another time."""
    return replace(SALES, expect=DailyBy(time, "Europe/Paris", "Date"))


def register(
    server: Server,
    *datasets: Dataset,
    installation: str = "",
    home: str = "here",
    reset: bool = False,
    pool: Pool | None = None,
) -> dict[str, Registered]:
    """A start of an installation, as far as its deployments are concerned."""

    async def once() -> list[Registered]:
        async with PrefectClient(server.url, auth_string=SECRET) as client:
            wanted = declared_deployments(installation, datasets, pool)
            return await Registration(client, installation, home, reset_schedules=reset).register(wanted)

    return {each.name: each for each in asyncio.run(once())}


def deployment(server: Server, name: str = CLOSE) -> dict[str, Any]:
    """A deployment as the server has it."""
    return dict(server.prefect.get(f"/deployments/name/{name}"))


def schedules(server: Server, name: str = CLOSE) -> list[tuple[str, str, bool]]:
    """Its schedules: cron, zone, whether it is active."""
    return [
        (each["schedule"]["cron"], each["schedule"]["timezone"], each["active"])
        for each in deployment(server, name)["schedules"]
    ]


def change(server: Server, **fields: object) -> None:
    """What the UI does when somebody edits the deployment."""
    server.prefect.patch(f"/deployments/{deployment(server)['id']}", fields)


def change_schedule(server: Server, **fields: object) -> None:
    """What the UI does when somebody edits its schedule."""
    found = deployment(server)
    server.prefect.patch(f"/deployments/{found['id']}/schedules/{found['schedules'][0]['id']}", fields)


def test_a_second_start_changes_nothing_and_a_new_declared_time_reaches_a_schedule_that_nobody_changed(
    server: Server,
) -> None:
    assert {each.done for each in register(server, sales("07:00")).values()} == {"made"}
    assert schedules(server) == [("0 7 * * *", "Europe/Paris", True)]
    assert deployment(server)["schedules"][0]["slug"] is None  # which Prefect's pages would show in place of the time
    assert deployment(server)["tags"] == ["cubefeed", "cubefeed:unnamed"]
    again = register(server, sales("07:00"))
    assert {each.done for each in again.values()} == {"as it was"} and not kept_lines([*again.values()])
    assert register(server, sales("08:30"))[CLOSE].done == "changed"
    assert schedules(server) == [("30 8 * * *", "Europe/Paris", True)]
    refused = server.prefect.ask(
        "POST", f"/deployments/{deployment(server)['id']}/create_flow_run", {"parameters": {"undeclared": 1}}
    )
    assert refused.status_code == 409 and "Validation failed" in refused.text


def test_a_pause_another_cron_a_limit_tags_a_description_and_parameters_stay_over_starts_and_are_said(
    server: Server,
) -> None:
    register(server, sales("07:00"))
    cron = {"cron": "15 9 * * 1-5", "timezone": "America/New_York"}
    change_schedule(server, schedule=cron, active=False)
    change(server, description="Ask Anna", tags=["nightly"], concurrency_limit=2, paused=True)
    for time in ("07:00", "08:30"):
        kept = register(server, sales(time))[CLOSE].kept
        hour, minute = time.split(":")
        assert kept == (
            "is paused",
            f"is scheduled at 15 9 * * 1-5 America/New_York (declared: {int(minute)} {int(hour)} * * * Europe/Paris)",
            "has a paused schedule",
            "has another description",
            "has the tags nightly",
            "runs at most 2 at a time",
        )
        found = deployment(server)
        assert schedules(server) == [("15 9 * * 1-5", "America/New_York", False)]
        assert found["paused"] and found["description"] == "Ask Anna"
        assert sorted(found["tags"]) == ["cubefeed", "cubefeed:unnamed", "nightly"]
        assert found["global_concurrency_limit"]["limit"] == 2

    register(server, sales("08:30"), reset=True)
    assert schedules(server) == [("30 8 * * *", "Europe/Paris", True)] and not deployment(server)["paused"]
    assert deployment(server)["description"] == "Ask Anna"


def test_a_paused_schedule_follows_a_new_declared_time_and_stays_paused_and_one_that_was_removed_stays_away(
    server: Server,
) -> None:
    register(server, sales("07:00"))
    change_schedule(server, active=False)
    assert register(server, sales("08:30"))[CLOSE].kept == ("has a paused schedule",)
    assert schedules(server) == [("30 8 * * *", "Europe/Paris", False)]

    found = deployment(server)
    server.prefect.delete(f"/deployments/{found['id']}/schedules/{found['schedules'][0]['id']}")
    for _ in range(2):
        assert register(server, sales("08:30"))[CLOSE].kept == (
            "has lost its schedule (declared: 30 8 * * * Europe/Paris)",
        )
        assert schedules(server) == []
    body = [{"schedule": {"cron": "0 12 * * *", "timezone": "UTC"}, "active": True}]
    server.prefect.post(f"/deployments/{found['id']}/schedules", body)
    register(server, sales("08:30"))
    assert schedules(server) == [("0 12 * * *", "UTC", True)]


def test_a_schedule_that_a_person_adds_is_left_beside_the_declared_one(server: Server) -> None:
    register(server, sales("07:00"))
    body = [{"schedule": {"cron": "0 12 * * *", "timezone": "UTC"}, "active": True}]
    server.prefect.post(f"/deployments/{deployment(server)['id']}/schedules", body)
    assert register(server, sales("08:30"))[CLOSE].kept == ("has 1 more schedule",)
    assert sorted(schedules(server)) == [("0 12 * * *", "UTC", True), ("30 8 * * *", "Europe/Paris", True)]


def test_a_dataset_that_is_served_no_more_is_paused_and_goes_on_when_it_is_served_again(server: Server) -> None:
    other = replace(sales("07:00"), name="other")
    register(server, sales("07:00"), other)
    retired = register(server, sales("07:00"))
    assert retired["close-day/other"].done == retired["load-files/other"].done
    assert "close-day/other is paused: its dataset is not served any more" in kept_lines([*retired.values()])
    assert deployment(server, "close-day/other")["paused"] and not deployment(server)["paused"]
    assert register(server, sales("07:00"), other)["close-day/other"].kept == ()
    assert not deployment(server, "close-day/other")["paused"]


def test_what_belongs_to_others_is_refused_and_left_as_it_is(server: Server) -> None:
    """The flows and deployments of a team may have the names of ours."""
    flow = server.prefect.post("/flows/", {"name": "close-day"})["id"]
    theirs = {"name": "sales", "flow_id": flow, "entrypoint": "flows/close.py:close", "tags": ["finance"]}
    id = server.prefect.post("/deployments/", theirs)["id"]
    with pytest.raises(StateError, match=r"close-day/sales of this Prefect server belongs to somebody else.*--name"):
        register(server, sales("07:00"))
    made = register(server, sales("07:00"), installation="eu", home="there")
    assert [*made] == ["keep-cube-live/eu-cube", "load-files/eu-sales", "close-day/eu-sales"]
    assert deployment(server, "close-day/eu-sales")["tags"] == ["cubefeed", "cubefeed:eu"]
    with pytest.raises(StateError, match="belongs to the installation eu"):
        register(server, replace(sales("07:00"), name="eu-sales"))
    found = server.prefect.get(f"/deployments/{id}")
    assert found["entrypoint"] == theirs["entrypoint"] and found["tags"] == ["finance"] and not found["paused"]
    assert len(server.prefect.post("/deployments/filter", {})) == 4  # where one name is refused, nothing is made


def test_two_state_directories_without_names_do_not_take_deployments_from_each_other(server: Server) -> None:
    made = register(server, sales("07:00"), home="first")
    ids = [str(each.id) for each in made.values()]
    server.prefect.post("/deployments/get_scheduled_flow_runs", {"deployment_ids": ids})  # as one who serves them
    with pytest.raises(StateError, match=r"belongs to another state directory.*--name"):
        register(server, sales("07:00"), home="second")
    assert register(server, sales("07:00"), home="first")[CLOSE].done == "as it was"


def test_an_earlier_versions_deployments_are_taken_over_with_the_pause_that_it_left(server: Server) -> None:
    flow = server.prefect.post("/flows/", {"name": "close-day"})["id"]
    earlier = {
        "name": "sales", "flow_id": flow, "entrypoint": "flows.close_day.close_day", "paused": True,
        "schedules": [{"schedule": {"cron": "0 6 * * *", "timezone": "UTC"}, "active": True}],
    }  # fmt: skip
    server.prefect.post("/deployments/", earlier)
    assert register(server, sales("07:00"))[CLOSE].kept == ()
    assert schedules(server) == [("0 7 * * *", "Europe/Paris", True)] and not deployment(server)["paused"]


def test_of_the_variables_of_a_pools_runs_those_that_people_added_stay_and_ours_are_as_last_declared(
    server: Server,
) -> None:
    server.prefect.post("/work_pools/", {"name": "kept", "type": "process"})
    register(server, sales("07:00"), pool=Pool("kept", "run it", "/here", {"CUBEFEED_ENGINE": "atoti", "A": "1"}))
    found = deployment(server)
    assert found["work_pool_name"] == "kept"
    assert found["job_variables"] == {
        "command": "run it", "working_dir": "/here", "env": {"CUBEFEED_ENGINE": "atoti", "A": "1"}
    }  # fmt: skip
    theirs = {**found["job_variables"], "stream_output": False, "env": {**found["job_variables"]["env"], "OURS": "2"}}
    change(server, job_variables=theirs)
    pool = Pool("kept", "run it", "/there", {"A": "3"})
    assert register(server, sales("07:00"), pool=pool)[CLOSE].done == "changed"
    wanted = {"command": "run it", "working_dir": "/there", "stream_output": False, "env": {"A": "3", "OURS": "2"}}
    assert deployment(server)["job_variables"] == wanted
    assert register(server, sales("07:00"), pool=pool)[CLOSE].done == "as it was"

    register(server, sales("07:00"))
    found = deployment(server)
    assert found["work_pool_name"] is None and found["job_variables"] == {"stream_output": False, "env": {"OURS": "2"}}


def test_a_deployment_that_a_process_serves_is_not_taken_to_a_work_pool(server: Server) -> None:
    ids = [str(each.id) for each in register(server, sales("07:00")).values()]
    server.prefect.post("/deployments/get_scheduled_flow_runs", {"deployment_ids": ids})  # as `up`
    server.prefect.post("/work_pools/", {"name": "others", "type": "process"})
    with pytest.raises(StateError, match=r"is served by a process.*end that cubefeed up"):
        register(server, sales("07:00"), pool=Pool("others", "run it", "/here", {}))
    assert deployment(server)["work_pool_name"] is None


def test_the_automation_that_starts_a_session_again_follows_a_deployment_that_was_made_anew(server: Server) -> None:
    async def ensure(live: UUID) -> bool:
        async with PrefectClient(server.url, auth_string=SECRET) as client:
            return await ensure_automation(client, restart_automation("anew", live))

    assert [asyncio.run(ensure(live)) for live in (UUID(int=1), UUID(int=1), UUID(int=2))] == [True, False, True]
    found = [each for each in server.prefect.post("/automations/filter", {}) if "anew" in each["name"]]
    assert [each["actions"][0]["deployment_id"] for each in found] == [str(UUID(int=2))]

    async def remove() -> None:
        async with PrefectClient(server.url, auth_string=SECRET) as client:
            await remove_restart_automation(client, "anew")

    asyncio.run(remove())
    assert not [each for each in server.prefect.post("/automations/filter", {}) if "anew" in each["name"]]


def test_what_keeps_the_runs_of_a_pool_waiting_is_said_and_a_pool_that_cannot_run_them_is_refused(
    server: Server,
) -> None:
    def ensure(name: str) -> list[str]:
        async def once() -> list[str]:
            async with PrefectClient(server.url, auth_string=SECRET) as client:
                return await ensure_pool(client, name)

        return asyncio.run(once())

    made, again = ensure("new"), ensure("new")
    assert (made, again) == (["work pool new: made, of type process"], ["work pool new: as it was"])
    found = server.prefect.get("/work_pools/new")
    assert {"command", "working_dir", "env"} <= found["base_job_template"]["variables"]["properties"].keys()
    changed = {"is_paused": True, "concurrency_limit": 1}
    server.prefect.ask("PATCH", "/work_pools/new", changed).raise_for_status()
    _, paused, limited = ensure("new")
    assert "is paused, so that nothing runs" in paused and "runs 1 at a time" in limited

    fixed = {"variables": {"properties": {"env": {}}}, "job_configuration": {"command": "own"}}
    server.prefect.post("/work_pools/", {"name": "fixed", "type": "process", "base_job_template": fixed})
    with pytest.raises(PrefectUnusable, match=r"lets no deployment say its command, working_dir.*--pool"):
        ensure("fixed")
