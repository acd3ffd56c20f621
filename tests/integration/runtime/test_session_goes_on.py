"""What a dataset, a question or a request meets ends no session, and what a session says at its start and its end."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from collections.abc import Callable
from typing import Any

import duckdb
import httpx
import polars as pl
import pytest
from polars.exceptions import PanicException

from flows.cube.duckdb.engine import DuckDbCube
from flows.errors import RequestFailed, SessionEnded
from flows.ingest import bootstrap, commit
from flows.ingest.business_days import Days
from flows.ingest.repair import SegmentRepair
from flows.ingest.status import FeedSource
from flows.ingest.watch import watch
from flows.landing.inbox import Inbox
from flows.runtime.health import Phase
from flows.settings import Settings
from flows.store.owner import End
from flows.store.segments import Segments
from flows.store.state_directory import StateDirectory
from tests.integration.runtime.watched_session import (
    QUESTION,
    Call,
    Session,
    beside,
    drop,
    failing,
)
from tests.waiting import until

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
        until(lambda: any(state.degraded for state in session.feed.datasets.values()))
        health = session.get("/health").json()["complaints"]
        assert any("degraded" in complaint and type(error).__name__ in complaint for complaint in health), health
        drop(settings, "b", "2.csv", start=10)
        for state in session.feed.datasets.values():
            state.retry_at = 0.0
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
    mend = SegmentRepair.repair

    def cannot(self: SegmentRepair, dataset: Any, mount: Any) -> Any:
        if dataset.name == "a":
            raise PanicException("a rule on a loaded row")
        return mend(self, dataset, mount)

    monkeypatch.setattr(SegmentRepair, "repair", cannot)

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
        monkeypatch.setattr(SegmentRepair, "repair", mend)
        session.feed.datasets["a"].retry_at = 0.0
        until(lambda: session.rows("a") == 2)
        until(lambda: session.get("/health").status_code == 200)

    beside(settings, story)


@pytest.mark.usefixtures("quick", "in_order")
def test_what_a_question_raises_is_its_answer(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def story(session: Session) -> None:
        for owner, name, path in (
            (DuckDbCube, "query", "/api/query?dataset=a&measure=contributors.COUNT"),
            (DuckDbCube, "rows", "/api/rows?dataset=a"),
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
def test_readers_of_a_session_that_starts_learn_how_far_it_is(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(settings, "a")
    seen: list[httpx.Response] = []
    serve = bootstrap._serve

    def remember(*given: Any, **named: Any) -> Any:
        source = serve(*given, **named)
        assert source.owner.url
        urls.append(source.owner.url)
        return source

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


def test_what_keeps_a_session_from_opening_is_kept_in_place_of_how_an_earlier_one_ended(settings: Settings) -> None:
    state = StateDirectory(settings.state)
    state.create()
    state.note_end(End("an earlier reason", "mend that", SessionEnded.exit_code))
    state.quarantine.touch()  # a file where a directory belongs
    with pytest.raises(FileExistsError), bootstrap.open_feed(settings):
        pytest.fail("it has opened")
    end = state.last_end()
    assert end is not None and end.code == 1 and "File exists" in end.why


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
