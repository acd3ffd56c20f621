"""The work pool whose workers run an installation's deployments."""

from __future__ import annotations

from typing import Final

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import WorkPool
from prefect.exceptions import ObjectNotFound
from prefect.workers.process import ProcessWorker

from flows.errors import PrefectUnusable
from flows.orchestration.job_variables import TAKEN

PROCESS: Final = ProcessWorker.type
"""The type of a pool whose workers run processes on their own machine, where the state directory is."""


async def ensure_pool(client: PrefectClient, name: str) -> list[str]:
    """Make a work pool, or leave it as it is where there is one.

    Returns:
        what was done, and what of the pool keeps its runs waiting, in words.

    Raises:
        PrefectUnusable: there is one of this name that cannot run our deployments.
    """
    try:
        found = await client.read_work_pool(name)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        await client.create_work_pool(WorkPoolCreate(name=name, type=PROCESS, base_job_template=template))
        return [f"work pool {name}: made, of type {PROCESS}"]
    _require_usable(found)
    return [f"work pool {name}: as it was", *_hindrances(found)]


def _require_usable(pool: WorkPool) -> None:
    if pool.type != PROCESS:
        raise PrefectUnusable(
            f"The work pool {pool.name} is of type {pool.type}, and the session is a process on its state directory",
            next_step=f"name another one with --pool; it is made, of type {PROCESS}, where there is none of that name",
        )
    declared = pool.base_job_template.get("variables", {}).get("properties", {})
    missing = [name for name in TAKEN if name not in declared] if declared else []
    if missing:
        raise PrefectUnusable(
            f"The work pool {pool.name} lets no deployment say its {', '.join(missing)}",
            next_step="add that to the pool's base job template, or name another pool with --pool",
        )


def _hindrances(pool: WorkPool) -> list[str]:
    """What a person has set of it that lets our runs wait."""
    said = []
    if pool.is_paused:
        said.append(f"left as it is in Prefect: the work pool {pool.name} is paused, so that nothing runs")
    if pool.concurrency_limit is not None and pool.concurrency_limit < 2:
        said.append(
            f"left as it is in Prefect: the work pool {pool.name} runs {pool.concurrency_limit} at a time, and the "
            "session is one run for ever: nothing else would run beside it"
        )
    return said
