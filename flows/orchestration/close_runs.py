"""The runs that close days after downtime: those that are late end in order, and days without a run get one."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import NamedTuple
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound

from flows.errors import QueryError
from flows.ingest.feed import Feed
from flows.model.calendar import DailyBy, calendar_day
from flows.model.day_range import days_from, parse_day, short_list
from flows.model.missed_days import consecutive, missed_days
from flows.orchestration.runs import client_of
from flows.runtime.boundaries import NothingFailed, Scope, boundary
from flows.store.business_days import checked_days

log = logging.getLogger(__name__)

MISSED_TAG = "missed-days"
MOST = 31
"""Days that a start has closed; somebody who comes back after years wants to be asked."""
POLL_S = 1.0
UNSTARTED_S = 60.0
"""How long an earlier run that does not start is waited for: its work queue may be paused."""
PAGE = 200
_AHEAD = (StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING)
_NOT_MISSED = (*_AHEAD, StateType.CANCELLING, StateType.CANCELLED, StateType.PAUSED)
"""Runs that close their days, or that somebody did not want to."""


class Missed(NamedTuple):
    """Days of a dataset that no close has looked at, in order."""

    dataset: str
    expect: DailyBy
    days: list[date]


async def await_earlier_runs() -> None:
    """Wait until the scheduled runs before this one have ended, so that late runs close their days in order.

    A run for a day that somebody has named waits for none, and none waits for it.
    """
    context = FlowRunContext.get()
    this = context.flow_run if context is not None else None
    if this is None or this.deployment_id is None or not _is_in_order(this):
        return
    unstarted_until = time.monotonic() + UNSTARTED_S
    async with client_of() as client:
        while earlier := await _runs_before(client, this):
            if time.monotonic() > unstarted_until and all(run.state_type is not StateType.RUNNING for run in earlier):
                log.warning("%s runs before this one do not start; this one goes on", len(earlier))
                return
            await asyncio.sleep(POLL_S)


def find_missed_days(feed: Feed) -> list[Missed]:
    """The days that no close has looked at, by dataset."""
    now, found = datetime.now(UTC), []
    for name, state in feed.datasets.items():
        if (expect := state.dataset.expect) is not None:
            days = missed_days(expect, checked_days(feed.ledger, name), now)
            found += [Missed(name, expect, days)] if days else []
    return found


async def run_missed_days(missed: Sequence[Missed]) -> None:
    """Have the days closed for which no run exists; Prefect makes none while it is down."""
    context = FlowRunContext.get()
    live = context.flow_run.deployment_id if context is not None and context.flow_run is not None else None
    if live is None or not missed:
        return
    with suppress(NothingFailed), boundary(Scope.PREFECT):
        async with client_of() as client:
            prefix = (await client.read_deployment(live)).name.removesuffix("cube")
            for each in missed:
                await close_missed(client, f"close-day/{prefix}{each.dataset}", each)


async def close_missed(client: PrefectClient, deployment: str, missed: Missed) -> None:
    """Start runs for the missed days of a dataset that have none; where its schedules are paused, for no day."""
    try:
        found = await client.read_deployment_by_name(deployment)
    except ObjectNotFound:
        return
    if found.paused or not any(schedule.active for schedule in found.schedules):
        return
    known = await _days_with_runs(client, found.id, missed.expect)
    left = [day for day in missed.days if day not in known]
    if older := left[:-MOST]:
        named = f"cubefeed close-day --dataset {missed.dataset} --date {older[0]} --until {older[-1]}"
        log.warning("%s: no run has closed %s, and none is started. Next: %s", missed.dataset, short_list(older), named)
    for first, last in consecutive(left[-MOST:], missed.expect):
        log.warning("%s: no run has closed %s to %s; one is started", missed.dataset, first, last)
        parameters = {"date": first.isoformat(), "until": last.isoformat()}
        await client.create_flow_run_from_deployment(found.id, parameters=parameters, tags=[MISSED_TAG])


async def _days_with_runs(client: PrefectClient, deployment: UUID, expect: DailyBy) -> set[date]:
    found: set[date] = set()
    for run in await _runs_of(client, deployment, datetime.now(UTC), _NOT_MISSED):
        with suppress(QueryError):  # which that run will say itself
            found.update(_days_of(run, expect))
    return found


def _days_of(run: FlowRun, expect: DailyBy) -> Iterable[date]:
    """The days that a run closes."""
    first, last = (run.parameters.get(name) for name in ("date", "until"))
    if first is not None:
        return days_from(parse_day(str(first)), parse_day(str(last)) if last is not None else None)
    due = calendar_day(expect, run.expected_start_time) if run.expected_start_time is not None else None
    return () if due is None else (due,)


async def _runs_before(client: PrefectClient, this: FlowRun) -> list[FlowRun]:
    assert this.deployment_id is not None and this.expected_start_time is not None
    now = datetime.now(UTC)
    runs = await _runs_of(client, this.deployment_id, this.expected_start_time, _AHEAD)
    return [
        run for run in runs if run.id != this.id and _is_in_order(run) and (run.next_scheduled_start_time or now) <= now
    ]


async def _runs_of(
    client: PrefectClient, deployment: UUID, until: datetime, states: Sequence[StateType]
) -> list[FlowRun]:
    """A deployment's runs that were to start by then, and are in one of these states."""
    found: list[FlowRun] = []
    while True:
        page = await client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
            flow_run_filter=FlowRunFilter(
                expected_start_time=FlowRunFilterExpectedStartTime.model_validate({"before_": until}),
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(states))),
            ),
            limit=PAGE,
            offset=len(found),
        )
        found += page
        if len(page) < PAGE:
            return found


def _is_in_order(run: FlowRun) -> bool:
    return run.parameters.get("date") is None or MISSED_TAG in run.tags
