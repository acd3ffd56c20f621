"""The automations of an installation on its Prefect server: what only a server can do, when all else is dead."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from prefect.automations import AutomationCore, EventTrigger, Posture, ResourceSpecification
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, RunDeployment

from flows.orchestration.deployment_names import LIVE_FLOW, installation_tag
from flows.orchestration.runs import OUR_FLOWS

HEARTBEAT_S = 30
"""The shortest that Prefect allows."""
SILENCE_S = 70
"""Two heartbeats may be late before a run counts as dead."""
RESTART_S = 10
"""How soon after a crash the session starts again: no later than a worker looks for runs, and no run a second where it
crashes at once."""
_FINAL = ("Completed", "Failed", "Cancelled", "Crashed")


def crash_automation(installation: str) -> AutomationCore:
    """The automation that marks a run of an installation as Crashed when its heartbeats stop."""
    return AutomationCore(
        name=_name(installation, "a run whose heartbeat stops has crashed"),
        description=f"A run that was killed stays Running for ever. Cubefeed's runs send a heartbeat every "
        f"{HEARTBEAT_S} s; after {SILENCE_S} s without one the process is gone.",
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.heartbeat", *(f"prefect.flow-run.{state}" for state in _FINAL)},
            match=_RUNS,
            match_related=_of(installation, OUR_FLOWS),
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


def restart_automation(installation: str, live: UUID) -> AutomationCore:
    """The automation that starts the session again when its run has crashed: on a work pool, where no `cubefeed up`
    does it."""
    return AutomationCore(
        name=_name(installation, _RESTART),
        description="The session is one run for ever. Where it is cancelled or fails, a person starts it again.",
        trigger=EventTrigger(
            expect={"prefect.flow-run.Crashed"},
            match=_RUNS,
            match_related=_of(installation, (LIVE_FLOW,)),
            for_each={"prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        ),
        actions=[
            RunDeployment(
                source="selected",
                deployment_id=live,
                parameters=None,
                job_variables=None,
                schedule_after=timedelta(seconds=RESTART_S),
            )
        ],
    )


async def ensure_automation(client: PrefectClient, wanted: AutomationCore) -> bool:
    """Create an automation, or leave it be where one of that name exists (people may have changed it), but for one that
    starts a deployment which has been deleted since.

    Returns:
        whether it was created.
    """
    found = await client.read_automations_by_name(wanted.name)
    gone = [each for each in found if not _deployments_of(wanted) <= _deployments_of(each)]
    for each in gone:
        await client.delete_automation(each.id)
    if len(found) > len(gone):
        return False
    await client.create_automation(wanted)
    return True


async def ensure_crash_automation(client: PrefectClient, installation: str) -> bool:
    """As `ensure_automation`, for the one that finds the runs of an installation that are dead."""
    wanted = crash_automation(installation)
    return not await limit_to_installation(client, wanted) and await ensure_automation(client, wanted)


async def limit_to_installation(client: PrefectClient, wanted: AutomationCore) -> bool:
    """Have an automation that an earlier version made watch the runs of its installation alone: it named no tag, and
    watched those of all. All else of it stays as people have it.

    Returns:
        whether one was changed.
    """
    changed = False
    for each in await client.read_automations_by_name(wanted.name):
        if not isinstance(each.trigger, EventTrigger) or not isinstance(wanted.trigger, EventTrigger):
            continue
        if not _names_tag(each.trigger):
            trigger = each.trigger.model_copy(update={"match_related": wanted.trigger.match_related})
            kept = {name: value for name in AutomationCore.model_fields if (value := getattr(each, name)) is not None}
            await client.update_automation(each.id, AutomationCore(**{**kept, "trigger": trigger}))
            changed = True
    return changed


def _names_tag(trigger: EventTrigger) -> bool:
    related = trigger.match_related if isinstance(trigger.match_related, list) else [trigger.match_related]
    named = [each if isinstance(each, dict) else each.root for each in related]
    return any("tag" in each.get("prefect.resource.role", ()) for each in named)


async def remove_restart_automation(client: PrefectClient, installation: str) -> None:
    """Leave it to `cubefeed up` to start the session again."""
    for each in await client.read_automations_by_name(_name(installation, _RESTART)):
        await client.delete_automation(each.id)


_RUNS = ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"})
_RESTART = "the session starts again after a crash"


def _deployments_of(automation: AutomationCore) -> set[UUID | None]:
    """The deployments that it starts."""
    return {action.deployment_id for action in automation.actions if isinstance(action, RunDeployment)}


def _of(installation: str, flows: tuple[str, ...]) -> list[ResourceSpecification | dict[str, str | list[str]]]:
    """The runs of these flows that have the tag of an installation."""
    return [
        {"prefect.resource.role": "flow", "prefect.resource.name": list(flows)},
        {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{installation_tag(installation)}"},
    ]


def _name(installation: str, what: str) -> str:
    return f"cubefeed{f' {installation}' if installation else ''}: {what}"
