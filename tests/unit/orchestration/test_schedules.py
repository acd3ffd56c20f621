"""The schedule that a declaration means: each of its moments is one at which a day is due, and no day has two."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from prefect.server.schemas.schedules import CronSchedule

from flows.datasets.sales import SALES
from flows.model.calendar import DailyBy, business_day, calendar_day, has_data, is_due
from flows.orchestration.schedules import schedule_of

MONTHS = [
    (zone, first) for zone in ("Europe/Paris", "America/New_York") for first in (date(2026, 3, 1), date(2026, 10, 15))
]
"""Two months with a change of the clocks, of each zone."""
DAYS = 31


async def moments_of(expect: DailyBy | None, start: datetime, days: int = 5) -> list[datetime]:
    """When Prefect's scheduler would start the runs."""
    schedule = schedule_of(replace(SALES, expect=expect))
    assert schedule.cron is not None
    served = CronSchedule(cron=schedule.cron, timezone=schedule.timezone)
    return [*await served.get_dates(100, start=start, end=start + timedelta(days=days, seconds=-1))]


@pytest.mark.parametrize("at", ["00:00", "01:30", "02:30", "07:00"])
@pytest.mark.parametrize(("zone", "first"), MONTHS)
async def test_each_day_is_due_at_one_run_also_when_the_clocks_change(zone: str, first: date, at: str) -> None:
    expect = DailyBy(at, zone, day="Date")
    start = datetime.combine(first, datetime.min.time(), ZoneInfo(zone))
    moments = await moments_of(expect, start, days=DAYS)
    due = [business_day(expect, moment) for moment in moments]
    assert due == [first + timedelta(days=days - 1) for days in range(DAYS)]
    utc = [moment.astimezone(UTC) for moment in moments]
    assert utc == sorted(set(utc))
    for moment, day in zip(moments, due, strict=True):
        assert day is not None
        assert is_due(expect, day, moment) and not is_due(expect, day, moment - timedelta(minutes=1))


async def test_the_schedule_leaves_out_the_days_after_those_without_data() -> None:
    expect = DailyBy("07:00", "Europe/Paris", day="Date", lag_days=1, weekdays=(0, 1, 2, 3, 4))
    moments = await moments_of(expect, datetime(2026, 3, 23, tzinfo=ZoneInfo("Europe/Paris")), days=14)
    assert [moment.weekday() for moment in moments] == [1, 2, 3, 4, 5] * 2
    assert all((day := calendar_day(expect, moment)) is not None and has_data(expect, day) for moment in moments)


@pytest.mark.parametrize(
    ("lag_days", "weekdays", "days_of_week"),
    [(0, (6,), "0"), (0, (0, 4), "1,5"), (1, (4,), "6"), (2, (5, 6), "1,2"), (7, (0,), "1"), (3, tuple(range(7)), "*")],
)
def test_weekdays_are_those_on_which_the_data_is_due(
    lag_days: int, weekdays: tuple[int, ...], days_of_week: str
) -> None:
    expect = DailyBy("07:05", "UTC", day="Date", lag_days=lag_days, weekdays=weekdays)
    assert schedule_of(replace(SALES, expect=expect)).cron == f"5 7 * * {days_of_week}"


async def test_a_day_is_closed_each_morning_where_nothing_says_when_its_data_comes() -> None:
    assert len(await moments_of(None, datetime(2026, 3, 23, tzinfo=UTC))) == 5
