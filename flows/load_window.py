"""A window: the Prefect run that covers what is loaded during some seconds."""

from __future__ import annotations

import asyncio
from uuid import UUID

from prefect import flow
from prefect.runtime import flow_run

from flows.ingest.pipeline import Window
from flows.orchestration.artifacts import name_run, publish_loads, window_name
from flows.tasks import append_files, validate_files


@flow(name="load_window", validate_parameters=False)
async def load_window(window: Window) -> None:
    """Check and append what arrives until the window closes, then report it, and what was loaded without one."""
    window.run_id = UUID(flow_run.get_id())
    try:
        await asyncio.gather(validate_files(window), append_files(window))
    finally:
        await name_run(window_name(window.outside.then(window.loads)))
        await publish_loads(window.loads, window.outside, window.stages.feed.quarantine.findings)
