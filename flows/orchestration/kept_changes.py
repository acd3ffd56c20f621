"""What people have changed of a deployment in Prefect, and what therefore stays as it is."""

from __future__ import annotations

from collections.abc import Iterator

from prefect.client.schemas.responses import DeploymentResponse

from flows.orchestration.declared import Declared, Memory, own_schedule, schedule_text


def kept_changes(deployment: DeploymentResponse, declared: Declared, memory: Memory | None) -> Iterator[str]:
    """What is left as it was, in words.

    Args:
        deployment: as it is on the server, before anything is done.
        declared: as it is declared now.
        memory: what it remembers of the last declaration.
    """
    if deployment.paused and memory is not None and not memory.retired:
        yield "is paused"
    yield from _kept_schedules(deployment, declared, memory)
    if keeps_description(deployment, memory) and deployment.description != declared.flow.description:
        yield "has another description"
    if others := sorted(set(deployment.tags) - set(declared.tags)):
        yield f"has the tags {', '.join(others)}"
    if others := sorted(set(deployment.parameters) - set(declared.parameters)):
        yield f"has values for {', '.join(others)}"
    if deployment.global_concurrency_limit is not None:
        yield f"runs at most {deployment.global_concurrency_limit.limit} at a time"


def keeps_schedule(deployment: DeploymentResponse, memory: Memory | None) -> bool:
    """Whether a person has another schedule in mind than the one that was declared when it was last registered."""
    found = own_schedule(deployment)
    return memory is not None and (schedule_text(found.schedule) if found is not None else "") != memory.schedule


def keeps_description(deployment: DeploymentResponse, memory: Memory | None) -> bool:
    """Whether a person has written the description."""
    return memory is not None and bool(deployment.description) and deployment.description != memory.description


def _kept_schedules(deployment: DeploymentResponse, declared: Declared, memory: Memory | None) -> Iterator[str]:
    first, found = declared.first_schedule, own_schedule(deployment)
    wanted = schedule_text(first.schedule) if first is not None else "none"
    if found is None and keeps_schedule(deployment, memory):
        yield f"has lost its schedule (declared: {wanted})"
    elif found is not None and schedule_text(found.schedule) != wanted and keeps_schedule(deployment, memory):
        yield f"is scheduled at {schedule_text(found.schedule)} (declared: {wanted})"
    if found is not None and not found.active:
        yield "has a paused schedule"
    if others := len(deployment.schedules) - (found is not None):
        yield f"has {others} more schedule{'s' if others > 1 else ''}"
