"""A window's stages are the session's own: Prefect's run only watches them."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Never
from uuid import uuid4

import httpx
import pytest
from polars.exceptions import PanicException

from flows import keep_cube_live
from flows import load_window as windows_flow
from flows.ingest.bootstrap import open_feed
from flows.ingest.feed import Feed
from flows.ingest.pipeline import Stages, Window
from flows.ingest.work import CheckedBatch, FileOutcome, Outcome, Work
from flows.load_window import load_window
from flows.orchestration import windows as orchestrated
from flows.orchestration.windows import Run, Windows
from flows.runtime.boundaries import NothingFailed, SessionFailed
from flows.settings import Settings
from tests.integration.live_feed import sales


def test_a_window_whose_run_fails_while_it_validates_loses_no_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing = tmp_path / "landing"
    landing.mkdir()
    checking, released = threading.Event(), threading.Event()
    validate = Feed.validate

    def slowly(self: Feed, work: Work) -> CheckedBatch | Outcome:
        checking.set()
        assert released.wait(20)
        return validate(self, work)

    monkeypatch.setattr(Feed, "validate", slowly)

    async def story() -> None:
        with open_feed(Settings(state=tmp_path / "state", landing=landing, settle_s=0.0)) as opened:
            async with Stages(opened.feed) as stages:
                await stages.rebuild()
                await stages.load_waiting()
                (landing / "sales_1.csv").write_bytes(sales(1, 2))
                work = await stages.detect(20)
                assert work is not None
                window = Window(stages)
                watched: list[asyncio.Task[Any]] = [
                    asyncio.create_task(window.at_home(wait)) for wait in (window.checked, window.finished)
                ]
                await window.put(work)
                assert await asyncio.to_thread(checking.wait, 20)
                for task in watched:  # which is what a failing flow does to its tasks
                    task.cancel()
                await asyncio.wait(watched)
                released.set()
                await window.close()
                assert (window.loads.rows, opened.feed.cube.row_count("sales")) == (2, 2)

    asyncio.run(story())


class AbsentServer:
    """The client of a server that is away."""

    def __init__(self, *, retries: int = 5) -> None:
        pass

    async def __aenter__(self) -> Never:
        raise httpx.ConnectError("All connection attempts failed")

    async def __aexit__(self, *_: object) -> None:
        pass


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect does not answer, and no server is started for it."""
    monkeypatch.setattr(orchestrated, "client_of", AbsentServer)
    monkeypatch.setattr(keep_cube_live, "client_of", AbsentServer)
    monkeypatch.setattr(keep_cube_live, "detect_files", lambda stages: stages.detect(1.0))


Break = Callable[[pytest.MonkeyPatch], None]


async def panic(*_: object, **__: object) -> None:
    raise PanicException("in a task")


def break_the_watch_over_the_windows(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Windows, "_watch_windows", panic)


def break_the_watch_over_the_parent(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(keep_cube_live, "_watch_parent", panic)


def break_the_watch_over_the_state(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(keep_cube_live, "_watch_state", panic)


def break_a_window(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Windows, "_run", panic)


def break_the_loop_of_the_runs(patch: pytest.MonkeyPatch) -> None:
    begin = Windows.__init__

    def begin_and_break(self: Windows, stages: Stages, run: Run) -> None:
        begin(self, stages, run)
        self._runs._loop.call_soon_threadsafe(sys.exit, 3)

    patch.setattr(Windows, "__init__", begin_and_break)


@pytest.mark.usefixtures("away")
@pytest.mark.parametrize(
    "breaks",
    [
        break_the_watch_over_the_windows,
        break_the_watch_over_the_parent,
        break_the_watch_over_the_state,
        break_a_window,
        break_the_loop_of_the_runs,
    ],
    ids=lambda breaks: breaks.__name__,
)
def test_a_task_around_prefect_that_fails_by_a_defect_ends_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, breaks: Break
) -> None:
    landing = tmp_path / "landing"
    landing.mkdir()
    breaks(monkeypatch)

    async def story() -> None:
        with (
            open_feed(Settings(state=tmp_path / "state", landing=landing, settle_s=0.0)) as opened,
            keep_cube_live._ended_in_order(keep_cube_live.Ending(), uuid4(), opened.feed),
            suppress(SessionFailed),
        ):
            async with Stages(opened.feed) as stages:
                await stages.rebuild()
                await stages.load_waiting()
                (landing / "sales_1.csv").write_bytes(sales(1, 2))
                await keep_cube_live._serve(stages)
            failure = opened.feed.health.failure
            assert failure is not None and isinstance(failure.cause, PanicException | SystemExit)

    asyncio.run(asyncio.wait_for(story(), 30))


@pytest.mark.usefixtures("away")
def test_a_session_loads_while_prefect_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    landing = tmp_path / "landing"
    landing.mkdir()

    async def story() -> None:
        with open_feed(Settings(state=tmp_path / "state", landing=landing, settle_s=0.0)) as opened:
            async with Stages(opened.feed) as stages:
                await stages.rebuild()
                await stages.load_waiting()
                windows = Windows(stages, load_window)
                (landing / "sales_1.csv").write_bytes(sales(1, 2))
                while opened.feed.cube.row_count("sales") < 2:
                    work = await stages.detect(1)
                    if work is not None:
                        await windows.put(work)
                await windows.close(patience_s=1)
                assert opened.feed.health.failure is None

    asyncio.run(asyncio.wait_for(story(), 30))


def absent(*_: object) -> None:
    raise httpx.ConnectError("All connection attempts failed")


@pytest.mark.parametrize(("files", "state"), [((), "COMPLETED"), ((FileOutcome("a.csv", "loaded"),), None)])
def test_a_window_that_loaded_nothing_has_not_failed_where_its_report_does_not_arrive(
    files: tuple[FileOutcome, ...], state: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(windows_flow, "name_run", absent)

    async def story() -> str | None:
        (tmp_path / "landing").mkdir()
        with open_feed(Settings(state=tmp_path / "state", landing=tmp_path / "landing")) as opened:
            async with Stages(opened.feed) as stages:
                window = Window(stages)
                window.loads.add(Outcome("sales", files))
                await window.close()
                try:
                    return (await windows_flow.report_window(window)).type.value
                except NothingFailed:
                    return None

    assert asyncio.run(story()) == state
