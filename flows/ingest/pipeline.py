"""The stages as coroutines: detect, validate and append each in a thread of their own.

A batch is checked while the one before is appended, and the next is detected meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from uuid import UUID

from flows.ingest.feed import Feed
from flows.ingest.load_summary import LoadSummary
from flows.ingest.table_fill import Progress
from flows.ingest.work import CheckedBatch, Outcome, Work
from flows.ingest.work_selection import DETECTING
from flows.runtime.boundaries import SessionFailed
from flows.runtime.health import STUCK_S, WORK_S

LOOP = "the session's loop"
CHECKING = "checking files"
APPENDING = "appending"
FILLING = "filling the cube"


class Stages:
    """Runs a feed's stages. One thread writes the cube; what a stage cannot contain ends the session."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self._threads = {name: ThreadPoolExecutor(1, name) for name in ("detect", "validate", "append")}

    async def __aenter__(self) -> Stages:
        self._turning = self.feed.health.start_task(LOOP, lambda: self.feed.health.run_heartbeat(LOOP))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.feed.stop()
        for threads in self._threads.values():
            await asyncio.to_thread(threads.shutdown, wait=True, cancel_futures=True)
        self._turning.cancel()

    async def detect(self, timeout_s: float) -> Work | None:
        """See `Feed.detect`."""
        return await self._in("detect", DETECTING, lambda: self.feed.detect(timeout_s), limit_s=STUCK_S)

    async def validate(self, work: Work) -> CheckedBatch | Outcome:
        """See `Feed.validate`."""
        return await self._in("validate", CHECKING, lambda: self.feed.validate(work))

    async def append(self, validated: CheckedBatch | Outcome) -> Outcome:
        """See `Feed.append`; nothing is appended any more once a part of the session has failed.

        Raises:
            SessionFailed: the session has to end.
        """
        if self.feed.health.failure is not None:
            raise self.feed.health.failure
        return await self._in("append", APPENDING, lambda: self.feed.append(validated))

    async def rebuild(self, progress: Progress | None = None) -> None:
        """See `Feed.rebuild`."""
        health = self.feed.health

        def note(dataset: str, done: int, total: int) -> None:
            rows = f", {done:,} of {total:,} rows" if total else ""
            health.note_progress(f"{dataset} is being filled{rows}")
            if progress:
                progress(dataset, done, total)

        await self._in("append", FILLING, lambda: self.feed.rebuild(note))

    async def load_waiting(
        self, progress: Progress | None = None, on_outcome: Callable[[Outcome], None] = lambda _: None
    ) -> LoadSummary:
        """Load all that is settled now, without waiting for more, unless it has to stop. Returns what became of it.

        Producers may never rest: it also ends once no dataset has anything but files that landed meanwhile.

        Args:
            progress: called with how many files of how many are done.
            on_outcome: called with each outcome.
        """
        loads, waiting = LoadSummary(), _WaitingFiles(self.feed, progress)
        appending: asyncio.Task[Outcome] | None = None
        rest: Work | None = None
        try:
            while not self.feed.stopping and (rest is not None or waiting.are_left):
                work = rest or await self._in("detect", DETECTING, self.feed.find_work, limit_s=STUCK_S)
                if work is None and appending is None:
                    break
                checked = await self.validate(work) if work is not None else None
                if appending is not None:
                    loads.note(await appending, on_outcome)
                appending = None
                if work is None or checked is None:  # what was appended may have left further work
                    continue
                appending = asyncio.create_task(self.append(checked))
                rest = _rest(checked)
                waiting.take(work, rest)
        finally:
            if appending is not None:
                await asyncio.wait({appending})
        if appending is not None:
            loads.note(await appending, on_outcome)
        if not self.feed.stopping:
            self.feed.health.begin_live()
        return loads

    async def _in[T](self, stage: str, name: str, call: Callable[[], T], *, limit_s: float | None = None) -> T:
        return await self.feed.health.run_in_thread(self._threads[stage], name, call, limit_s=limit_s or WORK_S)


