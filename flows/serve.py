"""Serves all deployments from one process."""

from __future__ import annotations

import asyncio

from prefect import serve
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron, Schedule
from prefect.types.entrypoint import EntrypointType

from flows.close_day import close_day
from flows.core.dataset import Dataset
from flows.datasets import load_datasets
from flows.keep_cube_live import keep_cube_live
from flows.load_files import load_files
from flows.settings import Settings

LIVE_DEPLOYMENT = "keep-cube-live/cube"
RUNS = 10
"""Runs at a time in this process; the live session holds one for ever."""
CLOSE_CRON = "0 6 * * *"
"""When a day is closed where the dataset does not say when its data is expected."""


async def deployments(datasets: tuple[Dataset, ...]) -> list[RunnerDeployment]:
    """keep-cube-live once, load-files and close-day per dataset."""
    found = [await keep_cube_live.ato_deployment("cube", entrypoint_type=EntrypointType.MODULE_PATH)]
    for dataset in datasets:
        own = {"dataset": dataset.name}
        found.append(
            await load_files.ato_deployment(dataset.name, parameters=own, entrypoint_type=EntrypointType.MODULE_PATH)
        )
        found.append(
            await close_day.ato_deployment(
                dataset.name,
                parameters=own,
                schedule=_schedule(dataset),
                entrypoint_type=EntrypointType.MODULE_PATH,
            )
        )
    return found


def main() -> None:
    """Serve until told to end."""
    found = asyncio.run(deployments(load_datasets(Settings.read())))
    serve(*found, limit=RUNS, print_starting_message=False)


def _schedule(dataset: Dataset) -> Schedule:
    if dataset.expect is None:
        return Cron(CLOSE_CRON, timezone="UTC")
    hour, minute = dataset.expect.time.split(":")
    return Cron(f"{int(minute)} {int(hour)} * * *", timezone=dataset.expect.zone)


if __name__ == "__main__":
    main()
