"""What Prefect knows of our runs, and how the live run is started, watched, cancelled and declared dead."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Cancelling, Completed, Crashed, Running

from flows.orchestration.deployment_names import LIVE_FLOW, installation_tag, live_deployment

SESSION_FLOWS = (LIVE_FLOW, "load_window")
"""The flows whose runs live in the owner's process, and die with it."""
OUR_FLOWS = (*SESSION_FLOWS, "load-files", "close-day")

REQUEST_S = 10
_STARTED = (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)


@asynccontextmanager
async def client_of(*, retries: int = 5) -> AsyncIterator[PrefectClient]:
    """A client that gives up sooner than Prefect's own where fewer retries are wanted (2, 4, 8, … s apart).

    Prefect's client takes no such numbers: it reads them from the settings at each request
    (https://github.com/PrefectHQ/prefect/tree/3.8.8/src/prefect/client/base.py). They hold in the calling task only:
    for a whole process they would make a short outage fatal.
    """
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: retries, PREFECT_API_REQUEST_TIMEOUT: REQUEST_S}):
        async with get_client() as client:
            yield client


async def find_live_deployment(client: PrefectClient, installation: str) -> UUID | None:
    """The deployment of the live run, where there is one."""
    try:
        return (await client.read_deployment_by_name(live_deployment(installation))).id
    except ObjectNotFound:
        return None


async def start_live_run(client: PrefectClient, deployment: UUID) -> UUID:
    """Ask for a live run."""
    return (await client.create_flow_run_from_deployment(deployment)).id


async def state_of(client: PrefectClient, run: UUID) -> State | None:
    """A run's state; None when it was deleted."""
    try:
        return (await client.read_flow_run(run)).state
    except ObjectNotFound:
        return None


async def declare_running(client: PrefectClient, run: UUID) -> None:
    """Correct the state of a run that was taken for dead."""
    await client.set_flow_run_state(run, Running(message="The process is alive"), force=True)


async def end_unreported(client: PrefectClient, run: UUID) -> None:
    """End a run that was over while Prefect did not answer; one that is final stays as it is."""
    with suppress(ObjectNotFound):
        await client.set_flow_run_state(run, Completed(message="It was over while Prefect did not answer"))


async def cancel(client: PrefectClient, run: UUID, why: str) -> None:
    """Ask that a run ends."""
    await client.set_flow_run_state(run, Cancelling(message=why), force=True)


async def declare_crashed(
    client: PrefectClient, installation: str, flows: Iterable[str], why: str, *, but: UUID | None = None
) -> list[FlowRun]:
    """Declare the started runs of these flows crashed, those of this installation alone, and of them all `but` one.

    Only for who knows that their process is gone.
    """
    dead = await client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=list(flows))),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(_STARTED))),
            tags=FlowRunFilterTags(all_=[installation_tag(installation)]),
        ),
    )
    for run in (run for run in dead if run.id != but):
        await client.set_flow_run_state(run.id, Crashed(message=why), force=True)
    return dead
