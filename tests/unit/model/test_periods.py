"""Periods: which name each day's has, in which order, and what is no name."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.errors import DeclarationError, QueryError
from flows.model.calendar_levels import Calendar
from flows.model.condition_values import parse_value
from flows.model.tables import Column, Table
from flows.model.types import DATE
from flows.model.types.periods import WEEKDAYS

CALENDARS = st.builds(Calendar, st.integers(1, 12), st.sampled_from(WEEKDAYS))
EDGES = [date.min, date.max, date(1, 1, 7), date(1, 1, 8), date(1969, 12, 31), date(1970, 1, 1), date(2020, 12, 31)]
DAYS = st.lists(st.dates() | st.sampled_from(EDGES), min_size=1, max_size=20)


def names_of(day: date, calendar: Calendar) -> dict[str, str]:
    """The names as a person would find them, in Python."""
    begun = day.year if day.month >= calendar.fiscal_start else day.year - 1
    year = f"{begun:04}" if calendar.fiscal_start == 1 else f"{begun:04}/{(begun + 1) % 100:02}"
    iso = day.isocalendar()
    return {
        "Year": year,
        "Quarter": f"{year}-Q{(day.month - calendar.fiscal_start) % 12 // 3 + 1}",
        "Month": f"{day.year:04}-{day.month:02}",
        "Week": f"{iso.year:04}-W{iso.week:02}",
        "Weekday": WEEKDAYS[day.weekday()],
    }


@settings(max_examples=40, deadline=None)
@given(DAYS, CALENDARS)
def test_each_day_has_the_periods_that_python_finds(days: list[date], calendar: Calendar) -> None:
    frame = pl.DataFrame({"day": days}, schema={"day": pl.Date})
    for part, kind in calendar.periods.items():
        numbers = kind.numbers(pl.col("day"))
        found = frame.select("day", numbers.alias("number"), kind.names(numbers).alias("name"))
        assert found["name"].dtype == kind.frame
        for day, number, name in found.iter_rows():
            assert name == names_of(day, calendar)[part]
            assert kind.number(name) == kind.in_engine(name) == number
            assert kind.from_engine(number) == kind.parse(name) == name
            assert kind.holds(name)
        assert found.sort("name")["number"].is_sorted()


@settings(max_examples=20, deadline=None)
@given(CALENDARS)
def test_no_value_is_in_no_period(calendar: Calendar) -> None:
    for kind in calendar.periods.values():
        assert kind.in_engine(None) is None and kind.from_engine(None) is None
        nothing = pl.Series([None], dtype=pl.Int64)
        assert pl.select(kind.answer(pl.Int64(), pl.lit(nothing))).to_series().to_list() == [None]


TABLE = Table("t", (Column("Day", DATE),))
FISCAL = Table("t", (Column("Day", DATE),), calendar=Calendar(fiscal_start=4, first_weekday="Sunday"))


@pytest.mark.parametrize(
    ("table", "level", "texts"),
    [
        (TABLE, "Day.Year", ["21", "02021", "2021/22", "+2021", "\u0662\u0660\u0662\u0661"]),
        (FISCAL, "Day.Year", ["2021", "2021/21", "2021/2022", "2021-22", "2021/22 "]),
        (TABLE, "Day.Quarter", ["2021-Q0", "2021-Q5", "2021-Q", "2021Q1", "Q1", "2021/22-Q1", "-Q1"]),
        (FISCAL, "Day.Quarter", ["2021-Q1"]),
        (TABLE, "Day.Month", ["2021-13", "2021-00", "2021-5", "May", "2021-05-01", "2021-05\n"]),
        (TABLE, "Day.Week", ["2021-W53", "2021-W00", "2021-W1", "2021W18", "0000-W01", "2021-W18-1"]),
        (TABLE, "Day.Weekday", ["monday", "Mon", "0", "Montag"]),
    ],
)
def test_what_names_no_period_is_refused_with_an_example(table: Table, level: str, texts: list[str]) -> None:
    for text in texts:
        with pytest.raises(QueryError) as refused:
            parse_value(table.level(level), text)
        assert level in refused.value.what and table.level(level).type.noun in str(refused.value.next_step)
        assert not table.level(level).type.holds(text)


@pytest.mark.parametrize("options", [
    {"fiscal_start": 0}, {"fiscal_start": 13}, {"fiscal_start": True}, {"fiscal_start": "4"},
    {"first_weekday": "Sun"}, {"first_weekday": 6},
])  # fmt: skip
def test_a_calendar_of_no_month_or_weekday_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(DeclarationError, match=f"calendar.{next(iter(options))}"):
        Calendar(**options)  # type: ignore[arg-type]  # authors' files are not type-checked
