"""The long-lived run that owns the session: open, rebuild, reconcile, then sensor → window → commit."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from uuid import UUID

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State as RunState
from prefect.context import FlowRunContext
from prefect.logging.handlers import PrefectConsoleHandler
from prefect.runtime import flow_run
from prefect.settings import PREFECT_UI_URL
from prefect.states import Cancelled, Completed, Crashed

from flows.alerts.session import session_alerts
from flows.errors import SessionEnded, StateError
from flows.ingest.bootstrap import open_feed
from flows.ingest.feed import Feed
from flows.ingest.load_summary import LoadSummary
from flows.ingest.pipeline import Stages
from flows.ingest.work import Work
from flows.load_window import load_window
from flows.orchestration.artifacts import publish_links, publish_loads
from flows.orchestration.close_runs import find_missed_days, run_missed_days
from flows.orchestration.deployment_names import LIVE_FLOW
from flows.orchestration.event_catalogue import EventName
from flows.orchestration.events import Events, emit_session
from flows.orchestration.runs import client_of, declare_running, state_of
from flows.orchestration.windows import IDLE_S, Windows
from flows.redaction import without_secrets
from flows.runtime.boundaries import NothingFailed, Scope, SessionFailed, boundary
from flows.settings import Settings
from flows.store.owner import Owner
from flows.store.state_directory import StateDirectory
from flows.tasks import detect_files, initial_load
from flows.text.output import plain_logs

log = logging.getLogger(__name__)

PARENT_S = 1.0
STATE_S = 2.5
"""How often the run looks at its own state: a cancellation is answered well within 10 s, at 5 ms of server time."""
NAMED_S = 5.0
"""How long an owner that has just taken the lock may take to say who it is."""


@flow(name=LIVE_FLOW, flow_run_name=lambda: _session_name())
async def keep_cube_live() -> RunState[None]:
    """Keep the cube of this installation live until the run is cancelled."""
    plain_logs()
    logger = get_run_logger()
    settings = Settings.read()
    run = flow_run.get_id()
    ui = PREFECT_UI_URL.value()
    shown_url = without_secrets(ui) if ui else None
    ending = Ending()
    attend = partial(_ended_in_order, ending, UUID(run))
    try:
        with open_feed(settings, tell=logger.warning, prefect_url=shown_url, run=run, attend=attend) as opened:
            with session_alerts(settings, opened, supervised=not _on_worker()) as tell_end:
                with suppress(SessionFailed):  # which the health holds
                    async with Stages(opened.feed) as stages:
                        await _live(stages, opened.owner)
                if ending.state.is_crashed():
                    tell_end(str(ending.state.message))
            opened.feed.health.require_health()
    except SessionEnded as error:  # as where its process ends at once: on a work pool an automation starts it again
        return Crashed(message=str(error))
    except StateError as error:
        other = await _other_owner(settings)
        if other is None:
            raise
        return Cancelled(message=f"{error} (the first is run {other.run}, {other.process})")
    return await _final_state(ending, UUID(run))


async def _live(stages: Stages, owner: Owner) -> None:
    stages.feed.listeners.append(Events().emit)
    loads = await initial_load(stages)
    emit_session(EventName.SESSION_STARTED, owner)
    health, missed = stages.feed.health, find_missed_days(stages.feed)
    beside = [
        health.start_task("showing the first loads", lambda: _show(stages, owner, loads)),
        health.start_task("having missed days closed", lambda: run_missed_days(missed)),
    ]
    try:
        await _serve(stages)
    finally:
        for task in beside:
            task.cancel()
        emit_session(EventName.SESSION_STOPPED, owner)


class Ending:
    """Why the session ends, and so the state in which its run ends."""

    def __init__(self) -> None:
        self.feed: Feed | None = None
        self.state: RunState[None] = Completed(message="The session was closed")
        self.by_signal = False

    def end(self, state: RunState[None]) -> None:
        """Stop the feed; the first reason counts."""
        if self.feed is not None and not self.feed.stopping:
            self.state = state
            self.feed.stop()

    def cancel(self) -> None:
        """As `end`, for who was asked to."""
        self.end(Cancelled(message="The run was cancelled; the session was closed"))

    def interrupt(self) -> None:
        """As `cancel`, on a signal: which of the two it was, Prefect knows."""
        self.by_signal |= self.feed is not None and not self.feed.stopping
        self.cancel()


@contextmanager
def _ended_in_order(ending: Ending, run: UUID, feed: Feed) -> Iterator[None]:
    """End the session in order on SIGTERM (which is how Prefect cancels a run), on Ctrl-C, when its run is set
    to Cancelling, or when the process that started it has gone.

    Prefect's own signal handler cancels every coroutine of the process at once, so that nothing could be finished.
    """
    _outlive_readers_of_the_log()
    ending.feed = feed
    for ending_signal in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(ending_signal, ending.interrupt)
    watches = [
        feed.health.start_task("the watch over the parent process", lambda: _watch_parent(ending)),
        feed.health.start_task("the watch over the run's state", lambda: _watch_state(run, ending)),
    ]
    try:
        yield
    finally:
        for watch in watches:
            watch.cancel()


async def _final_state(ending: Ending, run: UUID) -> RunState[None]:
    """A signal cancels where Prefect says so. Else the computer or what serves the run is being stopped, which is no
    wish of somebody that the session stays away: an automation, or `up`, starts it again as after a crash."""
    if ending.by_signal:
        with suppress(NothingFailed), boundary(Scope.PREFECT):
            async with client_of(retries=0) as client:
                state = await state_of(client, run)
            if state is not None and state.is_running():
                return Crashed(message="The process was ended by a signal; the session was closed in order")
    return ending.state


def _outlive_readers_of_the_log() -> None:
    """Prefect's runner reads this process's output through a pipe, and its log handler ends the process on the
    spot when a line finds nobody at the other end."""

    def mute() -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nowhere, stream)

    loggers = [logging.getLogger(name) for name in (None, *logging.root.manager.loggerDict)]
    for handler in {handler for logger in loggers for handler in logger.handlers}:
        if isinstance(handler, PrefectConsoleHandler):
            handler.console.on_broken_pipe = mute  # type: ignore[method-assign]


async def _watch_parent(ending: Ending) -> None:
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110  # nothing signals that a parent has gone
        await asyncio.sleep(PARENT_S)
    log.warning("the process that serves the deployments is gone; the session ends")
    ending.end(Crashed(message="The process that serves the deployments is gone; the session was closed in order"))


async def _watch_state(run: UUID, ending: Ending) -> None:
    """Prefect's runner may not tell of a cancellation after a long outage of its server, and the automation that
    looks for dead runs takes late heartbeats for none."""
    while True:
        with suppress(NothingFailed), boundary(Scope.PREFECT):  # the server is away: the session looks again
            async with client_of(retries=0) as client:
                while True:
                    state = await state_of(client, run)
                    if state is not None and (state.is_cancelling() or state.is_cancelled()):
                        ending.cancel()
                    elif state is not None and state.is_final():
                        log.warning("Prefect took this run for %s (%s); it is running", state.name, state.message)
                        await declare_running(client, run)
                    await asyncio.sleep(STATE_S)
        await asyncio.sleep(STATE_S)


async def _other_owner(settings: Settings) -> Owner | None:
    deadline = time.monotonic() + NAMED_S
    while time.monotonic() < deadline:
        other = StateDirectory(settings.state).holder()
        if other is not None and (other.is_elsewhere or other.pid != os.getpid()):
            return other
        await asyncio.sleep(0.1)
    return None


def _on_worker() -> bool:
    """Whether a worker runs this, and so no `cubefeed up` that would tell how the session has ended."""
    context = FlowRunContext.get()
    return context is not None and context.flow_run is not None and context.flow_run.work_pool_name is not None


def _session_name() -> str:
    settings = Settings.read()
    return f"{settings.datasets} · {settings.engine}"


async def _serve(stages: Stages) -> None:
    """Sensor → window → commit, until the feed is stopped."""
    windows = Windows(stages, load_window)
    try:
        while not stages.feed.stopping:
            work = await _next_work(stages, windows)
            if work is not None:
                await windows.put(work)
    finally:
        await windows.close()


async def _next_work(stages: Stages, windows: Windows) -> Work | None:
    """The sensor task finds the work that comes after a while without any; what follows needs no run of its own."""
    if windows.in_use:
        return await stages.detect(IDLE_S)
    return await detect_files(stages)


async def _show(stages: Stages, owner: Owner, loads: LoadSummary) -> None:
    with suppress(NothingFailed), boundary(Scope.PREFECT):
        await publish_links(owner, stages.feed.cube.url)
        await publish_loads(loads, LoadSummary(), stages.feed.quarantine.findings)
