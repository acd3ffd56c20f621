"""Days for which Prefect made no run get one at the next start, on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule
from prefect.server.api.server import create_app
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, PREFECT_API_URL, temporary_settings
from prefect.states import Cancelled, Scheduled

from flows.close_day import close_day
from flows.model.calendar import DailyBy
from flows.orchestration.close_runs import MISSED_TAG, MOST, Missed, close_missed

pytestmark = pytest.mark.slow
DEPLOYMENT = "close-day/sales"
EXPECT = DailyBy("07:00", "UTC", day="Date")
TODAY = datetime.now(UTC).date()


def days(*before: int) -> list[date]:
    return [TODAY - timedelta(days=number) for number in before]


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[PrefectClient]:
    """A server of its own, with the deployment that closes days each morning."""
    database = f"sqlite+aiosqlite:///{tmp_path / 'prefect.db'}"
    with temporary_settings({PREFECT_API_DATABASE_CONNECTION_URL: database, PREFECT_API_URL: None}):
        app = create_app(ephemeral=True, ignore_cache=True)
        async with PrefectClient(app) as made:
            flow = await made.create_flow(close_day)
            schedule = DeploymentScheduleCreate(schedule=CronSchedule(cron="0 7 * * *", timezone="UTC"))
            own = {"dataset": "sales"}
            await made.create_deployment(flow, "sales", schedules=[schedule], parameters=own, paused=False)
            yield made
            for run in await made.read_flow_runs():  # Prefect keeps the first database of a process
                await made.delete_flow_run(run.id)


async def started(client: PrefectClient) -> list[tuple[str, str]]:
    """The ranges of the runs for missed days."""
    runs = [run for run in await client.read_flow_runs() if MISSED_TAG in run.tags]
    return sorted((run.parameters["date"], run.parameters["until"]) for run in runs)


async def deployment(client: PrefectClient) -> UUID:
    return (await client.read_deployment_by_name(DEPLOYMENT)).id


def named(first: date, last: date) -> tuple[str, str]:
    return first.isoformat(), last.isoformat()


async def test_days_get_a_run_once_and_those_that_have_one_get_none(client: PrefectClient) -> None:
    id, (late, given_up) = await deployment(client), days(4, 2)
    at = datetime.combine(late + timedelta(days=1), datetime.min.time(), UTC) + timedelta(hours=7)
    await client.create_flow_run_from_deployment(id, state=Scheduled(scheduled_time=at))
    cancelled = await client.create_flow_run_from_deployment(id, parameters={"date": given_up.isoformat()})
    await client.set_flow_run_state(cancelled.id, Cancelled(), force=True)
    missed = Missed("sales", EXPECT, days(6, 5, 4, 3, 2, 1))
    for _ in range(2):
        await close_missed(client, DEPLOYMENT, missed)
        found = days(6, 5, 3, 1)
        assert await started(client) == [
            named(found[0], found[1]),
            named(found[2], found[2]),
            named(found[3], found[3]),
        ]


async def test_of_many_days_the_last_ones_get_a_run_and_the_others_are_named(
    client: PrefectClient, caplog: pytest.LogCaptureFixture
) -> None:
    missed = Missed("sales", EXPECT, days(*range(MOST + 2, 0, -1)))
    with caplog.at_level("WARNING", logger="flows"):
        await close_missed(client, DEPLOYMENT, missed)
    assert await started(client) == [named(missed.days[2], missed.days[-1])]
    first, last = missed.days[:2]
    assert f"Next: cubefeed close-day --dataset sales --date {first} --until {last}" in caplog.text


async def test_where_somebody_has_paused_the_schedule_no_day_gets_a_run(client: PrefectClient) -> None:
    await client.pause_deployment(await deployment(client))
    await close_missed(client, DEPLOYMENT, Missed("sales", EXPECT, days(1)))
    await close_missed(client, "close-day/orders", Missed("orders", EXPECT, days(1)))
    assert await started(client) == []
