"""What ends a session, and what does not: each stage, thread and task of it is made to fail in turn, with what the
libraries really raise."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import httpx
import polars as pl
import pytest
import uvicorn
from polars.exceptions import PanicException

from flows.cube.bounds import Bounds
from flows.cube.duckdb.engine import DuckDbCube
from flows.cube.duckdb.sql import StoredTable
from flows.errors import NotRunning, RequestFailed, SessionEnded
from flows.ingest import bootstrap, commit, pipeline
from flows.ingest.bootstrap import OpenFeed
from flows.ingest.business_days import Days
from flows.ingest.client import ask
from flows.ingest.feed import Feed
from flows.ingest.pipeline import Window
from flows.ingest.repair import Mender
from flows.ingest.status import FeedSource
from flows.ingest.watch import watch
from flows.landing import pending_files
from flows.landing.inbox import Inbox
from flows.runtime import health, memory
from flows.runtime.health import Health, Phase
from flows.runtime.heartbeats import Heartbeats
from flows.runtime.progress import show_progress
from flows.settings import Settings
from flows.store.owner import End
from flows.store.segments import Segments
from flows.store.state_directory import StateDirectory
from flows.web.hub import Hub
from tests.e2e.running import SOURCES
from tests.integration.live_feed import sales
from tests.repository import ROOT

Owner = object
Call = tuple[Owner, str]

ENDS: dict[str, Call] = {
    "detecting": (Feed, "poll"),
    "validating": (Feed, "validate"),
    "appending": (Feed, "append"),
    "deciding": (commit.Appender, "_decide"),
    "the ledger's stage": (commit, "stage_batch"),
    "the cube's change": (DuckDbCube, "apply"),
    "the ledger's record": (commit, "mark_loaded"),
    "a window's checks": (Window, "_validate"),
    "a window's commits": (Window, "_append"),
    "a listener": (Hub, "poke"),
    "the session's loop": (Health, "run_heartbeat"),
    "the watch over all that turns": (Heartbeats, "list_quiet"),
    "the thread that gives memory back": (memory, "_trim"),
    "the live page": (Hub, "_show_cells"),
    "the server of the live page": (uvicorn.Server, "run"),
}
"""What is made to raise once the session is live → the session ends."""
BEGUN_ONCE = (
    "a window's checks",
    "a window's commits",
    "the session's loop",
    "the live page",
    "the server of the live page",
)
AT_THE_START: dict[str, Call] = {
    "filling the cube": (DuckDbCube, "rebuild"),
    "detecting": (Feed, "poll"),
}
QUESTION = "/api/query?dataset=a&measure=contributors.COUNT"
RAISED = (PanicException("index out of bounds"), SystemExit(3), ValueError("a defect"))


DECLARATION = """
from dataclasses import replace
from flows.datasets.sales import SALES
A = replace(SALES, name="a", landing="{root}/a")
B = replace(SALES, name="b", landing="{root}/b")
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Two datasets, `a` and `b`, each with a landing directory of that name."""
    declaration = tmp_path / "declaration.py"
    declaration.write_text(DECLARATION.format(root=tmp_path), encoding="utf-8")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    return Settings(state=tmp_path / "state", datasets=f"{declaration}:A,{declaration}:B", settle_s=0.0)


def each_with_one_error() -> Iterator[Any]:
    """Each in turn with another kind of error; in the long run each with all."""
    for number, what in enumerate(ENDS):
        for kind, error in enumerate(RAISED):
            marks = [] if kind == number % len(RAISED) else [pytest.mark.deep]
            yield pytest.param(what, error, marks=marks, id=f"{what}-{type(error).__name__}")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "LOOK_S", 0.05)
    monkeypatch.setattr(memory, "EVERY_S", 0.05)
    monkeypatch.setattr(pending_files, "RETRY_S", 0.2)


@pytest.fixture
def in_order(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No session has to be ended by force."""
    forced: list[SessionEnded] = []
    monkeypatch.setattr(bootstrap, "Health", lambda **_: Health(kill=forced.append))
    yield
    assert forced == [], "the session did not end in order"


def failing(monkeypatch: pytest.MonkeyPatch, call: Call, error: BaseException, *, once: bool = True) -> None:
    """From now on a call raises."""
    owner, name = call
    original = getattr(owner, name)
    raised: list[bool] = []

    def raising(*given: Any, **named: Any) -> Any:
        if once and raised:
            return original(*given, **named)
        raised.append(True)
        raise error

    async def raising_later(*given: Any, **named: Any) -> Any:
        return await raising(*given, **named)

    monkeypatch.setattr(owner, name, raising_later if asyncio.iscoroutinefunction(original) else raising)


def end_of(settings: Settings, *, when_ready: Callable[[OpenFeed], None] = lambda _: None) -> SessionEnded:
    """Run a session until it ends by itself; why it did."""
    with pytest.raises(SessionEnded) as found:
        asyncio.run(watch(settings, on_ready=when_ready))
    return found.value


def drop(settings: Settings, dataset: str, name: str = "1.csv", *, start: int = 1) -> None:
    """A file of two rows."""
    (settings.state.parent / dataset / name).write_bytes(sales(1, 2, start=start))


