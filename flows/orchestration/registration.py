"""Makes the deployments of an installation on a Prefect server: what is missing and what is ours is set, what people
have changed stays.

Prefect's own `apply` replaces the schedules, the tags and the description of a deployment by the declared ones.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.objects import DeploymentStatus
from prefect.client.schemas.responses import DeploymentResponse

from flows.errors import StateError
from flows.orchestration.declared import MEMORY, Declared, Memory, own_schedule
from flows.orchestration.deployment_names import TAG, other_installation
from flows.orchestration.job_variables import job_variables
from flows.orchestration.kept_changes import keeps_description, keeps_schedule, kept_changes

RETIRED: Final = "is paused: its dataset is not served any more"
Done = Literal["made", "changed", "as it was", "is paused: its dataset is not served any more"]


@dataclass(frozen=True)
class Registered:
    """A deployment on the server.

    Args:
        name: its full name.
        id: its identifier.
        done: what was done to it.
        kept: what people have changed of it, and what therefore was left, in words.
    """

    name: str
    id: UUID
    done: Done
    kept: tuple[str, ...] = ()


def kept_lines(registered: Sequence[Registered]) -> list[str]:
    """What people have changed in Prefect and what was left, a line each, and how to have it as declared."""
    gone = [f"{each.name} {each.done}" for each in registered if each.done == RETIRED]
    kept = [f"left as it is in Prefect: {each.name} {', '.join(each.kept)}" for each in registered if each.kept]
    again = ["(--reset-schedules takes the declared schedules again, and ends pauses)"] if kept else []
    return [*gone, *kept, *again]


@dataclass(frozen=True)
class Registration:
    """Registers the deployments of one installation.

    Args:
        client: of the server.
        installation: its name, or nothing.
        home: the identifier of its state directory.
        reset_schedules: whether the declared schedules take the place of what people have made of them.
    """

    client: PrefectClient
    installation: str
    home: str
    reset_schedules: bool = False

    async def register(self, wanted: Sequence[Declared]) -> list[Registered]:
        """See that these deployments are on the server, and that no others of this state directory are scheduled.

        Raises:
            StateError: one of these names belongs to somebody else. Nothing has been changed then.
        """
        flows = {name: await self.client.create_flow_from_name(name) for name in {each.flow.name for each in wanted}}
        listed = {(each.flow_id, each.name): each async for each in self._listed([*flows])}
        pairs = [(each, listed.pop((flows[each.flow.name], each.name), None)) for each in wanted]
        for declared, there in pairs:
            if there is not None:
                self._require_ours(declared, there)
        done = [await self._see_to(declared, flows[declared.flow.name], there) for declared, there in pairs]
        names = {id: name for name, id in flows.items()}
        gone = [(f"{names[each.flow_id]}/{each.name}", each) for each in listed.values() if self._is_orphan(each)]
        return [*done, *[await self._retire(name, each) for name, each in gone]]

    async def _listed(self, flows: list[str]) -> AsyncIterator[DeploymentResponse]:
        """All deployments of these flows, those of others too."""
        named, offset = FlowFilter(name=FlowFilterName(any_=flows)), 0
        while found := await self.client.read_deployments(flow_filter=named, offset=offset):
            offset += len(found)
            for each in found:
                yield each

    def _require_ours(self, declared: Declared, there: DeploymentResponse) -> None:
        memory, other = Memory.of(there), other_installation(self.installation, there.tags)
        foreign = TAG not in there.tags and there.entrypoint != declared.entrypoint
        served = memory is not None and memory.home != self.home and there.status is DeploymentStatus.READY
        if other is None and not foreign and not served:
            self._require_unserved(declared, there)
            return
        whose = f"the installation {other}" if other else "somebody else" if foreign else "another state directory"
        raise StateError(
            f"The deployment {declared.full_name} of this Prefect server belongs to {whose}",
            next_step="give this installation a name of its own with --name or CUBEFEED_NAME"
            + ("" if other or foreign else "; or end the other one, and start again a minute later"),
            entrypoint=there.entrypoint if foreign else None,
        )

    def _require_unserved(self, declared: Declared, there: DeploymentResponse) -> None:
        """A process that serves a deployment takes the runs that are meant for the workers of its pool."""
        if declared.pool is None or there.work_pool_name is not None or there.status is not DeploymentStatus.READY:
            return
        raise StateError(
            f"The deployment {declared.full_name} is served by a process, which would take the runs before any worker",
            next_step="end that cubefeed up, and type this again a minute later",
        )

    async def _see_to(self, declared: Declared, flow: UUID, there: DeploymentResponse | None) -> Registered:
        if there is None:
            return Registered(declared.full_name, await self._make(declared, flow), "made")
        memory = Memory.of(there)
        kept = () if self.reset_schedules else tuple(kept_changes(there, declared, memory))
        changed = await self._change(declared, there, memory)
        return Registered(declared.full_name, there.id, "changed" if changed else "as it was", kept)

    async def _make(self, declared: Declared, flow: UUID) -> UUID:
        first = declared.first_schedule
        fields = self._wanted(declared, None, None)
        return await self.client.create_deployment(
            flow_id=flow, name=declared.name, schedules=[first] if first is not None else [], **fields
        )

    async def _change(self, declared: Declared, there: DeploymentResponse, memory: Memory | None) -> bool:
        wanted = self._wanted(declared, there, memory)
        if (
            (memory is None and TAG not in there.tags)
            or (memory is not None and memory.retired)
            or self.reset_schedules
        ):
            wanted["paused"] = False  # an earlier version, or we, have paused it
        changes = {name: value for name, value in wanted.items() if (getattr(there, name) or None) != (value or None)}
        if changes:
            await self.client.update_deployment(there.id, DeploymentUpdate(**changes))
        return await self._see_to_schedule(declared, there, memory) or bool(changes)

    def _wanted(self, declared: Declared, there: DeploymentResponse | None, memory: Memory | None) -> dict[str, Any]:
        """The fields that are ours, besides the schedules."""
        wanted = {
            "version": declared.flow.version,
            "description": declared.flow.description,
            "tags": declared.tags,
            "parameters": dict(declared.parameters),
            "parameter_openapi_schema": declared.schema(declared.remembered(self.home)),
            "enforce_parameter_schema": True,
            "entrypoint": declared.entrypoint,
            "path": None,
            "pull_steps": None,
            "work_pool_name": declared.pool.name if declared.pool is not None else None,
            "job_variables": job_variables(declared.pool, there, memory),
        }
        return wanted if there is None else {**wanted, **_with_what_people_added(wanted, there, memory)}

    async def _see_to_schedule(self, declared: Declared, there: DeploymentResponse, memory: Memory | None) -> bool:
        first, found = declared.first_schedule, own_schedule(there)
        if self.reset_schedules and (first is not None or there.schedules):
            for schedule in there.schedules:
                await self.client.delete_deployment_schedule(there.id, schedule.id)
            found = None
        elif keeps_schedule(there, memory):
            return False
        if first is None:
            return False
        if found is None:
            await self.client.create_deployment_schedules(there.id, [first])
            return True
        if found.schedule == first.schedule:
            return False
        await self.client.update_deployment_schedule(
            there.id, found.id, schedule=first.schedule, parameters=found.parameters
        )
        return True

    def _is_orphan(self, there: DeploymentResponse) -> bool:
        """Whether it is of this state directory, and its dataset is not served any more."""
        memory = Memory.of(there)
        return memory is not None and memory.home == self.home and not there.paused

    async def _retire(self, name: str, there: DeploymentResponse) -> Registered:
        """Pause what nobody serves: its scheduled runs would wait for ever."""
        memory = Memory.of(there)
        assert memory is not None
        schema = {**(there.parameter_openapi_schema or {}), MEMORY: asdict(replace(memory, retired=True))}
        await self.client.update_deployment(there.id, DeploymentUpdate(parameter_openapi_schema=schema, paused=True))
        return Registered(name, there.id, RETIRED)


def _with_what_people_added(wanted: dict[str, Any], there: DeploymentResponse, memory: Memory | None) -> dict[str, Any]:
    """Of the fields that are ours, those that hold something of others too."""
    both: dict[str, Any] = {
        "tags": [*wanted["tags"], *(tag for tag in there.tags if tag not in wanted["tags"])],
        "parameters": {**there.parameters, **wanted["parameters"]},
    }
    if keeps_description(there, memory):
        both["description"] = there.description
    return both
