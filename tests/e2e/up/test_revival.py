"""`cubefeed up`: what has died, failed or was cancelled is live again."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.program import Installation
from tests.e2e.up.artifacts import HEADER, rows_of
from tests.waiting import until

PARIS = ZoneInfo("Europe/Paris")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_a_run_that_was_taken_for_dead_says_that_it_lives(up: Installation) -> None:
    run = up.owner["run"]
    up.prefect.post(f"/flow_runs/{run}/set_state", {"state": {"type": "CRASHED"}, "force": True})
    state = up.prefect.wait_for(run, "Running")["state"]
    assert state["message"] == "The process is alive" and up.sales()


@pytest.mark.parametrize("killed", ["run", "serve", "both"])
def test_after_kill_9_the_session_is_back_with_the_same_cube(up: Installation, killed: str) -> None:
    up.wait_for_owner()
    before, owner, run = up.sales(), up.owner_process, up.owner["run"]
    victims = {"run": [owner], "serve": [up.serving_process], "both": [up.serving_process, owner]}[killed]
    for victim in victims:
        os.kill(victim.pid, signal.SIGKILL)
    up.wait_for_owner(other_than=owner.pid)
    assert up.sales() == before and up.owner["run"] != run
    up.prefect.wait_for(run, "Crashed")
    assert up.prefect.wait_for(up.owner["run"], "Running")
    left = [each for each in up.prefect.runs("load_window") if each["state"]["name"] == "Running"]
    assert all(each["start_time"] > up.prefect.run(run)["end_time"] for each in left)


def test_a_session_that_fails_says_why_and_is_started_again_until_it_lives(up: Installation) -> None:
    up.wait_for_owner()
    run, owner = up.owner["run"], up.owner_process
    with contextlib.closing(sqlite3.connect(up.place.state / "ledger.db", timeout=30)) as ledger:
        ledger.execute("ALTER TABLE batches RENAME TO away")
        up.place.drop("failing.csv", HEADER + "50,2021-05-08,phone,9\n")
        state = up.prefect.wait_for(run, "Crashed")["state"]
        assert "no such table" in state["message"] and "start it again" in state["message"]
        output = "the live session ended (A part of the session failed, and so it ended: OperationalError: (sqlite3"
        up.running.wait_for_word(output)
        ledger.execute("ALTER TABLE away RENAME TO batches")
    up.wait_for_owner(other_than=owner.pid)
    until(lambda: up.sales().get("2021-05-08") == 9, what="the file")
    assert not (up.place.state / "ended.json").exists()


def test_a_server_that_is_killed_is_started_again_and_the_data_does_not_wait(up: Installation) -> None:
    (server,) = [each for each in up.place.processes() if "flows.installation.prefect_app" in each.cmdline()]
    os.kill(server.pid, signal.SIGKILL)
    up.place.drop("meanwhile.csv", HEADER + "40,2021-05-06,phone,6\n")
    until(lambda: up.sales().get("2021-05-06") == 6, what="the file")
    until(lambda: up.prefect.get("/health"), what="the server is back")
    assert up.prefect.run(up.owner["run"])["state"]["name"] == "Running"

    def reported() -> bool:
        artifacts = [*up.prefect.artifacts("loaded-outside-windows"), *up.prefect.artifacts("last-loads")]
        return any(row["file"] == "meanwhile.csv" for artifact in artifacts for row in rows_of(artifact))

    until(reported, what="what was loaded meanwhile is reported")


@pytest.mark.deep  # some ten runs, each a process of its own: minutes
def test_after_a_cancelled_session_requests_fail_and_late_runs_wait_and_close_each_its_day(up: Installation) -> None:
    up.wait_for_owner()
    owner, run = up.owner_process, up.owner["run"]
    up.prefect.post(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
    state = up.prefect.wait_for(run, "Cancelled")["state"]
    assert "the session was closed" in state["message"]
    until(lambda: not owner.is_running(), what="its process has ended")
    assert not (up.place.state / "owner.json").exists()
    assert "Nothing is running" in up.place.run("query", "Quantity.SUM", code=3).stderr
    until(lambda: up.prefect.events("cubefeed.session.stopped"), what="the event")

    failed = up.prefect.wait_for(up.prefect.start("load-files/sales"), "Failed", "Completed")
    assert failed["state"]["name"] == "Failed" and "Nothing is running" in failed["state"]["message"]

    mornings = [datetime.now(PARIS).replace(hour=7, minute=0) - timedelta(days=2 + each) for each in range(3)]
    days = [(morning - timedelta(days=1)).date().isoformat() for morning in mornings]
    up.place.drop("middle.csv", HEADER + f"50,{days[1]},phone,5\n")
    late = [up.prefect.start("close-day/sales", at=morning) for morning in mornings]
    for each in late:
        up.prefect.wait_for(each, "Running")
    kept = mornings[2] - timedelta(days=2)
    note_kept_schedule(up, kept)

    up.prefect.start("keep-cube-live/cube")
    up.wait_for_owner(other_than=owner.pid)
    assert up.sales()["2021-05-01"] == 10
    closed = [up.prefect.wait_for(each, "Completed", "Failed") for each in late]
    assert [run["name"] for run in closed] == [f"sales · {day}" for day in days]
    assert [run["state"]["name"] for run in closed] == ["Failed", "Completed", "Failed"]
    assert closed[0]["state"]["message"] == f"no row of {days[0]} has come"
    ended = [up.prefect.run(each)["end_time"] for each in late]
    assert ended == sorted(ended, reverse=True)

    def missed() -> list[dict[str, Any]]:
        body = {"flow_runs": {"tags": {"all_": ["missed-days"]}}, "sort": "EXPECTED_START_TIME_ASC"}
        return list(up.prefect.post("/flow_runs/filter", body))

    first, *_ = until(lambda: found if len(found := missed()) == 2 else None, what="runs for the days without one")
    day = kept.date().isoformat()
    assert first["parameters"] == {"dataset": "sales", "date": day, "until": day}
    closes = [up.prefect.wait_for(run["id"], "Failed", "Completed") for run in missed()]
    assert [close["parameters"]["date"] for close in closes] == [day, (mornings[0]).date().isoformat()]
    assert max(ended) < closes[0]["end_time"] <= closes[1]["end_time"]

    def late_days() -> list[str]:
        return sorted(event["payload"]["business_day"] for event in up.prefect.events("cubefeed.day.late"))

    until(
        lambda: [day for day in late_days() if day in days] == [days[2], days[0]],
        what=f"late once each, not {late_days()}",
    )
    assert {f"{day}.html" for day in days} <= {file.name for file in up.place.state.rglob("reports/*/*.html")}


def note_kept_schedule(up: Installation, morning: datetime) -> None:
    """The day that was due then was closed then, and none since."""
    row = ("sales", (morning - timedelta(days=1)).date().isoformat(), "closed", morning.astimezone(UTC).isoformat(), 0)
    with contextlib.closing(sqlite3.connect(up.place.state / "ledger.db", timeout=30)) as ledger, ledger:
        ledger.execute("DELETE FROM business_days WHERE checked_utc IS NOT NULL")
        columns = "dataset, day, state, checked_utc, untold"
        ledger.execute(f"INSERT INTO business_days ({columns}) VALUES (?, ?, ?, ?, ?)", row)


@pytest.mark.deep
@pytest.mark.timeout(300)
def test_a_run_that_died_with_everything_around_it_is_crashed_by_the_automation(up: Installation) -> None:
    up.wait_for_owner()
    owner = up.owner_process
    owner.suspend()  # so that a request waits
    try:
        run = up.prefect.start("load-files/sales")
        up.prefect.wait_for(run, "Running")
        until(lambda: up.prefect.events("prefect.flow-run.heartbeat"), what="a heartbeat")
        workers = [each for each in up.serving_process.children(recursive=True) if each.pid != owner.pid]
        for process in (up.serving_process, *workers):
            process.kill()
    finally:
        owner.resume()
    state = up.prefect.wait_for(run, "Crashed", patience_s=200)["state"]
    assert "No heartbeat" in state["message"]
