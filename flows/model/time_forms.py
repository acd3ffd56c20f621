"""The forms in which days and moments are written: strftime formats, held strictly."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache, cached_property
from typing import Any, Literal

import polars as pl

_COMPOSED = {
    "%D": "%m/%d/%y",
    "%x": "%m/%d/%y",
    "%F": "%Y-%m-%d",
    "%v": "%e-%b-%Y",
    "%T": "%H:%M:%S",
    "%X": "%H:%M:%S",
    "%R": "%H:%M",
    "%r": "%I:%M:%S %p",
}
_DIRECTIVE = re.compile(r"%(?:\.?[0-9]?f|[-_0]?[A-Za-z%])")
_DAYS = frozenset("deju")
_TIMES = frozenset("HIklMSpPf")
_NAMES = frozenset("aAbBhpP")
FIRST_YEAR = 1969
"""The first year that `%y` may mean, as in Python: 69 is 1969, and 68 is 2068."""
_FRACTION = re.compile(r"%(\.?)([0-9]?)f")
_PARTS = {
    "day": (1, frozenset("dejus")),
    "hour": (0, frozenset("HIkls")),
    "minute": (0, frozenset("Ms")),
    "second": (0, frozenset("Ss")),
}
"""Parts of a moment → what they are where no directive says them, and those directives."""
_ANY_FRACTION = "%.f"
_NINE_DIGITS = "%.9f"
_YEARS = (1, 9999)
"""What Python's dates can hold."""

Unit = Literal["ms", "us", "ns"]


