"""A deployment as an installation declares it, and what its copy on the server remembers of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from prefect import Flow
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import SCHEDULE_TYPES, CronSchedule
from prefect.schedules import Schedule

MEMORY = "x-cubefeed"
"""The field of a deployment's parameter schema in which it remembers what was declared: a schema is always ours, it may
have fields of any name, and nothing of it is lost with a state directory, or seen by who looks at the deployment."""


@dataclass(frozen=True)
class Pool:
    """Where workers take the runs of a deployment, and how they start them.

    Args:
        name: the work pool.
        command: what a worker runs for each of them.
        working_dir: in which directory.
        env: with which variables, besides its own.
    """

    name: str
    command: str
    working_dir: str
    env: Mapping[str, str]


@dataclass(frozen=True)
class Declared:
    """A deployment as it is declared.

    Args:
        flow: the flow.
        name: the deployment's name, without the flow's.
        tags: that it has in any case.
        parameters: that it has in any case.
        schedule: when it runs by itself.
        pool: whose workers run it; None where the process that serves it does.
    """

    flow: Flow[..., Any]
    name: str
    tags: list[str]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    schedule: Schedule | None = None
    pool: Pool | None = None

    @property
    def full_name(self) -> str:
        return f"{self.flow.name}/{self.name}"

    @property
    def entrypoint(self) -> str:
        return f"{self.flow.fn.__module__}.{self.flow.fn.__name__}"

    @property
    def first_schedule(self) -> DeploymentScheduleCreate | None:
        """Its schedule, for a deployment that has none."""
        if self.schedule is None:
            return None
        made = DeploymentScheduleCreate.from_schedule(self.schedule)
        return made.model_copy(update={"active": True})

    def remembered(self, home: str) -> Memory:
        """What its copy on the server has to remember of it."""
        first = self.first_schedule
        return Memory(
            home,
            self.flow.description or "",
            schedule_text(first.schedule) if first is not None else "",
            variables=" ".join(sorted(self.pool.env)) if self.pool is not None else "",
        )

    def schema(self, memory: Memory) -> dict[str, Any]:
        """Its parameters, of which no others are taken."""
        declared = self.flow.parameters.model_dump(exclude_unset=True)
        return {**declared, "additionalProperties": False, MEMORY: asdict(memory)}


@dataclass(frozen=True)
class Memory:
    """What was declared when a deployment was last registered: what differs from it, a person has changed.

    Args:
        home: which state directory declared it.
        description: its description.
        schedule: its schedule, as text.
        retired: whether it is paused because its dataset is not served any more.
        variables: the names of those that its runs get on a work pool.
    """

    home: str
    description: str
    schedule: str
    retired: bool = False
    variables: str = ""

    @classmethod
    def of(cls, deployment: DeploymentResponse) -> Memory | None:
        """What a deployment remembers; None where it was registered in another way."""
        found = (deployment.parameter_openapi_schema or {}).get(MEMORY)
        try:
            return cls(**found) if found is not None else None
        except TypeError:
            return None


def own_schedule(deployment: DeploymentResponse) -> DeploymentSchedule | None:
    """The schedule that we made, however people have changed it: the first one, since it came with the deployment. It
    has no name of its own, in the place of which Prefect's pages show its time."""
    return min(deployment.schedules, key=_made_at, default=None)


def _made_at(schedule: DeploymentSchedule) -> datetime:
    return schedule.created or datetime.max.replace(tzinfo=UTC)


def schedule_text(schedule: SCHEDULE_TYPES) -> str:
    """A schedule in a line: `0 7 * * * Europe/Paris`."""
    if isinstance(schedule, CronSchedule):
        return f"{schedule.cron} {schedule.timezone or 'UTC'}"
    return schedule.model_dump_json(exclude_none=True)
