"""A window: the Prefect run that covers what is loaded during some seconds."""

from __future__ import annotations

import asyncio
from uuid import UUID

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.ingest.pipeline import Window
from flows.orchestration.artifacts import name_run, publish_loads
from flows.orchestration.run_log import loads_line, window_name
from flows.runtime.boundaries import NothingFailed, Scope, boundary
from flows.tasks import append_files, validate_files


@flow(name="load_window", validate_parameters=False)
async def load_window(window: Window) -> State[None]:
    """Check and append what arrives until the window closes, then report it, and what was loaded without one."""
    window.run_id = UUID(flow_run.get_id())
    await asyncio.gather(validate_files(window), append_files(window))
    return await report_window(window)


async def report_window(window: Window) -> State[None]:
    """Name the run and show what was loaded.

    Raises:
        NothingFailed: Prefect does not answer, so that the next window has to report it.
    """
    try:
        with boundary(Scope.PREFECT):
            await name_run(window_name(window.reported))
            await publish_loads(window.loads, window.outside, window.stages.feed.quarantine.findings)
    except NothingFailed:
        if window.reported.files:
            raise
    return Completed(message=loads_line(window.reported))
