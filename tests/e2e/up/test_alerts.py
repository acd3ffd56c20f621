"""`cubefeed up` with everything that may be killed, and what arrives of it at a receiver."""

from __future__ import annotations

import os
import shutil
import signal

import pytest

from tests.e2e.program import SAMPLES, Place, installation, started, until
from tests.e2e.up.artifacts import HEADER
from tests.integration.alerts.receivers import SECRET, HttpReceiver, http_receiver

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def wait_for_message(receiver: HttpReceiver, beginning: str) -> None:
    """Wait until the last message begins with these words, after the name of the program."""
    until(
        lambda: receiver.titles and receiver.titles[-1].startswith(f"Cubefeed: {beginning}"),
        what=f"{beginning}; so far {receiver.titles}",
        patience_s=90,
    )


def test_whatever_is_killed_is_told_and_so_is_its_recovery_and_no_secret_is_shown(place: Place) -> None:
    shutil.copytree(SAMPLES / "current", place.landing)
    arguments = ("up", "--landing", place.landing, "--prefect-port", 0)
    with http_receiver() as receiver:
        place.environment |= {
            "CUBEFEED_ALERTS": f"problem={receiver.address}",
            "CUBEFEED_HEARTBEAT_URL": f"{receiver.url}/beat",
        }
        with started(place, *arguments) as running:
            up = installation(running, place)
            until(lambda: f"GET /{SECRET}/beat" in receiver.called, what="the heartbeat")
            place.drop("bad.csv", HEADER + "1,never,phone,1\n")
            wait_for_message(receiver, "sales: 1 file was refused")
            (place.landing / "bad.csv").unlink()
            owner = up.owner_process
            shown = [" ".join(process.cmdline()) for process in place.processes()]
            os.kill(owner.pid, signal.SIGKILL)
            wait_for_message(receiver, "the session was killed, and is started again by itself")
            up.wait_for_owner(other_than=owner.pid)
            until(lambda: any("the session is live again" in title for title in receiver.titles), what="its recovery")
            running.process.kill()
            wait_for_message(receiver, "the session has ended: The process that serves the deployments is gone")
            for process in place.processes():
                process.kill()  # Prefect's engine waits for its server, which is gone, for minutes
        told = len(receiver.messages)
        with started(place, *arguments) as running:
            installation(running, place)
            until(lambda: any("live again" in title for title in receiver.titles[told:]), what="the recovery")
            assert running.end(signal.SIGTERM, patience_s=60) == 0, running.output
    for text in [*shown, *(log.read_text(errors="replace") for log in place.root.rglob("*.log"))]:
        assert SECRET not in text
    assert all(SECRET.encode() not in file.read_bytes() for file in place.state.rglob("*") if file.is_file())
