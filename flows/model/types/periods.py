"""Periods of the calendar: years, quarters, months, weeks, weekdays, by the names that people give them.

Engines hold a period's number, which counts from the first of the calendar: it is the month or the day, shifted and
divided. Names are made of the numbers of an answer, and numbers of the names in a condition.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from dataclasses import dataclass
from datetime import date
from typing import Literal

import polars as pl

from flows.model.types.base import Value
from flows.model.types.string import StringType

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_EPOCH = date(1970, 1, 1).toordinal()
_FIRST_DAY = date(1, 1, 1).toordinal()
"""A Monday."""


@dataclass(frozen=True)
class PeriodType(StringType):
    """Periods by their names, which are in order as texts, or as the members of an Enum.

    Args:
        unit: what is counted: `month` since January of the year 0, `day` since the first of the year 1, a Monday.
        shift: so many of them are taken off, that is, periods begin so much later.
        size: so many of them are a period.
        cycle: so many periods, after which they repeat; None where they do not.
    """

    values: tuple[type, ...] = ()  # they are not any text
    unit: Literal["month", "day"] = "month"
    shift: int = 0
    size: int = 1
    cycle: int | None = None

    @abstractmethod
    def number(self, name: str) -> int:
        """The number of a period.

        Raises:
            ValueError: no period has that name.
        """

    @abstractmethod
    def names(self, numbers: pl.Expr) -> pl.Expr:
        """The names of periods, in the type of the frame."""

    def numbers(self, days: pl.Expr) -> pl.Expr:
        """The numbers of the periods in which days lie."""
        if self.unit == "month":
            units = days.dt.year().cast(pl.Int64) * 12 + days.dt.month().cast(pl.Int64) - 1
        else:
            units = days.to_physical().cast(pl.Int64) + (_EPOCH - _FIRST_DAY)
        found = (units - self.shift) // self.size
        return found if self.cycle is None else (found + self.cycle) % self.cycle

    def holds(self, value: Value) -> bool:
        try:
            return isinstance(value, str) and self.number(value) is not None
        except ValueError:
            return False

    def parse(self, text: str) -> str:
        self.number(text)
        return text

    def in_engine(self, value: Value) -> Value:
        return self.number(value) if isinstance(value, str) else value

    def from_engine(self, value: Value) -> Value:
        if value is None:
            return None
        found = pl.select(self.names(pl.lit(value, pl.Int64))).item()
        assert isinstance(found, str)
        return found

    def portable(self, column: pl.Expr) -> pl.Expr:
        return column.cast(pl.String)

    def answer(self, found: pl.DataType, column: pl.Expr) -> pl.Expr:
        return self.names(column) if found.is_integer() else column.cast(self.frame)


@dataclass(frozen=True)
class YearType(PeriodType):
    """Years: `2021`, or `2021/22` where they do not begin in January."""

    size: int = 12

    @property
    def noun(self) -> str:
        return "fiscal year such as 2021/22" if self.shift else "year such as 2021"

    def number(self, name: str) -> int:
        return _year(name, fiscal=bool(self.shift))

    def names(self, numbers: pl.Expr) -> pl.Expr:
        return _year_names(numbers, fiscal=bool(self.shift))


@dataclass(frozen=True)
class QuarterType(PeriodType):
    """Quarters of those years: `2021-Q2`, or `2021/22-Q1`."""

    size: int = 3

    @property
    def noun(self) -> str:
        return "quarter of a fiscal year such as 2021/22-Q1" if self.shift else "quarter such as 2021-Q2"

    def number(self, name: str) -> int:
        year, mark, quarter = name.rpartition("-Q")
        if not mark or quarter not in ("1", "2", "3", "4"):
            raise ValueError(name)
        return _year(year, fiscal=bool(self.shift)) * 4 + int(quarter) - 1

    def names(self, numbers: pl.Expr) -> pl.Expr:
        quarter = (numbers % 4 + 1).cast(pl.String)
        return pl.concat_str(_year_names(numbers // 4, fiscal=bool(self.shift)), pl.lit("-Q"), quarter)


@dataclass(frozen=True)
class MonthType(PeriodType):
    """Months: `2021-05`."""

    @property
    def noun(self) -> str:
        return "month such as 2021-05"

    def number(self, name: str) -> int:
        found = re.fullmatch(r"([0-9]{4})-(0[1-9]|1[0-2])", name)
        if found is None:
            raise ValueError(name)
        return int(found[1]) * 12 + int(found[2]) - 1

    def names(self, numbers: pl.Expr) -> pl.Expr:
        return pl.concat_str(_digits(numbers // 12, 4), pl.lit("-"), _digits(numbers % 12 + 1, 2))


@dataclass(frozen=True)
class WeekType(PeriodType):
    """Weeks as ISO 8601 counts them, from Monday: `2021-W18`."""

    unit: Literal["month", "day"] = "day"
    size: int = 7

    @property
    def noun(self) -> str:
        return "week such as 2021-W18"

    def number(self, name: str) -> int:
        if not re.fullmatch(r"[0-9]{4}-W[0-9]{2}", name):
            raise ValueError(name)
        return (date.fromisocalendar(int(name[:4]), int(name[6:]), 1).toordinal() - _FIRST_DAY) // 7

    def names(self, numbers: pl.Expr) -> pl.Expr:
        mondays = (numbers * 7 + (_FIRST_DAY - _EPOCH)).cast(pl.Int32).cast(pl.Date)
        return mondays.dt.strftime("%G-W%V")


@dataclass(frozen=True)
class WeekdayType(PeriodType):
    """Days of the week: `Monday`. The first is that by which `shift` begins the week."""

    unit: Literal["month", "day"] = "day"
    cycle: int | None = 7

    @property
    def members(self) -> tuple[str, ...]:
        """Their names, in order."""
        return (*WEEKDAYS[self.shift :], *WEEKDAYS[: self.shift])

    @property
    def noun(self) -> str:
        return f"weekday, one of {', '.join(self.members)}"

    def number(self, name: str) -> int:
        return self.members.index(name)

    def names(self, numbers: pl.Expr) -> pl.Expr:
        return numbers.cast(pl.UInt8).cat.to(self.frame)


def weekdays_from(first: int) -> WeekdayType:
    """The days of weeks that begin on this day, Monday being 0."""
    members = WeekdayType("weekday", (), shift=first).members
    return WeekdayType("weekday", (), frame=pl.Enum(members), shift=first)


def _digits(numbers: pl.Expr, count: int) -> pl.Expr:
    return numbers.cast(pl.String).str.zfill(count)


def _year(name: str, *, fiscal: bool) -> int:
    found = re.fullmatch(r"([0-9]{4})/([0-9]{2})" if fiscal else r"([0-9]{4})()", name)
    if found is None or (fiscal and (int(found[1]) + 1) % 100 != int(found[2])):
        raise ValueError(name)
    return int(found[1])


def _year_names(numbers: pl.Expr, *, fiscal: bool) -> pl.Expr:
    begun = _digits(numbers, 4)
    return pl.concat_str(begun, pl.lit("/"), _digits((numbers + 1) % 100, 2)) if fiscal else begun
