"""Which business day's data is expected when."""

from __future__ import annotations

from datetime import date, datetime, timedelta
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
    hour, minute = (int(part) for part in expect.time.split(":"))
    due = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
    day = (local if local >= due else local - timedelta(days=1)).date() - timedelta(days=expect.lag_days)
    for _ in range(366):
        if day.weekday() in expect.weekdays and day.isoformat() not in expect.holidays:
            return day
        day -= timedelta(days=1)
    return None
