"""Two installations side by side on one Prefect server."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.program import Installation, Place, installation, started
from tests.e2e.server.conftest import Server
from tests.e2e.up.artifacts import HEADER
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.deep, pytest.mark.timeout(900)]

SAMPLE_DAYS = {"2021-05-01": 10, "2021-05-02": 7}
RUN_S = 180.0


@contextmanager
def up_as(server: Server, place: Place, name: str) -> Iterator[Installation]:
    """`cubefeed up` of an installation on this server, ended in order."""
    with started(place, "up", "--name", name) as running:
        found = installation(running, place)
        found.prefect = server.prefect
        found.wait_for_owner()
        yield found
        assert running.end(signal.SIGTERM, patience_s=60) == 0, running.output


def deployments(server: Server, name: str) -> dict[str, dict[str, Any]]:
    """The deployments of an installation, by their names without the flows'."""
    found = server.prefect.post("/deployments/filter", {})
    return {each["entrypoint"]: each for each in found if f"cubefeed:{name}" in each["tags"]}


def settled(server: Server, name: str) -> dict[str, tuple[Any, ...]]:
    """What another installation must not change."""
    kept = ("id", "name", "paused", "tags", "description")
    return {
        entrypoint: (*(each[field] for field in kept), [s["active"] for s in each["schedules"]])
        for entrypoint, each in deployments(server, name).items()
    }


def run(server: Server, deployment: str, **parameters: object) -> str:
    """The state in which a run of a deployment ends."""
    done = server.prefect.wait_for(
        server.prefect.start(deployment, None, **parameters), "Completed", "Failed", patience_s=RUN_S
    )
    return f"{done['state']['name']}: {done['state']['message']}"


def test_each_sees_only_its_own_and_what_was_changed_in_prefect_survives_two_restarts(
    server: Server, place: Place
) -> None:
    with up_as(server, server.place("us"), "us") as us:
        others = settled(server, "us")
        with up_as(server, place, "eu") as eu:
            assert len(deployments(server, "eu")) == len(others) == 3 and settled(server, "us") == others
            eu.place.drop("3.csv", HEADER + "9,2021-05-03,phone,8\n")
            until(lambda: eu.sales() == {**SAMPLE_DAYS, "2021-05-03": 8}, what="the file")
            assert us.sales() == SAMPLE_DAYS
            assert "1 file" in run(server, "load-files/eu-sales", mode="reload", paths=["3.csv"])
            assert run(server, "load-files/us-sales", mode="reload", paths=["3.csv"]).startswith("Failed")
            assert run(server, "close-day/eu-sales", date="2021-05-03").startswith("Completed")
            assert run(server, "close-day/us-sales", date="2021-05-03").startswith("Failed")

            close = deployments(server, "eu")["flows.close_day.close_day"]
            path = f"/deployments/{close['id']}/schedules/{close['schedules'][0]['id']}"
            server.prefect.patch(path, {"schedule": {"cron": "15 9 * * *", "timezone": "America/New_York"}})
        live = us.owner["run"]
        assert settled(server, "us") == others and server.prefect.run(live)["state"]["name"] == "Running"
        assert not any(each["paused"] for each in deployments(server, "eu").values())
        for _ in range(2):
            with up_as(server, place, "eu") as eu:
                assert "close-day/eu-sales is scheduled at 15 9 * * * America/New_York" in eu.running.output
                (schedule,) = deployments(server, "eu")["flows.close_day.close_day"]["schedules"]
                assert schedule["schedule"]["cron"] == "15 9 * * *" and schedule["active"]
        assert us.owner["run"] == live and us.sales() == SAMPLE_DAYS and settled(server, "us") == others
        ours = [each for each in server.prefect.runs("load_window") if "cubefeed:us" in each["tags"]]
        assert ours and "Crashed" not in {each["state"]["name"] for each in ours}
        names = {each["name"] for each in server.prefect.post("/automations/filter", {})}
        assert {name for name in names if name.startswith("cubefeed")} == {
            f"cubefeed {name}: a run whose heartbeat stops has crashed" for name in ("eu", "us")
        }
