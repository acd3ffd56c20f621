"""The Prefect tasks. Each is thin: the work is in plain functions that run without Prefect too."""

from __future__ import annotations

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows.ingest.load_summary import LoadSummary
from flows.ingest.pipeline import Stages, Window
from flows.ingest.work import Work
from flows.orchestration.artifacts import ProgressArtifact
from flows.orchestration.run_log import log_outcome

DETECT_S = 3600.0
"""How long one run of the sensor waits, so that a quiet day costs few runs."""


@task(name="initial_load", cache_policy=NO_CACHE)
async def initial_load(stages: Stages) -> LoadSummary:
    """Rebuild the cube from the segments, then load what waits in the landing directories."""
    logger = get_run_logger()
    progress = ProgressArtifact("initial-load", "Initial load")
    async with progress:
        await stages.rebuild(progress.update)
        loads = await stages.load_waiting(progress.update, lambda outcome: log_outcome(logger, outcome))
    for name, state in stages.feed.datasets.items():
        logger.info("%s: %s rows in the cube", name, f"{stages.feed.cube.row_count(state.dataset.table.name):,}")
    return loads


@task(name="detect_files", cache_policy=NO_CACHE)
async def detect_files(stages: Stages) -> Work | None:
    """The sensor: wait for files that are settled, files that are gone, or a request."""
    work = await stages.detect(DETECT_S)
    if work is not None:
        get_run_logger().info(
            "%s: %s files settled, %s gone%s",
            work.dataset,
            len(work.landed),
            len(work.gone),
            f", request {work.request.id} ({work.request.kind})" if work.request else "",
        )
    return work


@task(name="validate_files", cache_policy=NO_CACHE)
async def validate_files(window: Window) -> None:
    """Read and check what arrives in the window."""
    await window.at_home(window.checked)


@task(name="append_files", cache_policy=NO_CACHE)
async def append_files(window: Window) -> None:
    """Append what is checked, one transaction per batch."""
    logger = get_run_logger()
    window.on_outcome = lambda outcome: log_outcome(logger, outcome)
    await window.at_home(window.finished)
