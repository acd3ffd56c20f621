"""How the workers of a work pool start the runs of a deployment: ours, and what people have added in Prefect."""

from __future__ import annotations

from typing import Any, Final

from prefect.client.schemas.responses import DeploymentResponse

from flows.orchestration.declared import Memory, Pool

TAKEN: Final = ("command", "working_dir", "env")
"""The job variables that we set; a pool of processes has them."""


def job_variables(pool: Pool | None, there: DeploymentResponse | None, memory: Memory | None) -> dict[str, Any]:
    """The job variables of a deployment.

    Args:
        pool: its work pool, if it has one.
        there: the deployment as it is on the server, if it is.
        memory: what that remembers: variables that we no longer set go, those of others stay.
    """
    found = there.job_variables if there is not None else {}
    ours = set(memory.variables.split()) if memory is not None else set()
    env = {name: value for name, value in (found.get("env") or {}).items() if name not in ours}
    variables = {name: value for name, value in found.items() if name not in TAKEN}
    if pool is not None:
        env |= pool.env
        variables |= {"command": pool.command, "working_dir": pool.working_dir}
    return {**variables, "env": env} if env else variables
