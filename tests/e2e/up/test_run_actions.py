"""Cancel, retry and run again, as Prefect's page asks for them."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.program import Installation, until
from tests.e2e.up.artifacts import HEADER

PARIS = ZoneInfo("Europe/Paris")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def requests_of(up: Installation) -> list[str]:
    """The kinds of all requests that were ever left."""
    with contextlib.closing(sqlite3.connect(up.place.state / "ledger.db", timeout=30)) as ledger:
        return [kind for (kind,) in ledger.execute("SELECT kind FROM requests ORDER BY id")]


def retry(up: Installation, run: str) -> dict[str, Any]:
    """What the button does, and what comes of it."""
    up.prefect.post(f"/flow_runs/{run}/set_state", {"state": {"type": "SCHEDULED", "name": "AwaitingRetry"}})
    until(lambda: up.prefect.run(run)["run_count"] == 2 or None, what="the run begins again", every_s=0.2)
    return up.prefect.wait_for(run, "Completed", "Failed")


def test_a_run_that_is_cancelled_asks_nothing_of_the_session_any_more(up: Installation) -> None:
    up.wait_for_owner()
    before, owner = requests_of(up), up.owner_process
    owner.suspend()
    try:
        runs = [up.prefect.start("close-day/sales", date="2021-05-02"), up.prefect.start("load-files/sales")]
        for run in runs:
            up.prefect.wait_for(run, "Running")
            up.prefect.post(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
        for run in runs:
            up.prefect.wait_for(run, "Cancelled")
    finally:
        owner.resume()
    up.wait_for_owner()
    assert requests_of(up) == before


def test_a_run_that_is_retried_closes_the_same_day_again_and_run_again_is_a_new_run(up: Installation) -> None:
    up.wait_for_owner()
    morning = datetime.now(PARIS).replace(hour=7, minute=0) - timedelta(days=20)
    day = (morning - timedelta(days=1)).date().isoformat()
    run = up.prefect.start("close-day/sales", at=morning)
    assert up.prefect.wait_for(run, "Failed", "Completed")["state"]["message"] == f"no row of {day} has come"

    up.place.drop("retried.csv", HEADER + f"70,{day},phone,5\n")
    until(lambda: up.sales().get(day) == 5, what="the day's file")
    retried = retry(up, run)
    assert retried["name"] == f"sales · {day}"
    assert retried["state"]["message"] == f"1 row of {day}; the cube equals the ledger"
    again = up.prefect.wait_for(up.prefect.start("close-day/sales", **retried["parameters"]), "Failed", "Completed")
    assert again["id"] != run and again["name"] != retried["name"]

    load = up.prefect.start("load-files/sales", mode="reload", paths=["retried.csv"])
    up.prefect.wait_for(load, "Completed")
    assert retry(up, load)["state"]["message"] == "1 file, 1 row loaded"
    assert up.sales()[day] == 5
