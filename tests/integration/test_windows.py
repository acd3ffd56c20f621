"""A window's stages are the session's own: Prefect's run only watches them."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from flows.app.feed import Feed
from flows.app.opening import open_feed
from flows.app.stages import Stages, Window
from flows.app.work import Outcome, Validated, Work
from flows.settings import Settings
from tests.integration.living import sales


def test_a_window_whose_run_fails_while_it_validates_loses_no_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing = tmp_path / "landing"
    landing.mkdir()
    checking, released = threading.Event(), threading.Event()
    validate = Feed.validate

    def slowly(self: Feed, work: Work) -> Validated | Outcome:
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
