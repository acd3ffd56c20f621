"""`cubefeed deploy`: the deployments of an installation on a work pool of a Prefect server that people have already."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.settings import PREFECT_API_URL

from flows.datasets import load_datasets
from flows.errors import PrefectUnusable
from flows.installation.deployments import register
from flows.installation.run_environment import RUN_ENVIRONMENT
from flows.installation.worker_run import COMMAND
from flows.orchestration.automations import (
    crash_automation,
    ensure_automation,
    ensure_crash_automation,
    restart_automation,
)
from flows.orchestration.declared import Pool
from flows.orchestration.deployment_names import live_deployment
from flows.orchestration.registration import Registered, kept_lines
from flows.orchestration.runs import client_of
from flows.orchestration.work_pools import ensure_pool
from flows.settings import Settings
from flows.store.state_directory import StateDirectory


async def deploy(settings: Settings, *, pool: str, reset_schedules: bool = False) -> list[str]:
    """Register the deployments on a work pool, whose workers are started in this directory or know its path.

    Args:
        settings: of the runs; what is secret they get from the worker.
        pool: the name of the work pool; it is made if it is missing.
        reset_schedules: whether the declared schedules take the place of what people have made of them.

    Returns:
        what was done, what was left as people had changed it, and what to type next: a line each.

    Raises:
        PrefectUnusable: the server or the pool cannot be used. Nothing has been changed then.
        StateError: the name of a deployment belongs to somebody else, or the state directory cannot be used.
        DeclarationError: a dataset is declared wrongly.
    """
    url = PREFECT_API_URL.value()
    if not url:
        raise PrefectUnusable(
            "No Prefect server is named, on whose work pool this could be deployed",
            next_step="export PREFECT_API_URL=http://HOST:4200/api; or start everything here, with a server, by: "
            "cubefeed up",
        )
    load_datasets(settings)
    StateDirectory(settings.state).create()
    with _answering(url):
        async with client_of(retries=1) as client:
            said = await ensure_pool(client, pool)
        registered = await register(settings, pool=_pool(settings, pool), reset_schedules=reset_schedules)
        async with client_of(retries=1) as client:
            automated = await _automate(client, settings.name, registered)
    return [
        *said,
        *(f"{each.name}: {each.done}" for each in registered),
        *automated,
        *kept_lines(registered),
        "Next, the worker in a terminal of its own or as a service:",
        f"  prefect worker start --pool {shlex.quote(pool)}",
        f"  prefect deployment run {live_deployment(settings.name)}",
    ]


def _pool(settings: Settings, name: str) -> Pool:
    given = {**settings.environment(), "CUBEFEED_STATE": str(settings.state.resolve())}
    return Pool(name, COMMAND, str(Path.cwd()), {**RUN_ENVIRONMENT, **given})


async def _automate(client: PrefectClient, installation: str, registered: list[Registered]) -> list[str]:
    """See to what `up` does where it runs: runs that are dead are declared so, and the session starts again."""
    live = next(each.id for each in registered if each.name == live_deployment(installation))
    restart = restart_automation(installation, live)
    done = {
        crash_automation(installation).name: await ensure_crash_automation(client, installation),
        restart.name: await ensure_automation(client, restart),
    }
    return [f"automation “{name}”: {'made' if made else 'as it was'}" for name, made in done.items()]


@contextmanager
def _answering(url: str) -> Iterator[None]:
    """What of the server a person has to do something about."""
    try:
        yield
    except httpx.TransportError as error:
        raise PrefectUnusable(
            f"The Prefect server does not answer ({error or type(error).__name__})",
            next_step="start it, or correct PREFECT_API_URL",
            url=url,
        ) from error
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        refused = status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
        raise PrefectUnusable(
            f"The Prefect server {'refuses who asks' if refused else 'refuses this'} ({status})",
            next_step="set PREFECT_API_AUTH_STRING, or PREFECT_API_KEY for Prefect Cloud"
            if refused
            else "see the log of that server, and whether its version is the one that is installed here",
            url=url,
        ) from error
