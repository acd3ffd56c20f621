"""The loop without Prefect: `cubefeed watch`."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress

from flows.ingest.bootstrap import OpenFeed, open_feed
from flows.ingest.feed import Feed
from flows.ingest.pipeline import Stages, Window
from flows.ingest.table_fill import Progress
from flows.runtime.boundaries import SessionFailed
from flows.settings import Settings

log = logging.getLogger(__name__)

SENSOR_S = 3600.0


async def watch(
    settings: Settings,
    *,
    on_ready: Callable[[OpenFeed], None],
    progress: Progress | None = None,
    tell: Callable[[str], None] = log.info,
    beside: Callable[[OpenFeed], AbstractContextManager[object]] = nullcontext,
) -> None:
    """Keep the cube live until SIGTERM or SIGINT.

    Args:
        settings: what to watch and where to keep state.
        on_ready: called once the initial load is done and the directories are watched.
        progress: told how the initial load goes.
        tell: says what the user should know before the engine starts.
        beside: held as long as the session is open.

    Raises:
        SessionEnded: a part of the session has failed, so that it had to end.
    """
    with open_feed(settings, tell=tell, attend=_ended_by_signals) as opened, beside(opened):
        with suppress(SessionFailed):  # which the health holds
            async with Stages(opened.feed) as stages:
                await stages.rebuild(progress)
                await stages.load_waiting(progress)
                if not opened.feed.stopping:
                    on_ready(opened)
                    await _pump(stages)
        opened.feed.health.require_health()


@contextmanager
def _ended_by_signals(feed: Feed) -> Iterator[None]:
    for ending in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(ending, feed.stop)
    yield


async def _pump(stages: Stages) -> None:
    window = Window(stages)
    while not stages.feed.stopping:
        work = await stages.detect(SENSOR_S)
        if work is not None:
            await window.put(work)
    await window.close()
