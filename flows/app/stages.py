"""The stages as coroutines: detect, validate and append each in a thread of their own.

A batch is checked while the one before is appended, and the next is detected meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from uuid import UUID

from flows.app.feed import Feed, Progress
from flows.app.work import Outcome, Validated, Work


class Stages:
    """Runs a feed's stages. One thread writes the cube; after a failed append nothing is appended any more."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.failure: BaseException | None = None
        self._threads = {name: ThreadPoolExecutor(1, name) for name in ("detect", "validate", "append")}

    async def __aenter__(self) -> Stages:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.feed.stop()
        for threads in self._threads.values():
            await asyncio.to_thread(threads.shutdown, wait=True, cancel_futures=True)

    async def detect(self, timeout_s: float) -> Work | None:
        """See `Feed.detect`; raises what made an append fail."""
        work = await self._in("detect", self.feed.detect, timeout_s)
        if self.failure is not None:
            raise self.failure
        return work

    async def validate(self, work: Work) -> Validated | Outcome:
        """See `Feed.validate`."""
        return await self._in("validate", self.feed.validate, work)

    async def append(self, validated: Validated | Outcome) -> Outcome:
        """See `Feed.append`. When it fails the feed stops, and `detect` raises why."""
        try:
            if self.failure is not None:
                raise self.failure
            return await self._in("append", self.feed.append, validated)
        except Exception as error:
            self.failure = error
            self.feed.stop()
            raise

    async def rebuild(self, progress: Progress | None = None) -> None:
        """See `Feed.rebuild`."""
        await self._in("append", self.feed.rebuild, progress)

    async def load_waiting(self, progress: Progress | None = None) -> list[Outcome]:
        """Load all that is settled now, without waiting for more, unless told to stop. Returns what became of it.

        Producers may never rest: it also ends once no dataset has anything but files that landed meanwhile.
        """
        outcomes: list[Outcome] = []
        appending: asyncio.Task[Outcome] | None = None
        done = newer = 0
        begun_ns = time.time_ns()
        while not self.feed.stopping and newer < len(self.feed.desks):
            work = await self._in("detect", self.feed.poll)
            if work is None:
                break
            if work.request is None:
                landed_since = all(landed.signature.ctime_ns >= begun_ns for landed in work.landed)
                newer = newer + 1 if landed_since else 0
            validated = await self.validate(work)
            if appending is not None:
                outcomes.append(await appending)
            appending = asyncio.create_task(self.append(validated))
            done += len(work.landed)
            if progress:
                progress(work.dataset, done, done + self.feed.waiting())
        if appending is not None:
            outcomes.append(await appending)
        return outcomes

    async def _in[**P, T](self, stage: str, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads[stage], lambda: call(*args, **kwargs))


class Window:
    """The queues through which work flows for a while: arrivals → validated → outcomes.

    Args:
        stages: what does the work.
        remember: keep the outcomes; a window without an end would keep ever more.
    """

    def __init__(self, stages: Stages, *, remember: bool = True) -> None:
        self.stages = stages
        self._remember = remember
        self.started = asyncio.Event()
        self.run_id: UUID | None = None
        self._dead = False
        self._home = asyncio.get_running_loop()
        self.outcomes: list[Outcome] = []
        self.outside: list[Outcome] = []
        self._arrivals: asyncio.Queue[Work | None] = asyncio.Queue(1)
        self._validated: asyncio.Queue[Validated | Outcome | None] = asyncio.Queue(1)

    async def put(self, work: Work) -> None:
        """Give it work; waits while the stage before is full."""
        await self._arrivals.put(work)
        if self._dead:
            await self.drain()

    async def drain(self) -> None:
        """Finish what lies in the queues, when nothing takes it out any more; what is put later too."""
        self._dead = True
        while not self._validated.empty() or not self._arrivals.empty():
            waiting = self._validated if not self._validated.empty() else self._arrivals
            item = waiting.get_nowait()
            if item is not None:
                validated = await self.stages.validate(item) if isinstance(item, Work) else item
                self.outcomes.append(await self.stages.append(validated))

    async def close(self) -> None:
        """Let it finish what it has and end."""
        await self._arrivals.put(None)

    async def validate(self) -> None:
        """Check what arrives, until the window is closed."""
        self.started.set()
        while (work := await self._arrivals.get()) is not None:
            await self._validated.put(await self.stages.validate(work))
        await self._validated.put(None)

    async def append(self, tell: Callable[[Outcome], None] | None = None) -> None:
        """Append what is checked, until the window is closed; `tell` hears of each outcome.

        Raises:
            Exception: what made an append fail, after the rest was taken out of the queue.
        """
        while (validated := await self._validated.get()) is not None:
            with contextlib.suppress(Exception):  # the stages remember it and stop the feed
                outcome = await self.stages.append(validated)
                if self._remember:
                    self.outcomes.append(outcome)
                if tell is not None:
                    tell(outcome)
        if self.stages.failure is not None:
            raise self.stages.failure

    async def at_home(self, stage: Coroutine[None, None, None]) -> None:
        """Run a stage in the loop that the window was made in, from any loop."""
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(stage, self._home))

    async def run(self) -> None:
        """Both stages, side by side."""
        await asyncio.gather(self.validate(), self.append())
