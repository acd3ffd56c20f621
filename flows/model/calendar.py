"""Which business day's data is expected when. No day or moment here is beyond the calendar's first or last one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flows.model.declaration import require, wrong
from flows.model.public_holidays import public_holidays, require_country


@dataclass(frozen=True)
class DailyBy:
    """A business day's rows are expected by a time of day.

    Args:
        time: `HH:MM`, local time in `zone`.
        zone: an IANA time zone such as `Europe/Paris`.
        day: the Date column that holds the business day.
        lag_days: how many days before the day of the check the expected business day lies.
        weekdays: the days on which data is expected, Monday is 0.
        holidays: ISO dates on which none is.
        country: the code of a country such as `FR`, on whose public holidays none is either.
        subdivision: the part of that country that has holidays of its own, such as `BY` in `DE`.
    """

    time: str
    zone: str
    day: str
    lag_days: int = 1
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    holidays: tuple[str, ...] = ()
    country: str | None = None
    subdivision: str | None = None

    def __post_init__(self) -> None:
        require(re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", self.time) is not None, "expect.time", "HH:MM", self.time)
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise wrong("expect.zone", "an IANA time zone such as Europe/Paris", self.zone) from None
        require(self.lag_days >= 0, "expect.lag_days", "0 or more", self.lag_days)
        require(
            bool(self.weekdays) and set(self.weekdays) <= set(range(7)),
            "expect.weekdays",
            "days from 0 (Monday) to 6",
            self.weekdays,
        )
        for holiday in self.holidays:
            require(_is_iso_date(holiday), "expect.holidays", 'dates such as "2026-12-25"', holiday)
        require_country(self.country, self.subdivision)


def shifted(day: date, days: int) -> date | None:
    """The day so many days later; None where no calendar has it."""
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return None


def in_zone(moment: datetime, zone: tzinfo) -> datetime:
    """A moment in a zone; one that would be before the first year or after the last is the first or last one there.

    One without a zone is meant as the clock of this machine shows it.
    """
    try:
        return moment.astimezone(zone)
    except (OverflowError, ValueError, OSError):  # which of them it is depends on the system's clock
        return datetime.min.replace(tzinfo=zone) if moment.year == 1 else datetime.max.replace(tzinfo=zone)


def business_day(expect: DailyBy, now: datetime) -> date | None:
    """The business day whose data must have come by `now`; None while none is due.

    Days that are no weekdays of the declaration, and holidays, have no data; the latest earlier one that has is
    expected.

    Args:
        expect: when data is expected.
        now: a moment with a time zone.
    """
    day = calendar_day(expect, now)
    return None if day is None else _latest(expect, day)


def calendar_day(expect: DailyBy, now: datetime) -> date | None:
    """The last day whose time has passed by `now`, whether data is expected for it or not.

    Before the time of day of `expect` the day of the check is the day before.
    """
    today = in_zone(now, ZoneInfo(expect.zone)).date()
    due = _start(today, _time(expect), ZoneInfo(expect.zone))
    return shifted(today, -expect.lag_days - (_instant(now) < _instant(due)))


def day_before(expect: DailyBy | None, day: date) -> date | None:
    """The day before one, among those that have data; the calendar's where nothing says which do.

    None where the calendar begins with the day.
    """
    before = shifted(day, -1)
    return before if expect is None or before is None else _latest(expect, before) or before


def span_of(expect: DailyBy | None, day: date) -> tuple[datetime, datetime]:
    """When the files of a business day come: after the day before it was due, until it is due itself.

    Where no day is expected, it is the calendar day, UTC.
    """
    if expect is None:
        return datetime.combine(day, time(), UTC), _start(shifted(day, 1), time(), UTC)
    before = day_before(expect, day)
    first = datetime.min.replace(tzinfo=ZoneInfo(expect.zone))
    return first if before is None else _due(expect, before), _due(expect, day)


def due_at(expect: DailyBy, day: date) -> datetime:
    """When a day's data must have come, in the zone of the declaration."""
    return _due(expect, day)


def day_after(expect: DailyBy, day: date) -> date | None:
    """The next day that has data; None where no calendar has it."""
    candidates = (shifted(day, ahead) for ahead in range(1, 367))
    return next((one for one in candidates if one is not None and has_data(expect, one)), None)


def day_meant(expect: DailyBy, came: datetime, has_arrived: Callable[[date], bool]) -> date | None:
    """The business day of a file that names none, by when it came: the one that was due and has not arrived; else the
    next one, once it is over (or has begun, where data is due on the day itself).
    """
    due = business_day(expect, came)
    if due is None or not has_arrived(due):
        return due
    following, today = day_after(expect, due), in_zone(came, ZoneInfo(expect.zone)).date()
    last = shifted(today, -min(expect.lag_days, 1))
    return following if following is not None and last is not None and following <= last else due


def is_due(expect: DailyBy | None, day: date, now: datetime) -> bool | None:
    """Whether the day's data must have come by `now`; None where there is none to come."""
    return _instant(_due(expect, day)) <= _instant(now) if expect is not None and has_data(expect, day) else None


def has_data(expect: DailyBy, day: date) -> bool:
    """Whether data is expected for a day: it is no holiday, and one of the weekdays."""
    if day.weekday() not in expect.weekdays or day.isoformat() in expect.holidays:
        return False
    return expect.country is None or day not in public_holidays(expect.country, expect.subdivision, day.year)


def _instant(moment: datetime) -> datetime:
    """A moment to compare: two of the same zone are compared by what the clock shows, which is not in order when it is
    set back."""
    return in_zone(moment, UTC)


def _due(expect: DailyBy, day: date) -> datetime:
    return _start(shifted(day, expect.lag_days), _time(expect), ZoneInfo(expect.zone))


def _start(day: date | None, at: time, zone: tzinfo) -> datetime:
    """A time of a day; the last moment where the day is beyond the calendar."""
    return datetime.max.replace(tzinfo=zone) if day is None else datetime.combine(day, at, zone)


def _time(expect: DailyBy) -> time:
    return time.fromisoformat(expect.time)


def _latest(expect: DailyBy, day: date) -> date | None:
    """The day, or the last one before it that has data."""
    candidates = (shifted(day, -back) for back in range(366))
    return next((one for one in candidates if one is not None and has_data(expect, one)), None)


def _is_iso_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except (ValueError, TypeError):
        return False
