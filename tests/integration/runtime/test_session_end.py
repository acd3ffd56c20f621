"""What ends a session, and what does not: each stage, thread and task of it is made to fail in turn, with what the
libraries really raise."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import duckdb
import httpx
import pytest
import uvicorn
from polars.exceptions import PanicException

from flows.cube.duckdb.engine import DuckDbCube
from flows.cube.duckdb.sql import StoredTable
from flows.ingest import commit
from flows.ingest.bootstrap import OpenFeed
from flows.ingest.feed import Feed
from flows.ingest.pipeline import Window
from flows.ingest.work_selection import WorkSelection
from flows.runtime import memory
from flows.runtime.health import Health
from flows.runtime.heartbeats import Heartbeats
from flows.settings import Settings
from flows.web.hub import Hub
from tests.integration.runtime.watched_session import (
    QUESTION,
    Call,
    drop,
    end_of,
    failing,
)

ENDS: dict[str, Call] = {
    "detecting": (WorkSelection, "poll"),
    "validating": (Feed, "validate"),
    "appending": (Feed, "append"),
    "deciding": (commit.Appender, "_decide"),
    "the ledger's stage": (commit, "stage_batch"),
    "the cube's change": (DuckDbCube, "apply"),
    "the ledger's record": (commit, "mark_loaded"),
    "a window's checks": (Window, "_validate"),
    "a window's commits": (Window, "_append"),
    "a listener": (Hub, "mark_changed"),
    "the session's loop": (Health, "run_heartbeat"),
    "the watch over all that turns": (Heartbeats, "list_quiet"),
    "the thread that gives memory back": (memory, "_trim"),
    "the live page": (Hub, "_refresh_cells"),
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
    "detecting": (WorkSelection, "poll"),
}


RAISED = (PanicException("index out of bounds"), SystemExit(3), ValueError("a defect"))


def each_with_one_error() -> Iterator[Any]:
    """Each in turn with another kind of error; in the long run each with all."""
    for number, what in enumerate(ENDS):
        for kind, error in enumerate(RAISED):
            marks = [] if kind == number % len(RAISED) else [pytest.mark.deep]
            yield pytest.param(what, error, marks=marks, id=f"{what}-{type(error).__name__}")


@pytest.mark.slow
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


@pytest.mark.usefixtures("quick", "in_order")
def test_an_engine_that_is_lost_to_a_question_ends_the_session(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(opened: OpenFeed) -> None:
        failing(monkeypatch, (StoredTable, "select"), duckdb.FatalException("database has been invalidated"))
        threading.Thread(target=httpx.get, args=(f"{opened.owner.url}{QUESTION}",)).start()

    assert "has been invalidated" in str(end_of(settings, when_ready=lose))