@pytest.mark.usefixtures("quick", "in_order")
@pytest.mark.parametrize(("what", "error"), list(each_with_one_error()))
def test_whatever_a_stage_a_thread_or_a_task_raises_ends_the_session_and_says_why(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    what: str,
    error: BaseException,
) -> None:
    def live(_: OpenFeed) -> None:
        failing(monkeypatch, ENDS[what], error)
        drop(settings, "a")

    if what in BEGUN_ONCE:
        failing(monkeypatch, ENDS[what], error)
    ended = end_of(settings, when_ready=live)
    assert type(error).__name__ in str(ended) and "start it again" in str(ended)
    assert "the session ends, because" in caplog.text


@pytest.mark.usefixtures("quick", "in_order")
@pytest.mark.parametrize("what", AT_THE_START)
def test_a_failure_at_the_start_ends_the_session_too(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    failing(monkeypatch, AT_THE_START[what], PanicException("at the start"))
    drop(settings, "a")
    assert "at the start" in str(end_of(settings, when_ready=lambda _: pytest.fail("it says that it is ready")))


class Session:
    """A session that is watched from a thread beside it."""

    def __init__(self, opened: OpenFeed) -> None:
        self.opened = opened
        self.feed = opened.feed

    def rows(self, dataset: str) -> int:
        return self.feed.cube.row_count(dataset)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.opened.owner.url}{path}", trust_env=False, timeout=20)

    def ask(self, dataset: str, kind: Any, **payload: Any) -> dict[str, Any]:
        return ask(self.opened.feed.ledger.file.parent, dataset, kind, payload, timeout_s=20)


def beside(settings: Settings, story: Callable[[Session], None]) -> None:
    """Run a session, and what a test does to it in another thread; it must end in order."""
    failures: list[BaseException] = []

    def run(opened: OpenFeed) -> None:
        try:
            story(Session(opened))
        except BaseException as error:
            failures.append(error)
        finally:
            opened.feed.stop()

    def begin(opened: OpenFeed) -> None:
        threading.Thread(target=run, args=(opened,), name="story").start()

    asyncio.run(watch(settings, on_ready=begin))
    if failures:
        raise failures[0]


def until(condition: Callable[[], object], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.01)


DEGRADES: dict[str, tuple[Call, BaseException]] = {
    "its landing directory cannot be listed": ((Inbox, "rescan"), PanicException("in a listing")),
    "its disk is full": ((Segments, "write"), OSError(28, "No space left on device")),
    "its ledger is locked": ((commit, "stage_batch"), sqlite3.OperationalError("database is locked")),
    "another of its segments is damaged": ((commit, "change_set"), pl.exceptions.ComputeError("corrupt")),
    "questions hold the memory": ((DuckDbCube, "apply"), duckdb.OutOfMemoryException("Out of Memory Error")),
}


