"""The daily run: reconcile the directory, the ledger and the cube, and say whether the day's data has come."""

from __future__ import annotations

import asyncio
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.errors import CubefeedError
from flows.load_files import ask_owner
from flows.orchestration.artifacts import name_run, publish_report, publish_table
from flows.settings import Settings
from flows.text.output import plain_logs

OWNER_S = 180.0
"""How long the session may take to open: runs that are late start at the same moment as it does."""


@flow(name="close-day")
async def close_day(dataset: str) -> State[None]:
    """Close the business day that was due at the time for which the run was scheduled.

    So each of the runs that come late after some days of downtime closes its own day.

    Args:
        dataset: the dataset's name.
    """
    plain_logs()
    try:
        asked: dict[str, object] = {"run": flow_run.get_id(), "as_of": flow_run.get_scheduled_start_time().isoformat()}
        outcome = await ask_owner(dataset, "close-day", asked, owner_within_s=OWNER_S)
    except CubefeedError as error:
        return Failed(message=str(error))
    day = outcome["day"]
    await name_run(f"{dataset} · {day['business_day'] or 'no day expected'}")
    await publish_table(f"close-day-{dataset}", [day], f"Close of day: {dataset}")
    get_run_logger().info("%s", day)
    await report_day(outcome["report"])
    if day["complaints"]:
        return Failed(message="; ".join(day["complaints"]))
    return Completed(message=f"{day['rows']:,} rows; the cube equals the ledger")


@task(name="report_day", cache_policy=NO_CACHE)
async def report_day(facts: dict[str, Any]) -> None:
    """Keep the day's report as a page, and show it as an artifact."""
    from flows.day_report.build import complete_report, keep_report
    from flows.day_report.markdown import make_markdown

    state = Settings.read().state
    report = await asyncio.to_thread(complete_report, state, facts)
    for place in await asyncio.to_thread(keep_report, state, report):
        get_run_logger().info("the report is at %s", place)
    await publish_report(report.dataset, make_markdown(report))
