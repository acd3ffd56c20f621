"""Which business days nobody has closed while nothing ran."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from flows.model.calendar import DailyBy, calendar_day, has_data, in_zone, shifted, span_of

LATEST = timedelta(days=1)
"""How soon after it was due a day is closed by a schedule that is kept."""


def missed_days(expect: DailyBy, checked: Mapping[date, datetime], now: datetime) -> list[date]:
    """The days that were due since the schedule was last kept, and that no close has looked at, in order.

    None where it never was kept: somebody has closed days by hand alone.

    Args:
        expect: when data is expected.
        checked: day → when a close looked at it last.
        now: a moment with a time zone.
    """
    kept = [day for day, at in checked.items() if at - in_zone(span_of(expect, day)[1], UTC) < LATEST]
    last = calendar_day(expect, now)
    if not kept or last is None:
        return []
    first = max(kept)
    later = (shifted(first, number) for number in range(1, (last - first).days + 1))
    return [day for day in later if day is not None and has_data(expect, day) and day not in checked]


def consecutive(days: list[date], expect: DailyBy) -> list[tuple[date, date]]:
    """Days as ranges, in which there are no other days with data."""
    ranges: list[tuple[date, date]] = []
    for day in days:
        before = ranges[-1][1] if ranges else None
        if before is not None and not _has_data_between(expect, before, day):
            ranges[-1] = (ranges[-1][0], day)
        else:
            ranges.append((day, day))
    return ranges


def _has_data_between(expect: DailyBy, first: date, last: date) -> bool:
    between = (shifted(first, number) for number in range(1, (last - first).days))
    return any(day is not None and has_data(expect, day) for day in between)
