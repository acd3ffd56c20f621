"""The days that a person names to be closed."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from flows.errors import QueryError
from flows.model.day_range import LONGEST, days_from, parse_day, short_list

FIRST = date(2021, 5, 2)


def test_a_range_holds_both_of_its_ends_and_one_day_needs_no_end() -> None:
    assert days_from(FIRST, date(2021, 5, 4)) == [date(2021, 5, day) for day in (2, 3, 4)]
    assert days_from(FIRST, FIRST) == days_from(FIRST, None) == [FIRST]
    assert days_from(None, None) == []
    assert len(days_from(FIRST, FIRST + timedelta(days=LONGEST - 1))) == LONGEST


@pytest.mark.parametrize(
    ("first", "last", "why"),
    [
        (FIRST, date(2021, 5, 1), "ends before it begins"),
        (None, FIRST, "has to begin"),
        (FIRST, FIRST + timedelta(days=LONGEST), "too long"),
        (date.min, date.max, "too long"),
    ],
)
def test_a_range_that_means_no_days_is_refused(first: date | None, last: date, why: str) -> None:
    with pytest.raises(QueryError, match=why):
        days_from(first, last)


@pytest.mark.parametrize("text", ["2021-02-30", "yesterday", "", "2021-13-01"])
def test_a_day_that_no_calendar_has_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match="There is no such day"):
        parse_day(text)


def test_days_that_follow_each_other_are_listed_as_a_range() -> None:
    days = [date(2021, 5, day) for day in (1, 2, 3, 7, 9, 10)]
    assert short_list(days) == "2021-05-01 to 2021-05-03, 2021-05-07, 2021-05-09 to 2021-05-10"
