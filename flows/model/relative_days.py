"""Days that are named from today: `today`, `last 7 days`, `this month`."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from flows.errors import QueryError
from flows.model.calendar import DailyBy, business_day, in_zone, shifted

WORDS = "today, yesterday, last 7 days, this month, last month, this year, last business day"
"""What there is, in words."""
_LAST_DAYS = re.compile(r"last ([1-9][0-9]{0,3}) days")


@dataclass(frozen=True)
class Days:
    """First and last of some days, both included."""

    first: date
    last: date


@dataclass(frozen=True)
class Clock:
    """When a question is asked.

    Args:
        now: that moment, with a time zone.
        expect: when which day's data is expected. Its zone says which day it is; without it the zone of `now` does.
    """

    now: datetime
    expect: DailyBy | None = None

    @property
    def today(self) -> date:
        """The day that it is."""
        return (self.now if self.expect is None else in_zone(self.now, ZoneInfo(self.expect.zone))).date()

    def days(self, text: str) -> Days | None:
        """The days that a text names; None where it names none. `last 7 days` are today and the six before it.

        Raises:
            QueryError: they are beyond the calendar, or no business days are declared.
        """
        words = " ".join(text.lower().split())
        today = self.today
        month_before = today.replace(day=1)
        last = _LAST_DAYS.fullmatch(words)
        if last is not None:
            return Days(_back(today, int(last[1]) - 1, text), today)
        match words:
            case "today":
                return Days(today, today)
            case "yesterday":
                return Days(_back(today, 1, text), _back(today, 1, text))
            case "this month":
                return _month(today)
            case "last month":
                return _month(_back(month_before, 1, text))
            case "this year":
                return Days(today.replace(month=1, day=1), today.replace(month=12, day=31))
            case "last business day":
                day = self._last_business_day(text)
                return Days(day, day)
            case _:
                return None

    def _last_business_day(self, text: str) -> date:
        """The last one whose data must have come by now."""
        day = None if self.expect is None else business_day(self.expect, self.now)
        if day is None:
            raise QueryError(
                "The dataset does not say which days have data",
                next_step="declare expect=DailyBy(...), or name the day",
                got=text,
            )
        return day


def _month(day: date) -> Days:
    return Days(day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1]))


def _back(day: date, days: int, text: str) -> date:
    found = shifted(day, -days)
    if found is None:
        raise QueryError("The calendar does not go so far back", next_step="name fewer days", got=text)
    return found
