"""The daily run: reconcile the directory, the ledger and the cube, and say whether the day's data has come."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date as calendar_date
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.day_report.day_close import DayClose, close_business_day, days_left_by, verdict_of
from flows.day_report.markdown import make_markdown
from flows.errors import CubefeedError
from flows.model.day_range import days_from, short_list
from flows.orchestration.artifacts import name_run, publish_report, publish_table
from flows.orchestration.close_runs import await_earlier_runs
from flows.orchestration.parameters import Day
from flows.orchestration.session_requests import asking_session
from flows.settings import Settings
from flows.text.escape import markdown
from flows.text.output import plain_logs

OWNER_S = 180.0
"""How long to wait while no session runs at all: after downtime, runs that are late start before it does."""


@flow(name="close-day")
async def close_day(dataset: str, date: Day | None = None, until: Day | None = None) -> State[None]:
    """Close business days: see that the data has come and that the cube equals the ledger, and keep the report.

    Args:
        dataset: Whose days. The deployment names it.
        date: The business day. Where none is chosen, it is the one that was due when the run was scheduled.
        until: The last day, to close all from the date on.
    """
    plain_logs()
    try:
        days = days_from(date, until)
    except CubefeedError as error:
        return Failed(message=str(error))
    if days:
        await name_run(f"{dataset} · {short_list(days)}")
    await await_earlier_runs()
    closed = await _close_each(dataset, days or [None])
    if not days:
        await name_run(f"{dataset} · {closed[0].day or 'no day expected'}")
    kind = Failed if any(each.complaints for each in closed) else Completed
    return kind(message=verdict_of(closed))


async def _close_each(dataset: str, days: Sequence[calendar_date | None]) -> list[DayClose]:
    """Close the days in order; one that is wrong keeps none from being closed, unless the session is gone."""
    closed: list[DayClose] = []
    for day in days:
        named = close_one_day.with_options(task_run_name=str(day or "the day that is due"))
        state: State[DayClose] = await named(dataset, day, return_state=True)  # type: ignore[misc]  # typed as if sync
        found = await state.aresult(raise_on_failure=False)
        if isinstance(found, Exception):
            raise found
        closed.append(found)
        if left := days_left_by(closed, days):
            return [*closed, *left]
    return closed


@task(name="close_one_day", cache_policy=NO_CACHE)
async def close_one_day(dataset: str, day: calendar_date | None) -> State[DayClose]:
    """Have the session close a day, and show what came of it."""
    asked: Mapping[str, Any] = {"run": flow_run.get_id(), "as_of": flow_run.get_scheduled_start_time().isoformat()}
    with asking_session(dataset, "close-day", owner_within_s=OWNER_S) as ask:
        closed = await asyncio.to_thread(close_business_day, Settings.read().state, day, ask, **asked)
    await _show(dataset, closed)
    kind = Failed if closed.complaints else Completed
    return kind(message=closed.result, data=closed)


async def _show(dataset: str, closed: DayClose) -> None:
    if closed.report is None:
        return
    for place in closed.places:
        get_run_logger().info("the report is at %s", place)
    links = [f" · [report]({place})" for place in closed.places if place.startswith("http")]
    headline = markdown(f"{dataset}, {closed.report.day}: {closed.result}") + "".join(links)
    await publish_table(f"close-day-{dataset}", [closed.as_json()], headline)
    await publish_report(dataset, closed.report.day, make_markdown(closed.report))
