"""`cubefeed deploy`: the session and all other runs on the workers of a server that a team has already."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import sys
from collections.abc import Iterator

import pytest

from tests.e2e.other_host import HOST, session_elsewhere
from tests.e2e.program import Installation, Place, RunningProgram, started_program
from tests.e2e.run_actions import cancelled_runs_ask_nothing, retried_runs_do_the_same_again
from tests.e2e.server.conftest import Server
from tests.e2e.up.artifacts import HEADER
from tests.integration.alerts.receivers import SECRET, HttpReceiver, http_receiver
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

LIVE = "keep-cube-live/cube"
DEPLOYED = """\
work pool ours: made, of type process
keep-cube-live/cube: made
load-files/sales: made
close-day/sales: made
automation “cubefeed: a run whose heartbeat stops has crashed”: made
automation “cubefeed: the session starts again after a crash”: made
Next, the worker in a terminal of its own or as a service:
  prefect worker start --pool ours
  prefect deployment run keep-cube-live/cube
"""


@contextlib.contextmanager
def worker(place: Place) -> Iterator[RunningProgram]:
    """A worker of the pool."""
    command = (sys.executable, "-m", "prefect", "worker", "start", "--pool", "ours")
    with started_program(place, "worker", *command) as running:
        yield running


@pytest.fixture(scope="module")
def receiver() -> Iterator[HttpReceiver]:
    """Who is told of problems."""
    with http_receiver() as made:
        yield made


@pytest.fixture(scope="module")
def up(server: Server, receiver: HttpReceiver) -> Iterator[Installation]:
    """A session on a worker that is started beside a `flows/` of a team."""
    place = server.place("pool")
    place.put_flows_of_a_team()
    place.environment["CUBEFEED_ALERTS"] = f"problem={receiver.address}"
    for each in server.prefect.post("/automations/filter", {}):
        server.prefect.delete(f"/automations/{each['id']}")
    assert place.run("deploy", "--pool", "ours").stdout == DEPLOYED
    with worker(place) as running:
        server.prefect.start(LIVE)
        found = Installation(running, place, server.prefect)
        found.wait_for_owner()
        yield found
        if (place.state / "owner.json").exists():
            stop(found)
        running.end()
    for each in server.prefect.post("/deployments/filter", {}):
        server.prefect.delete(f"/deployments/{each['id']}")


def live_runs(up: Installation) -> list[str]:
    """The states of all runs of the session, the newest first."""
    return [run["state"]["name"] for run in up.prefect.runs("keep-cube-live")]


def stop(up: Installation) -> None:
    """Cancel the session, as Prefect's page does."""
    run = up.owner["run"]
    up.prefect.post(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
    up.prefect.wait_for(run, "Cancelled")
    until(lambda: not (up.place.state / "owner.json").exists(), what="the session has left its state directory")


def test_the_session_and_load_files_run_on_a_worker_beside_the_flows_of_a_team(up: Installation) -> None:
    assert up.sales() == {"2021-05-01": 10, "2021-05-02": 7}
    done = up.prefect.wait_for(up.prefect.start("load-files/sales", mode="reload"), "Completed", "Failed")
    assert done["state"]["message"] == "2 files, 7 rows loaded"
    assert SECRET not in json.dumps(up.prefect.post("/deployments/filter", {}))
    again = up.place.run("deploy", "--pool", "ours").stdout
    assert again == DEPLOYED.replace("made, of type process", "as it was").replace(": made", ": as it was")


@pytest.mark.deep
def test_a_second_start_on_a_second_worker_ends_cancelled_and_names_the_first(up: Installation) -> None:
    with worker(up.place) as second:
        until(lambda: "started!" in second.output, what="the second worker")
        owner = up.owner
        starts = [up.prefect.start(LIVE) for _ in range(2)]
        for run in starts:
            refused = up.prefect.wait_for(run, "Cancelled", "Failed", "Crashed")["state"]
            assert refused["name"] == "Cancelled" and f"(the first is run {owner['run']}, pid" in refused["message"]
        assert up.owner == owner and up.sales()
        second.end()


def test_a_session_that_is_killed_starts_again_once_and_one_that_is_cancelled_does_not(up: Installation) -> None:
    owner = up.owner
    os.kill(owner["pid"], signal.SIGKILL)
    up.wait_for_owner(other_than=owner["pid"])
    assert up.prefect.wait_for(owner["run"], "Crashed") and up.owner["run"] != owner["run"]
    assert live_runs(up).count("Running") == 1
    stop(up)
    first = up.prefect.start(LIVE)
    up.wait_for_owner()
    assert up.owner["run"] == first and live_runs(up)[0] == "Running"


@pytest.mark.deep
def test_a_session_that_another_host_has_is_left_to_it(up: Installation) -> None:
    stop(up)
    with session_elsewhere(up.place):
        for flow, state in ((LIVE, "Cancelled"), ("load-files/sales", "Failed")):
            refused = up.prefect.wait_for(up.prefect.start(flow), "Completed", state, "Crashed")["state"]
            assert refused["name"] == state and f"on the host {HOST}" in refused["message"]
    up.prefect.start(LIVE)
    up.wait_for_owner()


@pytest.mark.deep
def test_a_session_of_which_a_part_fails_says_so_itself_and_starts_again(
    up: Installation, receiver: HttpReceiver
) -> None:
    owner = up.owner
    with contextlib.closing(sqlite3.connect(up.place.state / "ledger.db", timeout=30)) as ledger:
        ledger.execute("ALTER TABLE batches RENAME TO away")
        up.place.drop("failing.csv", HEADER + "50,2021-05-08,phone,9\n")
        state = up.prefect.wait_for(owner["run"], "Crashed", "Failed")["state"]
        ledger.execute("ALTER TABLE away RENAME TO batches")
    assert state["name"] == "Crashed" and "no such table" in state["message"]
    until(lambda: any("the session has ended" in title for title in receiver.titles), what="a message")
    up.wait_for_owner(other_than=owner["pid"])
    until(lambda: up.sales().get("2021-05-08") == 9, what="the file")


@pytest.mark.deep
@pytest.mark.timeout(600)  # six runs, each a process of its own
def test_cancel_retry_and_run_again_do_on_a_worker_what_they_do_elsewhere(up: Installation) -> None:
    cancelled_runs_ask_nothing(up)
    retried_runs_do_the_same_again(up)


@pytest.mark.deep
@pytest.mark.timeout(400)  # the server takes a run for dead after 70 s
def test_a_session_comes_back_with_the_next_worker_whether_its_own_was_stopped_or_killed_with_it(
    up: Installation,
) -> None:
    stopped = up.owner
    assert up.running.end() == 0
    until(lambda: not (up.place.state / "owner.json").exists(), what="the session is closed")
    state = up.prefect.wait_for(stopped["run"], "Crashed")["state"]
    assert state["message"] == "The process was ended by a signal; the session was closed in order"
    with worker(up.place) as second:
        up.wait_for_owner(other_than=stopped["pid"])
        killed = up.owner
        for process in (second.process.pid, killed["pid"]):
            os.kill(process, signal.SIGKILL)
        with worker(up.place) as third:
            up.wait_for_owner(other_than=killed["pid"], patience_s=240)
            assert up.prefect.run(killed["run"])["state"]["message"] == "No heartbeat for 70 s"
            stop(up)
            third.end()
