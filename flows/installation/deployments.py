"""Serves all deployments from one process."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import httpx
from prefect.client.schemas.objects import FlowRun
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import TerminationSignal
from prefect.runner.runner import Runner
from prefect.types.entrypoint import EntrypointType

from flows.close_day import close_day
from flows.datasets import load_datasets
from flows.errors import CubefeedError
from flows.keep_cube_live import keep_cube_live
from flows.load_files import load_files
from flows.model.dataset import Dataset
from flows.orchestration.corrupt_runs import end_corrupt_runs
from flows.orchestration.runs import client_of, refuse_undeclared_parameters
from flows.orchestration.schedules import schedule_of
from flows.redaction import log_without_secrets
from flows.runtime.boundaries import NothingFailed, Scope, boundary
from flows.settings import Settings
from flows.store.trust import PRIVATE
from flows.text.output import outlive_full_logs, plain_logs

log = logging.getLogger(__name__)

RUNS = 10
"""Runs at a time in this process; the live session holds one for ever."""


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
                schedule=schedule_of(dataset),
                entrypoint_type=EntrypointType.MODULE_PATH,
            )
        )
    return found


class PatientRunner(Runner):
    """A runner that outlives a long outage of the server, and a run that the server cannot read.

    Prefect's own ends after three failed polls (about 190 s), and takes the live session with it. It also puts what it
    fetches below a directory that has the same name for each user of the machine: whoever makes that first has it.
    """

    async def __aenter__(self) -> Self:
        self._tmp_dir = Path(tempfile.mkdtemp(prefix="cubefeed-runs-"))
        await super().__aenter__()
        fetch = self._client.get_scheduled_flow_runs_for_deployments

        async def fetch_patiently(*args: Any, **kwargs: Any) -> list[FlowRun]:
            try:
                return await fetch(*args, **kwargs)
            except (httpx.TransportError, httpx.HTTPStatusError) as error:
                log.warning("Prefect does not answer (%s); the live session goes on", error)
                if isinstance(error, httpx.HTTPStatusError) and error.response.is_server_error:
                    await self._end_corrupt_runs()
                return []

        self._client.get_scheduled_flow_runs_for_deployments = fetch_patiently  # type: ignore[method-assign]
        return self

    async def _end_corrupt_runs(self) -> None:
        with suppress(NothingFailed), boundary(Scope.PREFECT):
            for ended in await end_corrupt_runs(self._client):
                log.warning("%s", ended)

    def handle_sigterm(self, *args: Any, **kwargs: Any) -> None:
        """Cancel the runs and let them end, then stop. Prefect's own leaves them Running: it awaits nothing here."""
        self._ending = asyncio.get_running_loop().create_task(self.astop())


async def serve(datasets: tuple[Dataset, ...]) -> None:
    """Serve the deployments until a signal comes."""
    runner = PatientRunner(limit=RUNS, pause_on_shutdown=True)
    for deployment in await deployments(datasets):
        await runner.aadd_deployment(deployment)
    async with client_of() as client:
        await refuse_undeclared_parameters(client)
    await runner.start()


def main() -> None:
    """Serve until a signal comes."""
    outlive_full_logs("stdout", "stderr")
    plain_logs()
    os.umask(PRIVATE)
    log_without_secrets(logging.WARNING)
    try:
        with suppress(KeyboardInterrupt, TerminationSignal):
            asyncio.run(serve(load_datasets(Settings.read())))
    except CubefeedError as error:
        sys.exit(f"cubefeed: {error}")


if __name__ == "__main__":
    main()