class Window:
    """The queues through which work flows for a while: arrivals → validated → outcomes.

    Its stages run by themselves, in the loop in which it was made; who watches them may go away.

    Args:
        stages: what does the work.
    """

    def __init__(self, stages: Stages) -> None:
        self.stages = stages
        self.on_outcome: Callable[[Outcome], None] = lambda _: None
        self.started = asyncio.Event()
        self.run_id: UUID | None = None
        self.loads = LoadSummary()
        self.outside = LoadSummary()
        self._closed = False
        self._home = asyncio.get_running_loop()
        self._arrivals: asyncio.Queue[Work | None] = asyncio.Queue(1)
        self._validated: asyncio.Queue[CheckedBatch | Outcome | None] = asyncio.Queue(1)
        health = stages.feed.health
        self._validating = health.start_task("a window's checks", self._validate)
        self._appending = health.start_task("a window's commits", self._append)

    @property
    def reported(self) -> LoadSummary:
        """What its run reports: what was loaded outside of windows before, and what it has loaded itself."""
        return self.outside.then(self.loads)

    async def put(self, work: Work) -> None:
        """Give it work; waits while the stage before is full."""
        await self._arrive(work)

    async def close(self) -> None:
        """Let it finish what it has, and wait for its end."""
        if not self._closed:
            self._closed = True
            await self._arrive(None)
        await self.finished()

    async def checked(self) -> None:
        """Wait until it is closed and all that arrived is checked."""
        self.started.set()
        await asyncio.wait({self._validating})

    async def finished(self) -> None:
        """Wait until it is closed and all that arrived is appended; or one of its stages has failed."""
        await asyncio.wait({self._validating, self._appending}, return_when=asyncio.FIRST_EXCEPTION)

    async def at_home[T](self, call: Callable[[], Coroutine[None, None, T]]) -> T:
        """Wait for something in the loop that the window was made in, from any loop."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(call(), self._home))

    async def _arrive(self, work: Work | None) -> None:
        arriving = asyncio.ensure_future(self._arrivals.put(work))
        await asyncio.wait({arriving, self._validating}, return_when=asyncio.FIRST_COMPLETED)
        arriving.cancel()

    async def _validate(self) -> None:
        while (work := await self._arrivals.get()) is not None:
            with suppress(SessionFailed):  # the session ends; what is given meanwhile is for the next one
                validated = await self.stages.validate(work)
                await self._validated.put(validated)
                while (rest := _rest(validated)) is not None and not self.stages.feed.stopping:
                    validated = await self.stages.validate(rest)
                    await self._validated.put(validated)
        await self._validated.put(None)

    async def _append(self) -> None:
        while (validated := await self._validated.get()) is not None:
            with suppress(SessionFailed):
                outcome = await self.stages.append(validated)
                self.loads.note(outcome, self.on_outcome)


class _WaitingFiles:
    """The files that wait at a start, and how many of them are done."""

    def __init__(self, feed: Feed, progress: Progress | None) -> None:
        self._feed = feed
        self._progress = progress
        self._begun_ns = time.time_ns()
        self._done = self._newer = 0

    @property
    def are_left(self) -> bool:
        """Whether a dataset may still have files that had landed before."""
        return self._newer < len(self._feed.datasets)

    def take(self, work: Work, rest: Work | None) -> None:
        """This work is under way, but for the rest."""
        if work.request is None:
            self._newer = self._newer + 1 if _landed_since(self._begun_ns, work) else 0
        self._done += len(work.landed) - (len(rest.landed) if rest else 0)
        waiting = self._done + self._feed.waiting()
        self._feed.health.note_progress(f"{work.dataset} is being loaded, {self._done:,} of {waiting:,} files")
        if self._progress:
            self._progress(work.dataset, self._done, waiting)


def _landed_since(begun_ns: int, work: Work) -> bool:
    """Whether all files of a piece of work landed since then; one from the future says nothing of when it landed."""
    now_ns = time.time_ns()
    return all(begun_ns <= landed.signature.ctime_ns <= now_ns for landed in work.landed)


def _rest(validated: CheckedBatch | Outcome) -> Work | None:
    """What did not fit into memory beside what was validated."""
    return validated.rest if isinstance(validated, CheckedBatch) else None
