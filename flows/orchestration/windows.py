"""Windows: the Prefect runs that cover what is loaded, each for some seconds.

Prefect never delays the data. Work goes to the open window; while none is open, the same stages run without
one, and what they loaded is reported by the next window.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from math import inf
from uuid import UUID

from prefect import tags

from flows.ingest.load_summary import LoadSummary
from flows.ingest.pipeline import Stages, Window
from flows.ingest.work import Work
from flows.orchestration.deployment_names import tags_of
from flows.orchestration.run_thread import RunThread
from flows.orchestration.runs import client_of, end_unreported
from flows.orchestration.window_states import WindowEvent, WindowStates
from flows.runtime.boundaries import NothingFailed, Scope, boundary
from flows.settings import Settings

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
"""How often it is looked at whether a window is to be opened or closed."""

Run = Callable[[Window], Coroutine[None, None, object]]
"""The flow whose run covers a window."""


class Windows:
    """Gives work to the open window, and opens and closes windows in the background.

    What an event means, and whether it means anything now, `window_states` says.

    Args:
        stages: what does the work.
        run: the flow whose run covers a window.
    """

    def __init__(self, stages: Stages, run: Run) -> None:
        self._stages = stages
        self._flow = run
        self._runs = RunThread()
        self._plain = Window(stages)
        self._windows: WindowStates[Window] = WindowStates()
        self._opened_at = self._used_at = -inf
        self._retry_at = 0.0
        self._unreported: list[UUID] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._watch = stages.feed.health.start_task("the windows", self._watch_windows)

    async def put(self, work: Work) -> None:
        """Load this work, in the open window or without one."""
        if self._windows.expects(WindowEvent.WANTED) and self._may_open:
            await self._open_soon()
        self._used_at = time.monotonic()
        await (self._windows.open or self._plain).put(work)

    @property
    def in_use(self) -> bool:
        """Whether the next work follows other work, in the open window or while Prefect is away."""
        return self._windows.open is not None or time.monotonic() - self._used_at < IDLE_S

    async def close(self, *, patience_s: float = 5.0) -> None:
        """Finish what was given, then end; Prefect gets some seconds to hear of it."""
        self._watch.cancel()
        await self._plain.close()
        for window in self._windows.handle(WindowEvent.ENDING):
            self._end(window)
            await window.close()
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=patience_s)
        self._runs.stop()

    async def _open_soon(self) -> None:
        """Begin to open a window, and give Prefect a moment for it."""
        window = self._open(WindowEvent.WANTED)
        with suppress(TimeoutError):
            await asyncio.wait_for(window.started.wait(), PATIENCE_S)
        self._note_start()

    def _open(self, event: WindowEvent) -> Window:
        """Begin to open a window, in the background."""
        window = Window(self._stages)
        self._windows.handle(event, window)
        self._run_in_background(lambda: self._run(window))
        return window

    def _note_start(self) -> None:
        """The window whose run has begun takes the work; the one before ends."""
        opening = self._windows.opening
        if opening is not None and opening.started.is_set():
            self._opened_at = self._used_at = time.monotonic()
            for window in self._windows.handle(WindowEvent.STARTED):
                self._end(window)

    def _end(self, window: Window) -> None:
        """Close a window; it reports what was loaded without one."""
        window.outside, self._plain.loads = self._plain.loads, LoadSummary()
        self._run_in_background(window.close)

    async def _run(self, window: Window) -> None:
        try:
            with boundary(Scope.PREFECT):
                await self._runs.run(self._run_where_prefect_answers(window))
        except NothingFailed as failed:
            log.warning("the window's run was not recorded (%s); loading goes on", failed)
            self._retry_at = time.monotonic() + RETRY_S
            if window.run_id is not None:
                self._unreported.append(window.run_id)
            self._note_end(window)
            await window.close()
            self._plain.loads = window.outside.then(window.loads).then(self._plain.loads)
        self._note_end(window)

    def _note_end(self, window: Window) -> None:
        """A window whose run is over gets no more work."""
        if self._windows.opening is window:
            self._windows.handle(WindowEvent.OPENING_LOST)
        elif self._windows.open is window:
            self._windows.handle(WindowEvent.OPEN_LOST)

    async def _run_where_prefect_answers(self, window: Window) -> None:
        """Run a window, if Prefect answers."""
        await _require_prefect(self._unreported)
        with tags(*tags_of(Settings.read().name)):
            await self._flow(window)

    @property
    def _may_open(self) -> bool:
        """Whether Prefect may be tried: not soon after it did not answer."""
        return time.monotonic() >= self._retry_at

    @property
    def _is_idle(self) -> bool:
        return self._windows.expects(WindowEvent.IDLE) and time.monotonic() - self._used_at >= IDLE_S

    @property
    def _is_old(self) -> bool:
        return self._windows.expects(WindowEvent.OLD) and time.monotonic() - self._opened_at >= OPEN_S

    @property
    def _has_to_report(self) -> bool:
        """Whether what was loaded without a window waits for one."""
        return self._windows.expects(WindowEvent.WANTED) and self._plain.loads.files > 0

    async def _end_idle(self) -> None:
        """End the open window, if Prefect can hear of it; in an outage it stays, and later shows what it loaded."""
        try:
            with boundary(Scope.PREFECT):
                await self._runs.run(_require_prefect(self._unreported))
        except NothingFailed:
            self._retry_at = time.monotonic() + RETRY_S
            return
        if self._is_idle:  # still: work may have come meanwhile
            for window in self._windows.handle(WindowEvent.IDLE):
                self._end(window)

    def _run_in_background(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        task = self._stages.feed.health.start_task("a window", work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _watch_windows(self) -> None:
        """Close what is idle, renew what is old, and report what was loaded outside."""
        while True:
            await asyncio.sleep(LOOK_S)
            self._note_start()
            if self._is_idle and self._may_open:
                await self._end_idle()
            if not self._may_open:
                continue
            if self._is_old:
                self._open(WindowEvent.OLD)
            elif self._has_to_report:
                self._open(WindowEvent.WANTED)


async def _require_prefect(unreported: list[UUID]) -> None:
    """See that Prefect answers, and end the runs whose end it does not know.

    Raises:
        Exception: it does not answer. A run that waits for it does so in ever longer steps, and then gives up.
    """
    async with client_of(retries=0) as client:
        trouble = await client.api_healthcheck()
        if trouble is not None:
            raise trouble
        while unreported:
            run = unreported[0]
            await end_unreported(client, run)
            if run in unreported:  # else another window has reported it meanwhile
                unreported.remove(run)
