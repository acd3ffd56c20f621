"""`cubefeed up` with everything that may be killed, and what arrives of it at a receiver."""

from __future__ import annotations

import os
import re
import shutil
import signal

import pytest

from tests.e2e.program import SAMPLES, Place, installation, started
from tests.e2e.up.artifacts import HEADER
from tests.integration.alerts.receivers import SECRET, HttpReceiver, http_receiver
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.deep, pytest.mark.timeout(600)]

PATIENCE_S = 180.0
"""Much more than it takes: a start is bound by the processor."""


class Reader:
    """Reads what arrives, each message once."""

    def __init__(self, receiver: HttpReceiver) -> None:
        self._receiver = receiver
        self._read = 0

    def wait_for(self, words: str) -> None:
        """Wait for a message with these words that was not read, however many others come before it."""

        def look() -> bool:
            unread = self._receiver.titles[self._read :]
            found = next((number for number, title in enumerate(unread, 1) if re.search(words, title)), 0)
            assert found, f"so far {unread}"
            self._read += found
            return True

        until(look, what=words, patience_s=PATIENCE_S)


def test_whatever_is_killed_is_told_and_so_is_its_recovery_and_no_secret_is_shown(place: Place) -> None:
    shutil.copytree(SAMPLES / "current", place.landing)
    arguments = ("up", "--landing", place.landing, "--prefect-port", 0)
    with http_receiver() as receiver:
        messages = Reader(receiver)
        place.environment |= {
            "CUBEFEED_ALERTS": f"problem={receiver.address}",
            "CUBEFEED_HEARTBEAT_URL": f"{receiver.url}/beat",
        }
        with started(place, *arguments) as running:
            up = installation(running, place)
            until(lambda: f"GET /{SECRET}/beat" in receiver.called, what="the heartbeat")
            place.drop("bad.csv", HEADER + "1,never,phone,1\n")
            messages.wait_for("^Cubefeed: sales: 1 file was refused")
            (place.landing / "bad.csv").unlink()
            shown = [" ".join(process.cmdline()) for process in place.processes()]
            (server,) = [each for each in place.processes() if "flows.installation.prefect_app" in each.cmdline()]
            os.kill(server.pid, signal.SIGKILL)
            messages.wait_for("the Prefect server has ended, and is started again by itself")
            messages.wait_for("Prefect answers again; it lasted")
            os.kill(up.owner_process.pid, signal.SIGKILL)
            messages.wait_for("the session (was killed, and is|has ended, and was) started again by itself")
            messages.wait_for("the session is live again; it lasted")
            running.process.kill()
            messages.wait_for("the session has ended: The process that serves the deployments is gone")
            for process in place.processes():
                process.kill()  # Prefect's engine waits for its server, which is gone, for minutes
        with started(place, *arguments) as running:
            installation(running, place)
            messages.wait_for("the session is live again")
            assert running.end(signal.SIGTERM, patience_s=60) == 0, running.output
    for text in [*shown, *(log.read_text(errors="replace") for log in place.root.rglob("*.log"))]:
        assert SECRET not in text
    assert all(SECRET.encode() not in file.read_bytes() for file in place.state.rglob("*") if file.is_file())