@dataclass(frozen=True)
class TimeForm:
    """One form.

    A text is of it where writing what was read gives the same text again: `2021-5-1` is no `%Y-%m-%d`. Two things are
    free: the case of names of months and days, and how many digits a fraction `%.f` has.

    Args:
        text: strftime's directives, and of chrono's `%.f`: a point and one to nine digits, or neither. `%f` is six
            digits. Without a day it is the first one of the month.
        first_year: the first of the hundred years that `%y` may mean.
    """

    text: str
    first_year: int = FIRST_YEAR

    @cached_property
    def pattern(self) -> str:
        """The form as polars spells it: its own %f is nanoseconds, strftime's microseconds in six digits."""
        return _DIRECTIVE.sub(lambda found: "%6f" if found[0] == "%f" else _COMPOSED.get(found[0], found[0]), self.text)

    @cached_property
    def directives(self) -> frozenset[str]:
        """The letters of the form's directives."""
        return frozenset(each[-1] for each in _DIRECTIVE.findall(self.pattern))

    @property
    def has_offset(self) -> bool:
        """Whether it ends with `%z`, an offset from UTC."""
        return self.text.endswith("%z")

    @cached_property
    def clock(self) -> TimeForm:
        """The form without its offset, as a clock shows it."""
        return TimeForm(self.text.removesuffix("%z"), self.first_year)

    @property
    def has_time(self) -> bool:
        """Whether it says a time of day."""
        return not self.directives.isdisjoint(_TIMES)

    @property
    def is_read_anew(self) -> bool:
        """Whether it reads more texts than in earlier editions, or otherwise: fingerprints say so."""
        return not self.directives.isdisjoint({*_NAMES, "y"}) or _ANY_FRACTION in self.pattern

    @property
    def has_day(self) -> bool:
        """Whether it says a day, or its month alone."""
        return not self.directives.isdisjoint(_DAYS)

    def days(self, cell: pl.Expr) -> pl.Expr:
        """The days that cells say; null where they say none, or a time besides that is not midnight."""
        if not self.has_time:
            return self._in_first_years(self._completed(cell).str.to_date(self._complete_pattern, strict=False))
        moments = self.moments(cell, "us")
        days = moments.cast(pl.Date)
        return pl.when(days.cast(pl.Datetime("us")) == moments).then(days)

    def moments(self, cell: pl.Expr, unit: Unit) -> pl.Expr:
        """The moments that cells say, those of a day without a time at midnight; null where they say none."""
        read = self._completed(cell).str.to_datetime(self._complete_pattern, time_unit=unit, strict=False)
        return self._in_first_years(read)

    def is_exact(self, cell: pl.Expr, value: pl.Expr) -> pl.Expr:
        """Whether cells are what the values are written as; null where there is no value."""
        in_years = value.dt.year().is_between(*_YEARS)
        if not self.directives.isdisjoint(_NAMES):
            cell = cell.str.to_lowercase()
        before, fraction, after = self.pattern.partition(_ANY_FRACTION)
        if not fraction:
            return in_years & (self._written(value, self.pattern) == cell)
        head, tail = (self._written(value, part) if part else pl.lit("") for part in (before, after))
        length = cell.str.len_chars().cast(pl.Int64) - head.str.len_chars() - tail.str.len_chars()
        found = cell.str.slice(head.str.len_chars(), pl.max_horizontal(length, 0))
        same = (found.str.pad_end(10, "0") == value.dt.strftime(_NINE_DIGITS)) & found.str.contains(r"^\.[0-9]{1,9}$")
        nothing = (found == "") & (value.dt.strftime(_NINE_DIGITS) == ".000000000")
        return in_years & (length >= 0) & (same | nothing) & cell.str.starts_with(head) & cell.str.ends_with(tail)

    def _written(self, value: pl.Expr, pattern: str) -> pl.Expr:
        text = value.dt.strftime(pattern)
        return text if self.directives.isdisjoint(_NAMES) else text.str.to_lowercase()

    def _completed(self, cell: pl.Expr) -> pl.Expr:
        return cell if self.has_day else cell + " 01"

    @property
    def _complete_pattern(self) -> str:
        return self.pattern if self.has_day else f"{self.pattern} %d"

    def _in_first_years(self, value: pl.Expr) -> pl.Expr:
        """Years of two digits in the declared hundred; those that were read lie between 1970 and 2069."""
        if "y" not in self.directives:
            return value
        last = self.first_year + 99
        return (
            pl.when(value.dt.year() < self.first_year)
            .then(value.dt.offset_by("100y"))
            .when(value.dt.year() > last)
            .then(value.dt.offset_by("-100y"))
            .otherwise(value)
        )

    def write(self, value: date) -> str | None:
        """A day or a moment in this form; None where something of it would be lost."""
        moment = value if isinstance(value, datetime) else datetime.combine(value, time())
        if self.has_offset:
            text = self.clock.write(moment)
            return None if text is None else f"{text}{moment:%z}"
        if self._kept(moment) != moment:
            return None
        return moment.strftime(_FRACTION.sub(lambda found: _fraction(moment, *found.groups()), self.pattern))

    def _kept(self, moment: datetime) -> datetime | None:
        """What the form says of a moment."""
        if "y" in self.directives and not self.first_year <= moment.year < self.first_year + 100:
            return None
        left: dict[str, Any] = {
            part: low for part, (low, letters) in _PARTS.items() if self.directives.isdisjoint(letters)
        }
        digits = max((int(each) if each else 9 for _, each in _FRACTION.findall(self.pattern)), default=0)
        unit = 10 ** max(6 - digits, 0)
        return moment.replace(microsecond=moment.microsecond // unit * unit, **left)


@cache
def reads_back(form: TimeForm) -> bool:
    """Whether a day written in this form is understood again, or the first of its month; of an offset apart."""
    form = form.clock
    day = date(form.first_year + 32, 2, 3)
    try:
        text = pl.Series("text", [day]).cast(pl.Datetime("us")).dt.strftime(form.pattern)
        read = pl.DataFrame([text]).select(form.moments(pl.col("text"), "us").cast(pl.Date)).item()
    except (pl.exceptions.PolarsError, TypeError):
        return False
    return bool(read == (day if form.has_day else day.replace(day=1)))


def _fraction(moment: datetime, point: str, digits: str) -> str:
    """The fraction of a second as a directive with or without a point writes it."""
    if not digits:
        return f".{moment.microsecond:06d}" if moment.microsecond else ""
    return point + f"{moment.microsecond:06d}000"[: int(digits)]