@pytest.mark.usefixtures("quick", "in_order")
@pytest.mark.parametrize("why", DEGRADES)
def test_what_hinders_one_dataset_degrades_it_and_it_goes_on_by_itself(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    monkeypatch.setattr("flows.ingest.dataset_state.RETRY_S", 3600.0)
    call, error = DEGRADES[why]
    if isinstance(error, sqlite3.OperationalError):
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY

    def story(session: Session) -> None:
        drop(settings, "b")
        until(lambda: session.rows("b") == 2)
        failing(monkeypatch, call, error)
        drop(settings, "a")
        until(lambda: any(desk.degraded for desk in session.feed.desks.values()))
        health = session.get("/health").json()["complaints"]
        assert any("degraded" in complaint and type(error).__name__ in complaint for complaint in health), health
        drop(settings, "b", "2.csv", start=10)
        for desk in session.feed.desks.values():
            desk.retry_at = 0.0
        until(lambda: (session.rows("a"), session.rows("b")) == (2, 4))
        until(lambda: session.get("/health").status_code == 200)

    beside(settings, story)


@pytest.mark.usefixtures("quick", "in_order")
def test_a_dataset_that_cannot_be_filled_at_the_start_is_degraded_and_the_others_answer(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(settings, "a")
    drop(settings, "b")
    beside(settings, lambda session: None)
    monkeypatch.setattr("flows.ingest.dataset_state.RETRY_S", 3600.0)
    mend = Mender.mend

    def cannot(self: Mender, dataset: Any, mount: Any) -> Any:
        if dataset.name == "a":
            raise PanicException("a rule on a loaded row")
        return mend(self, dataset, mount)

    monkeypatch.setattr(Mender, "mend", cannot)

    def story(session: Session) -> None:
        refused = session.get("/api/query?dataset=a&measure=contributors.COUNT")
        assert refused.status_code == 503 and "a rule on a loaded row" in refused.json()["error"]
        assert int(refused.headers["Retry-After"]) > 0
        answered = session.get("/api/query?dataset=b&measure=contributors.COUNT")
        assert answered.json()["rows"] == [{"contributors.COUNT": 2}]
        drop(settings, "b", "2.csv", start=10)
        until(lambda: session.rows("b") == 4)
        with pytest.raises(RequestFailed, match="degraded"):
            session.ask("a", "load")
        monkeypatch.setattr(Mender, "mend", mend)
        session.feed.desks["a"].retry_at = 0.0
        until(lambda: session.rows("a") == 2)
        until(lambda: session.get("/health").status_code == 200)

    beside(settings, story)


@pytest.mark.usefixtures("quick", "in_order")
def test_what_a_question_raises_is_its_answer(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def story(session: Session) -> None:
        for owner, name, path in (
            (DuckDbCube, "query", "/api/query?dataset=a&measure=contributors.COUNT"),
            (FeedSource, "status", "/api/status"),
            (FeedSource, "files", "/api/files"),
        ):
            failing(monkeypatch, (owner, name), PanicException("in a question"))
            answer = session.get(path)
            assert answer.status_code == 500 and "in a question" in answer.json()["error"] and answer.json()["next"]
        drop(settings, "a")
        until(lambda: session.rows("a") == 2)

    beside(settings, story)


@pytest.mark.usefixtures("quick", "in_order")
def test_an_engine_that_is_lost_to_a_question_ends_the_session(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(opened: OpenFeed) -> None:
        failing(monkeypatch, (StoredTable, "select"), duckdb.FatalException("database has been invalidated"))
        threading.Thread(target=httpx.get, args=(f"{opened.owner.url}{QUESTION}",)).start()

    assert "has been invalidated" in str(end_of(settings, when_ready=lose))


@pytest.mark.usefixtures("quick", "in_order")
@pytest.mark.parametrize("kind", ["verify", "report", "close-day"])
def test_what_a_request_raises_fails_it_and_nothing_else(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def story(session: Session) -> None:
        failing(monkeypatch, (Days, "verify"), PanicException("in a request"))
        with pytest.raises(RequestFailed, match="in a request"):
            session.ask("a", kind)
        drop(settings, "a")
        until(lambda: session.rows("a") == 2)

    beside(settings, story)


@pytest.mark.usefixtures("quick", "in_order")
def test_readers_of_a_session_that_starts_are_told_how_far_it_is(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(settings, "a")
    seen: list[httpx.Response] = []
    serve = bootstrap._serve

    def remember(*given: Any, **named: Any) -> Any:
        owner = serve(*given, **named)
        assert owner.url
        urls.append(owner.url)
        return owner

    def look(original: Callable[..., Any]) -> Callable[..., Any]:
        def looking(*given: Any, **named: Any) -> Any:
            seen.extend(httpx.get(f"{urls[0]}{path}", trust_env=False) for path in (QUESTION, "/health", "/api/status"))
            return original(*given, **named)

        return looking

    urls: list[str] = []
    monkeypatch.setattr(bootstrap, "_serve", remember)
    monkeypatch.setattr(DuckDbCube, "rebuild", look(DuckDbCube.rebuild))
    monkeypatch.setattr(DuckDbCube, "apply", look(DuckDbCube.apply))

    def story(session: Session) -> None:
        assert session.get(QUESTION).json()["rows"] == [{"contributors.COUNT": 2}]
        assert session.get("/health").status_code == 200
        status = session.get("/api/status").json()
        assert (status["phase"], status["progress"]) == (Phase.LIVE, None)

    beside(settings, story)
    assert len(seen) == 9
    for question, well, status in zip(*[iter(seen)] * 3, strict=True):
        assert question.status_code == 503 and "not complete" in question.json()["error"]
        assert int(question.headers["Retry-After"]) > 0
        assert well.status_code == 503 and "starting" in str(well.json()["complaints"])
        assert status.json()["phase"] == Phase.STARTING and status.json()["progress"]
        assert not any(dataset["ready"] for dataset in status.json()["datasets"].values())


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("call", [(Feed, "poll"), (Feed, "validate")], ids=["a loop", "a piece of work"])
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
        until(lambda: (settings.state / "owner.json").exists(), 30)
        owner = StateDirectory(settings.state).require_owner()
        until(lambda: _waits(owner.url or ""), 30)
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


def test_what_keeps_a_session_from_opening_is_kept_in_place_of_how_an_earlier_one_ended(settings: Settings) -> None:
    state = StateDirectory(settings.state)
    state.create()
    state.note_end(End("an earlier reason", "mend that", SessionEnded.exit_code))
    state.quarantine.touch()  # a file where a directory belongs
    with pytest.raises(FileExistsError), bootstrap.open_feed(settings):
        pytest.fail("it has opened")
    end = state.last_end()
    assert end is not None and end.code == 1 and "File exists" in end.why


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


def test_a_session_that_is_told_to_end_in_the_moment_in_which_it_is_announced_ends_in_order(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce = StateDirectory.announce

    def announce_and_end(state: StateDirectory, owner: Any) -> None:
        announce(state, owner)
        assert state.owner_file.exists() and signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(StateDirectory, "announce", announce_and_end)
    asyncio.run(watch(settings, on_ready=lambda _: pytest.fail("it went on")))
    assert not StateDirectory(settings.state).owner_file.exists()
