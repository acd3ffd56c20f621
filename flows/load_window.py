"""A window: the Prefect run that covers what is loaded during some seconds.

Prefect never delays the data. Work goes to the open window; while none is open, the same stages run without
one, and what they loaded is reported by the next window.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from math import inf
from uuid import UUID

from prefect import flow
from prefect.runtime import flow_run

from flows.app.loads import Loads
from flows.app.stages import Stages, Window
from flows.app.work import Work
from flows.core.boundaries import Doing, NothingFailed, boundary
from flows.reporting import name_run, publish_loads, window_name
from flows.runs import client_of, end_unheard
from flows.tasks import append_files, validate_files

log = logging.getLogger(__name__)

OPEN_S = 60.0
"""How long a window takes work at most."""
IDLE_S = 10.0
"""How long a window stays open without work."""
PATIENCE_S = 0.3
"""How long the first work of a window waits for Prefect."""
RETRY_S = 5.0
"""How long to wait after Prefect could not open a window."""
LOOK_S = 0.2


@flow(name="load_window", validate_parameters=False)
async def load_window(window: Window) -> None:
    """Check and append what arrives until the window closes, then report it, and what was loaded without one."""
    window.run_id = UUID(flow_run.get_id())
    try:
        await asyncio.gather(validate_files(window), append_files(window))
    finally:
        await name_run(window_name(window.outside.then(window.loads)))
        await publish_loads(window.loads, window.outside, window.stages.feed.quarantine.findings)


async def _reach(unended: list[UUID]) -> None:
    """See that Prefect answers, and end the runs of which it has not heard that they are over.

    Raises:
        Exception: it does not answer. A run that waits for it does so in ever longer steps, and then gives up.
    """
    async with client_of(retries=0) as client:
        trouble = await client.api_healthcheck()
        if trouble is not None:
            raise trouble
        while unended:
            run = unended[0]
            await end_unheard(client, run)
            if run in unended:  # or another window has told it meanwhile
                unended.remove(run)


async def _open(window: Window, unended: list[UUID]) -> None:
    """Run a window, if Prefect answers."""
    await _reach(unended)
    await load_window(window)


class Windows:
    """Gives work to the open window, and opens and closes windows in the background."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._runs = _RunThread()
        self._plain = Window(stages)
        self._open: Window | None = None
        self._opening: Window | None = None
        self._opened_at = self._used_at = -inf
        self._retry_at = 0.0
        self._unended: list[UUID] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._minder = stages.feed.health.task("the windows", self._mind)

    async def put(self, work: Work) -> None:
        """Load this work, in the open window or without one."""
        if self._open is None:
            await self._open_soon()
        self._used_at = time.monotonic()
        await (self._open or self._plain).put(work)

    @property
    def in_use(self) -> bool:
        """Whether the next work follows other work, in the open window or while Prefect is away."""
        return self._open is not None or time.monotonic() - self._used_at < IDLE_S

    async def close(self, *, patience_s: float = 5.0) -> None:
        """Finish what was given, then end; Prefect gets some seconds to hear of it."""
        self._minder.cancel()
        await self._plain.close()
        for window in (self._open, self._opening):
            if window is not None:
                self._end(window)
                await window.close()
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=patience_s)
        self._runs.stop()

    async def _open_soon(self) -> None:
        """Begin to open a window, and give Prefect a moment for it."""
        if self._opening is not None or time.monotonic() < self._retry_at:
            return
        window = self._begin()
        with suppress(TimeoutError):
            await asyncio.wait_for(window.started.wait(), PATIENCE_S)
        self._switch()

    def _begin(self) -> Window:
        window = self._opening = Window(self._stages)
        self._keep(lambda: self._run(window))
        return window

    def _end(self, window: Window) -> None:
        """Close a window; it reports what was loaded without one."""
        window.outside, self._plain.loads = self._plain.loads, Loads()
        self._keep(window.close)

    async def _run(self, window: Window) -> None:
        try:
            with boundary(Doing.PREFECT):
                await self._runs.run(_open(window, self._unended))
        except NothingFailed as failed:
            log.warning("the window's run was not recorded (%s); loading goes on", failed)
            self._retry_at = time.monotonic() + RETRY_S
            if window.run_id is not None:
                self._unended.append(window.run_id)
            self._forget(window)
            await window.close()
            self._plain.loads = window.outside.then(window.loads).then(self._plain.loads)
        self._forget(window)

    def _forget(self, window: Window) -> None:
        """Give it no more work."""
        if self._opening is window:
            self._opening = None
        if self._open is window:
            self._open = None

    def _switch(self) -> None:
        """Make a window that has started the open one; the one before ends."""
        if self._opening is None or not self._opening.started.is_set():
            return
        before, self._open, self._opening = self._open, self._opening, None
        self._opened_at = self._used_at = time.monotonic()
        if before is not None:
            self._end(before)

    def _is_idle(self) -> bool:
        return self._open is not None and time.monotonic() - self._used_at >= IDLE_S

    async def _end_idle(self) -> None:
        """End the open window, if Prefect can hear of it; in an outage it stays, and later shows what it loaded."""
        try:
            with boundary(Doing.PREFECT):
                await self._runs.run(_reach(self._unended))
        except NothingFailed:
            self._retry_at = time.monotonic() + RETRY_S
            return
        if self._is_idle() and self._open is not None:
            idle, self._open = self._open, None
            self._end(idle)

    def _keep(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        task = self._stages.feed.health.task("a window", work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _mind(self) -> None:
        """Close what is idle, renew what is old, and report what was loaded outside."""
        while True:
            await asyncio.sleep(LOOK_S)
            self._switch()
            now = time.monotonic()
            if self._is_idle() and now >= self._retry_at:
                await self._end_idle()
            old = self._open is not None and now - self._opened_at >= OPEN_S
            unreported = self._open is None and self._plain.loads.files > 0
            if (old or unreported) and self._opening is None and now >= self._retry_at:
                self._begin()


class _RunThread:
    """An event loop in a thread of its own, for the windows' flow runs.

    There they are top-level runs, since the thread knows of no other (Prefect's vacuum deletes nothing below
    a run that is still running); Prefect installs no signal handler there (it would cancel every coroutine of
    the process at once); and what Prefect does between its awaits never delays the data.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="windows", daemon=True)
        self._thread.start()

    async def run(self, coroutine: Coroutine[None, None, None]) -> None:
        """Run a coroutine there and wait for its end."""
        future = contextvars.Context().run(asyncio.run_coroutine_threadsafe, coroutine, self._loop)
        await asyncio.wrap_future(future)

    def stop(self) -> None:
        """End the thread; what still runs there is abandoned."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        if not self._thread.is_alive():
            self._loop.close()
