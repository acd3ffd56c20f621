"""Runs that Prefect has stored and cannot read again: it answers 500 wherever such a run is in the answer.

Text that is no Unicode in a parameter makes one (a file name of other bytes is enough), and so do a label that no JSON
has and what is nested too deeply. As long as one is scheduled, no run at all is handed out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID, uuid4

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import StateType
from prefect.states import Failed

RUNS_AT_ONCE = 200
"""Runs in one answer, which is as many as Prefect gives."""
IDS_AT_ONCE = 1000
"""Identifiers in one answer, likewise."""
WHY = "Prefect cannot read this run again: it holds text that is no Unicode, or what no JSON has. Start another one."
_UNFINISHED = (
    StateType.SCHEDULED,
    StateType.PENDING,
    StateType.RUNNING,
    StateType.PAUSED,
    StateType.CANCELLING,
)


async def end_corrupt_runs(client: PrefectClient, deployments: Collection[UUID]) -> list[str]:
    """Fail the unfinished runs of these deployments that Prefect cannot read; delete those that stay unreadable.

    Nothing is done where the server fails for runs that are sound too, or has failed once only.

    Returns:
        what was done, a sentence each.
    """
    runs = await _unfinished(client, deployments)
    suspects = [
        run
        for begin in range(0, len(runs), RUNS_AT_ONCE)
        for run in await _corrupt_among(client, runs[begin : begin + RUNS_AT_ONCE])
    ]
    if not suspects or not await _can_read(client, [uuid4()]):
        return []
    return [await _end(client, run) for run in suspects if not await _can_read(client, [run])]


async def _unfinished(client: PrefectClient, deployments: Collection[UUID]) -> list[UUID]:
    """Their identifiers, from the one question whose answer holds nothing else that was given."""
    found: list[UUID] = []
    while len(found) % IDS_AT_ONCE == 0:
        body = {
            "deployments": {"id": {"any_": [str(each) for each in deployments]}},
            "flow_runs": {"state": {"type": {"any_": _UNFINISHED}}},
            "limit": IDS_AT_ONCE,
            "offset": len(found),
        }
        answer = await client.request("POST", "/ui/flow_runs/history", json=body)
        page = [UUID(run["id"]) for run in answer.json()]
        found += page
        if not page:
            break
    return found


async def _corrupt_among(client: PrefectClient, runs: Sequence[UUID]) -> list[UUID]:
    """Those that cannot be read, by halves."""
    if not runs or await _can_read(client, runs):
        return []
    if len(runs) == 1:
        return list(runs)
    half = len(runs) // 2
    return await _corrupt_among(client, runs[:half]) + await _corrupt_among(client, runs[half:])


async def _can_read(client: PrefectClient, runs: Sequence[UUID]) -> bool:
    body = {"flow_runs": {"id": {"any_": [str(run) for run in runs]}}}
    alone = {"Connection": "close"}  # the server drops the connection after a 500, and the next question would wait
    try:
        await client.request("POST", "/flow_runs/filter", json=body, headers=alone)
    except httpx.HTTPStatusError as error:
        if error.response.status_code != httpx.codes.INTERNAL_SERVER_ERROR:
            raise
        return False
    return True


async def _end(client: PrefectClient, run: UUID) -> str:
    await client.update_flow_run(run, name="unreadable", parameters={}, tags=(), job_variables={})
    await client.set_flow_run_state(run, Failed(message=WHY), force=True)
    if await _can_read(client, [run]):
        return f"Prefect could not read its run {run}, so that no run would have started; it has failed now"
    await client.delete_flow_run(run)
    return f"Prefect could not read its run {run}, so that no run would have started; it was deleted"
