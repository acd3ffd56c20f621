"""Which business day's data is expected when."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flows.core.dataset import DailyBy


def business_day(expect: DailyBy, now: datetime) -> date | None:
    """The business day whose data must have come by `now`; None while none is due.

    Before the time of day of `expect` the day of the check is the day before. Days that are no weekdays of
    the declaration, and holidays, have no data; the latest earlier one that has is expected.

    Args:
        expect: when data is expected.
        now: a moment with a time zone.
    """
    local = now.astimezone(ZoneInfo(expect.zone))
    due = local.replace(hour=_time(expect).hour, minute=_time(expect).minute, second=0, microsecond=0)
    day = (local if local >= due else local - timedelta(days=1)).date() - timedelta(days=expect.lag_days)
    return _latest(expect, day)


def day_before(expect: DailyBy | None, day: date) -> date:
    """The day before one, among those that have data; the calendar's where nothing says which do."""
    before = day - timedelta(days=1)
    return before if expect is None else _latest(expect, before) or before


def span_of(expect: DailyBy | None, day: date) -> tuple[datetime, datetime]:
    """When the files of a business day come: after the day before it was due, until it is due itself.

    Where no day is expected, it is the calendar day, UTC.
    """
    if expect is None:
        begin = datetime.combine(day, time(), UTC)
        return begin, begin + timedelta(days=1)
    return _due(expect, day_before(expect, day)), _due(expect, day)


def is_due(expect: DailyBy | None, day: date, now: datetime) -> bool | None:
    """Whether the day's data must have come by `now`; None where there is none to come."""
    return _due(expect, day) <= now if expect is not None and _has_data(expect, day) else None


def _has_data(expect: DailyBy, day: date) -> bool:
    return day.weekday() in expect.weekdays and day.isoformat() not in expect.holidays


def _due(expect: DailyBy, day: date) -> datetime:
    return datetime.combine(day + timedelta(days=expect.lag_days), _time(expect), ZoneInfo(expect.zone))


def _time(expect: DailyBy) -> time:
    return time.fromisoformat(expect.time)


def _latest(expect: DailyBy, day: date) -> date | None:
    """The day, or the last one before it that has data."""
    for _ in range(366):
        if _has_data(expect, day):
            return day
        day -= timedelta(days=1)
    return None
