"""Serves all deployments from one process."""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import httpx
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import TerminationSignal
from prefect.runner._starter_engine import EngineCommandStarter
from prefect.runner.runner import Runner

from flows.close_day import close_day
from flows.datasets import load_datasets
from flows.errors import CubefeedError
from flows.installation.run_engine import COMMAND
from flows.keep_cube_live import keep_cube_live
from flows.load_files import load_files
from flows.model.dataset import Dataset
from flows.orchestration.corrupt_runs import end_corrupt_runs
from flows.orchestration.declared import Declared, Pool
from flows.orchestration.deployment_names import deployment_name, tags_of
from flows.orchestration.registration import Registered, Registration
from flows.orchestration.runs import client_of
from flows.orchestration.schedules import schedule_of
from flows.redaction import log_without_secrets
from flows.runtime.boundaries import NothingFailed, Scope, boundary
from flows.settings import Settings
from flows.store.installation import installation_id
from flows.store.state_directory import StateDirectory
from flows.store.trust import PRIVATE
from flows.text.output import outlive_full_logs, plain_logs

log = logging.getLogger(__name__)

RUNS = 10
"""Runs at a time in this process; the live session holds one for ever."""


def declared_deployments(installation: str, datasets: tuple[Dataset, ...], pool: Pool | None = None) -> list[Declared]:
    """keep-cube-live once, load-files and close-day per dataset."""
    tags = tags_of(installation)
    found = [Declared(keep_cube_live, deployment_name(installation, "cube"), tags, pool=pool)]
    for dataset in datasets:
        name, own = deployment_name(installation, dataset.name), {"dataset": dataset.name}
        found.append(Declared(load_files, name, tags, own, pool=pool))
        found.append(Declared(close_day, name, tags, own, schedule_of(dataset), pool))
    return found


async def register(settings: Settings, *, pool: Pool | None = None, reset_schedules: bool = False) -> list[Registered]:
    """Make the deployments of an installation on the Prefect server, and leave what people have changed of them.

    Raises:
        StateError: one of their names belongs to somebody else.
    """
    wanted = declared_deployments(settings.name, load_datasets(settings), pool)
    home = installation_id(StateDirectory(settings.state))
    async with client_of() as client:
        registration = Registration(client, settings.name, home, reset_schedules=reset_schedules)
        return await registration.register(wanted)


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
        self._start_runs_with_our_flows()
        return self

    def _start_runs_with_our_flows(self) -> None:
        """Prefect's own command for a run would import a `flows/` of the working directory; it takes no other here."""
        poller = self._scheduled_run_poller
        resolve = poller._resolve_starter

        def resolve_ours(flow_run: FlowRun) -> EngineCommandStarter:
            starter = resolve(flow_run)
            assert isinstance(starter, EngineCommandStarter)
            starter._command = shlex.join(COMMAND)
            return starter

        poller._resolve_starter = resolve_ours

    async def _end_corrupt_runs(self) -> None:
        with suppress(NothingFailed), boundary(Scope.PREFECT):
            for ended in await end_corrupt_runs(self._client, self._deployment_registry.get_deployment_ids()):
                log.warning("%s", ended)

    def take(self, deployment: Registered) -> None:
        """Run the runs of a deployment. Prefect's own `add_deployment` would write it anew."""
        self._deployment_registry.register_deployment(deployment.id, deployment.name.partition("/")[2])

    def handle_sigterm(self, *args: Any, **kwargs: Any) -> None:
        """Cancel the runs and let them end, then stop. Prefect's own leaves them Running: it awaits nothing here."""
        self._ending = asyncio.get_running_loop().create_task(self.astop())


async def serve(settings: Settings) -> None:
    """Serve the deployments until a signal comes."""
    runner = PatientRunner(limit=RUNS, pause_on_shutdown=False)  # else nobody could tell a person's pause from ours
    for deployment in await register(settings):
        runner.take(deployment)
    await runner.start()


def main() -> None:
    """Serve until a signal comes."""
    outlive_full_logs("stdout", "stderr")
    plain_logs()
    os.umask(PRIVATE)
    log_without_secrets(logging.WARNING)
    try:
        with suppress(KeyboardInterrupt, TerminationSignal):
            asyncio.run(serve(Settings.read()))
    except CubefeedError as error:
        sys.exit(f"cubefeed: {error}")


if __name__ == "__main__":
    main()
