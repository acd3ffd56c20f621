"""What stands still ends the session, and what only takes long does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import httpx
import pytest
from polars.exceptions import PanicException

from flows.cube.bounds import Bounds
from flows.errors import NotRunning, SessionEnded
from flows.ingest import bootstrap, pipeline
from flows.ingest.bootstrap import OpenFeed
from flows.ingest.business_days import Days
from flows.ingest.feed import Feed
from flows.ingest.work_selection import WorkSelection
from flows.runtime import health
from flows.runtime.health import Health
from flows.runtime.progress import show_progress
from flows.settings import Settings
from flows.store.state_directory import StateDirectory
from tests.e2e.program import SOURCES
from tests.integration.runtime.watched_session import (
    Call,
    Session,
    beside,
    drop,
    end_of,
)
from tests.repository import ROOT
from tests.waiting import until


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("call", [(WorkSelection, "poll"), (Feed, "validate")], ids=["a loop", "a piece of work"])
def test_what_stands_still_is_a_complaint_and_ends_the_session(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    released, forced = threading.Event(), list[SessionEnded]()
    owner, name = call
    monkeypatch.setattr(health, "STUCK_S", 0.6)
    monkeypatch.setattr(pipeline, "STUCK_S", 0.6)
    monkeypatch.setattr(pipeline, "WORK_S", 1.5)
    monkeypatch.setattr(health, "END_S", 0.5)

    def kill(ended: SessionEnded) -> None:
        forced.append(ended)
        released.set()

    monkeypatch.setattr(bootstrap, "Health", lambda **_: Health(kill=kill))
    complaints: list[str] = []

    original = getattr(owner, name)

    def stuck(*given: Any) -> Any:
        released.wait(20)
        return original(*given)

    def stand_still(opened: OpenFeed) -> None:
        monkeypatch.setattr(owner, name, stuck)
        drop(settings, "a")
        threading.Thread(target=look, args=(opened,)).start()

    def look(opened: OpenFeed) -> None:
        while opened.feed.health.failure is None:
            complaints.extend(opened.feed.health.list_complaints())
            time.sleep(0.05)
        complaints.extend(opened.feed.health.list_complaints())

    assert "no progress" in str(end_of(settings, when_ready=stand_still))
    assert len(forced) == 1 and "no progress" in str(forced[0])
    assert any("has shown no progress" in complaint for complaint in complaints)


def test_a_thread_that_ends_questions_in_time_ends_the_session_where_it_fails() -> None:
    def broken() -> None:
        raise PanicException("in an interruption")

    with Health() as watched:
        with Bounds(within_s=0.0).interrupting(broken):
            until(lambda: watched.failure is not None)
        assert watched.failure is not None and "in an interruption" in str(watched.failure)


def test_a_process_that_was_stopped_as_a_whole_does_not_count_as_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "STUCK_S", 0.5)
    monkeypatch.setattr(health, "LOOK_S", 0.05)
    looked = threading.Event()
    with Health() as watched, watched.heartbeat("a loop", limit_s=0.5):
        wait = watched._closed.wait

        def stopped(timeout: float) -> bool:
            time.sleep(1.0)  # as long as the process was stopped
            watched._closed.wait = wait  # type: ignore[method-assign]
            looked.set()
            return False

        watched._closed.wait = stopped  # type: ignore[method-assign, assignment]
        assert looked.wait(5)
        assert not watched._closed.wait(0.2)
        assert watched.failure is None


@pytest.mark.slow
def test_a_session_that_hangs_is_ended_by_force_and_its_exit_code_says_so(settings: Settings) -> None:
    """As a process: `prepare` never comes back, and SIGTERM is not waited for for ever."""
    root = settings.state.parent
    (root / "hanging.py").write_text(
        (root / "declaration.py").read_text()
        + "import threading\nC = replace(A, prepare=lambda frame: threading.Event().wait())\n"
    )
    program = "from flows.cli import main as cli; from flows.runtime import health; health.END_S = 1.0; cli.main()"
    command = [sys.executable, "-c", program, "watch", "--dataset", str(root / "hanging.py") + ":C"]
    environment = {
        **os.environ,
        "CUBEFEED_STATE": str(settings.state),
        "PYTHONPATH": SOURCES,
    }
    drop(settings, "a")
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        until(lambda: (settings.state / "owner.json").exists())
        owner = StateDirectory(settings.state).require_owner()
        until(lambda: _waits(owner.url or ""))
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == SessionEnded.exit_code
    finally:
        process.kill()
        process.wait()
    assert "ended by force; it was at: checking files" in (root / "log").read_text()
    end = StateDirectory(settings.state).last_end()
    assert end is not None and end.code == SessionEnded.exit_code and "checking files" in end.why
    with pytest.raises(NotRunning, match=r"the last session ended at .*checking files"):
        StateDirectory(settings.state).require_owner()


def _waits(url: str) -> bool:
    waits = httpx.get(f"{url}/api/status", trust_env=False).json()["datasets"]["a"]["waits"]
    return any(each["for"] == "its turn" for each in waits)


@pytest.mark.usefixtures("quick", "in_order")
def test_long_work_that_shows_progress_is_not_stuck(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "STUCK_S", 0.4)
    monkeypatch.setattr(pipeline, "WORK_S", 0.4)
    verify = Days.verify

    def slowly(self: Days, *given: Any, **named: Any) -> Any:
        began = time.monotonic()
        while time.monotonic() - began < 1.5:
            show_progress()
            time.sleep(0.05)  # each piece of a long comparison
        return verify(self, *given, **named)

    monkeypatch.setattr(Days, "verify", slowly)

    def story(session: Session) -> None:
        assert session.ask("a", "verify")["verify"]["missing"] == 0

    beside(settings, story)
