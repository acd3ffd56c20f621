"""The thread of the windows ends with nothing left in it."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from flows.orchestration import run_thread
from flows.orchestration.run_thread import RunThread


def test_what_is_handed_over_while_the_thread_ends_is_cancelled_before_it_begins(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    busy, free, begun = threading.Event(), threading.Event(), []
    join = threading.Thread.join

    async def occupy() -> None:
        busy.set()
        assert free.wait(20)

    async def work() -> None:
        begun.append("work")

    def free_and_join(thread: threading.Thread, timeout: float | None = None) -> None:
        free.set()  # only now: the loop finds the work and its own end together
        join(thread, timeout)

    async def story() -> None:
        runs = RunThread()
        first = asyncio.create_task(runs.run(occupy()))
        assert await asyncio.to_thread(busy.wait, 20)
        second = asyncio.create_task(runs.run(work()))
        await asyncio.sleep(0)  # it is handed over
        monkeypatch.setattr(threading.Thread, "join", free_and_join)
        runs.stop()
        third = asyncio.create_task(runs.run(work()))
        done, pending = await asyncio.wait([first, second, third], timeout=20)
        assert len(done) == 3 and not pending and second.cancelled() and third.cancelled()

    asyncio.run(story())
    gc.collect()  # what is freed while it is pending says so in the log
    assert not begun and not caplog.records


def test_a_run_that_does_not_end_when_it_is_cancelled_is_abandoned_without_a_word(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(run_thread, "DRAIN_S", 0.05)
    begun = threading.Event()

    async def stay() -> None:
        begun.set()
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue

    async def story() -> None:
        runs = RunThread()
        running = asyncio.create_task(runs.run(stay()))
        assert await asyncio.to_thread(begun.wait, 20)
        runs.stop()
        await asyncio.wait([running], timeout=20)
        assert running.cancelled()

    asyncio.run(story())
    gc.collect()
    assert not caplog.records and "windows" not in {thread.name for thread in threading.enumerate()}
