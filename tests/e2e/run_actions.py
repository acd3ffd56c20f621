"""Cancel, retry and run again, as Prefect's page asks for them: the same whoever starts the runs."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.e2e.program import Installation
from tests.e2e.up.artifacts import HEADER
from tests.waiting import until

PARIS = ZoneInfo("Europe/Paris")


def cancelled_runs_ask_nothing(up: Installation) -> None:
    """Runs that are cancelled while the session does not answer have left nothing for it."""
    up.wait_for_owner()
    before, owner = _requests_of(up), up.owner_process
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
    assert _requests_of(up) == before


def retried_runs_do_the_same_again(up: Installation) -> None:
    """A retry closes the day that the run was for, and reloads the files that it was for; run again is a new run."""
    up.wait_for_owner()
    morning = datetime.now(PARIS).replace(hour=7, minute=0) - timedelta(days=20)
    day = (morning - timedelta(days=1)).date().isoformat()
    run = up.prefect.start("close-day/sales", at=morning)
    closed = up.prefect.wait_for(run, "Failed", "Completed")
    assert closed["state"]["message"] == f"no row of {day} has come"

    up.place.drop("retried.csv", HEADER + f"70,{day},phone,5\n")
    until(lambda: up.sales().get(day) == 5, what="the day's file")
    retried = _retry(up, run)
    assert retried["name"] == f"sales · {day}"
    assert retried["state"]["message"] == f"1 row of {day}; the cube equals the ledger"
    new = up.prefect.start("close-day/sales", **retried["parameters"])
    again = up.prefect.wait_for(new, "Failed", "Completed")
    assert again["id"] != run and again["name"] != retried["name"]

    load = up.prefect.start("load-files/sales", mode="reload", paths=["retried.csv"])
    up.prefect.wait_for(load, "Completed")
    assert _retry(up, load)["state"]["message"] == "1 file, 1 row loaded"
    assert up.sales()[day] == 5


def _requests_of(up: Installation) -> list[str]:
    """The kinds of all requests that were ever left."""
    with contextlib.closing(sqlite3.connect(up.place.state / "ledger.db", timeout=30)) as ledger:
        return [kind for (kind,) in ledger.execute("SELECT kind FROM requests ORDER BY id")]


def _retry(up: Installation, run: str) -> dict[str, Any]:
    """What the button does, and what comes of it."""
    up.prefect.post(f"/flow_runs/{run}/set_state", {"state": {"type": "SCHEDULED", "name": "AwaitingRetry"}})
    until(lambda: up.prefect.run(run)["run_count"] == 2 or None, what="the run begins again")
    return up.prefect.wait_for(run, "Completed", "Failed")
