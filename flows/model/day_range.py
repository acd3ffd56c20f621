"""The days and times that a person names: one day, or a range of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from flows.errors import QueryError

LONGEST = 366
"""Days in a range at most: a year, each of which is checked on its own."""


def parse_day(text: str) -> date:
    """The day that a text says.

    Raises:
        QueryError: no calendar has it.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise QueryError("There is no such day", next_step="name one such as 2021-05-01", got=text[:100]) from None


def parse_moment(text: str) -> datetime:
    """The time that a text says.

    Raises:
        QueryError: it says none.
    """
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        next_step = "name one such as 2021-05-01 or 2021-05-01T08:00"
        raise QueryError("There is no such time", next_step=next_step, got=text[:100]) from None


def days_from(first: date | None, last: date | None) -> list[date]:
    """The days of a range, in order; one where it has no end, none where nothing is named.

    Raises:
        QueryError: it has no beginning, ends before it begins, or is too long.
    """
    if first is None:
        if last is not None:
            raise QueryError("A range has to begin", next_step="name its first day as date", until=last)
        return []
    count = (last - first).days + 1 if last is not None else 1
    if count < 1:
        raise QueryError("The range ends before it begins", next_step="exchange date and until", date=first, until=last)
    if count > LONGEST:
        next_step = f"close at most {LONGEST} days at a time"
        raise QueryError("The range is too long", next_step=next_step, date=first, until=last, days=count)
    return [first + timedelta(days=number) for number in range(count)]


def short_list(days: Iterable[date]) -> str:
    """Days for people: those that follow each other as a range."""
    ranges: list[list[date]] = []
    for day in days:
        if ranges and day - ranges[-1][-1] == timedelta(days=1):
            ranges[-1].append(day)
        else:
            ranges.append([day])
    return ", ".join(str(each[0]) if len(each) == 1 else f"{each[0]} to {each[-1]}" for each in ranges)
