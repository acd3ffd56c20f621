"""A session that runs in this process, and calls of it that are made to fail."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from flows.errors import SessionEnded
from flows.ingest.bootstrap import OpenFeed
from flows.ingest.client import ask
from flows.ingest.watch import watch
from flows.settings import Settings
from tests.integration.live_feed import sales

Owner = object


Call = tuple[Owner, str]


QUESTION = "/api/query?dataset=a&measure=contributors.COUNT"


DECLARATION = """
from dataclasses import replace
from flows.datasets.sales import SALES
A = replace(SALES, name="a", landing="{root}/a")
B = replace(SALES, name="b", landing="{root}/b")
"""


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
