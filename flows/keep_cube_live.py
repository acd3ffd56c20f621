"""The long-lived run that owns the session: open, rebuild, reconcile, then sensor → window → commit."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from contextlib import suppress

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.settings import PREFECT_UI_URL
from prefect.states import Cancelled, Completed

from flows.app.feed import Feed
from flows.app.opening import open_feed
from flows.app.stages import Stages
from flows.app.work import Work
from flows.errors import StateError
from flows.load_window import IDLE_S, Windows
from flows.reporting import emit_files, emit_session, publish_links
from flows.settings import Settings
from flows.store.state import Owner
from flows.tasks import detect_files, initial_load

log = logging.getLogger(__name__)

PARENT_S = 1.0


@flow(name="keep-cube-live")
async def keep_cube_live() -> State[None]:
    """Keep the cube of this installation live until the run is cancelled."""
    logger = get_run_logger()
    settings = Settings.read()
    try:
        with open_feed(
            settings, tell=logger.warning, prefect_url=PREFECT_UI_URL.value(), run=flow_run.get_id()
        ) as opened:
            feed = opened.feed
            feed.listeners.append(emit_files)
            cancelled = _stop_when_told(feed)
            async with Stages(feed) as stages:
                await initial_load(stages)
                emit_session("started", opened.owner)
                await _tell_links(opened.owner, feed.cube.url)
                try:
                    await _serve(stages)
                finally:
                    emit_session("stopped", opened.owner)
    except StateError as error:
        return Cancelled(message=str(error))
    if cancelled.is_set():
        return Cancelled(message="The run was cancelled; the session was closed")
    return Completed(message="The serving process ended; the session was closed")


def _stop_when_told(feed: Feed) -> asyncio.Event:
    """Let SIGTERM, which is how Prefect cancels a run, end the session in order. Set once it came.

    Prefect's own handler cancels every coroutine of the process at once, so that nothing could be finished.
    """
    told = asyncio.Event()

    def stop() -> None:
        told.set()
        feed.stop()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    return told


async def _serve(stages: Stages) -> None:
    """Sensor → window → commit, until the feed is stopped."""
    windows = Windows(stages)
    orphaned = asyncio.create_task(_stop_with_parent(stages))
    try:
        while not stages.feed.stopping:
            work = await _next_work(stages, windows)
            if work is not None:
                await windows.put(work)
    finally:
        orphaned.cancel()
        await windows.close()
    if stages.failure is not None:
        raise stages.failure


async def _next_work(stages: Stages, windows: Windows) -> Work | None:
    """The sensor task finds the work that begins a window; what follows belongs to the window."""
    if windows.is_open:
        return await stages.detect(IDLE_S)
    return await detect_files(stages)


async def _stop_with_parent(stages: Stages) -> None:
    """End cleanly when the process that started this one has disappeared."""
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110  # nothing signals that a parent has gone
        await asyncio.sleep(PARENT_S)
    log.warning("the parent process is gone; the session ends")
    stages.feed.stop()


async def _tell_links(owner: Owner, engine_url: str | None) -> None:
    with suppress(Exception):  # links are for people; the session goes on without them
        await publish_links(owner, engine_url)
