"""What Prefect knows of our runs, and how the live run is started, watched, cancelled and declared dead."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from uuid import UUID

from prefect.automations import AutomationCore, EventTrigger, Posture, ResourceSpecification
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Cancelling, Completed, Crashed, Running

LIVE_FLOW = "keep-cube-live"
LIVE_DEPLOYMENT = f"{LIVE_FLOW}/cube"
SESSION_FLOWS = (LIVE_FLOW, "load_window")
"""The flows whose runs live in the owner's process, and die with it."""
OUR_FLOWS = (*SESSION_FLOWS, "load-files", "close-day")

HEARTBEAT_S = 30
"""The shortest that Prefect allows."""
SILENCE_S = 70
"""Two heartbeats may be late before a run counts as dead."""
REQUEST_S = 10
_STARTED = (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)
_FINAL = ("Completed", "Failed", "Cancelled", "Crashed")


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


async def find_live_deployment(client: PrefectClient) -> UUID | None:
    """The deployment of the live run, once it is served."""
    try:
        deployment = await client.read_deployment_by_name(LIVE_DEPLOYMENT)
    except ObjectNotFound:
        return None
    return deployment.id if str(deployment.status).endswith("READY") else None


async def refuse_undeclared_parameters(client: PrefectClient) -> None:
    """Let the deployments of our flows refuse at once what they do not declare, which Prefect's own schemas allow."""
    ours, offset = FlowFilter(name=FlowFilterName(any_=list(OUR_FLOWS))), 0
    while found := await client.read_deployments(flow_filter=ours, offset=offset):
        offset += len(found)
        for deployment in found:
            schema = {**(deployment.parameter_openapi_schema or {}), "additionalProperties": False}
            changed = DeploymentUpdate(parameter_openapi_schema=schema, enforce_parameter_schema=True)
            await client.update_deployment(deployment.id, changed)


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


async def declare_crashed(client: PrefectClient, flows: Iterable[str], why: str) -> list[FlowRun]:
    """Declare the started runs of these flows crashed. Only for who knows that their process is gone."""
    dead = await client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=list(flows))),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(_STARTED)))),
    )
    for run in dead:
        await client.set_flow_run_state(run.id, Crashed(message=why), force=True)
    return dead


def heartbeat_automation() -> AutomationCore:
    """The automation that marks a run of ours as Crashed when its heartbeats stop."""
    return AutomationCore(
        name="cubefeed: a run whose heartbeat stops has crashed",
        description=f"A run that was killed stays Running for ever. Cubefeed's runs send a heartbeat every "
        f"{HEARTBEAT_S} s; after {SILENCE_S} s without one the process is gone.",
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.heartbeat", *(f"prefect.flow-run.{state}" for state in _FINAL)},
            match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
            match_related=ResourceSpecification(
                {"prefect.resource.role": "flow", "prefect.resource.name": list(OUR_FLOWS)}
            ),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=SILENCE_S),
        ),
        actions=[
            ChangeFlowRunState(
                name="Crashed", state=StateType.CRASHED, message=f"No heartbeat for {SILENCE_S} s", force=False
            )
        ],
    )


async def ensure_automation(client: PrefectClient, wanted: AutomationCore) -> None:
    """Create an automation, or leave it be where one of that name exists (people may have changed it)."""
    if not await client.read_automations_by_name(wanted.name):
        await client.create_automation(wanted)
