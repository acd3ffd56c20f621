"""The forms of days and moments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import dataframely as dy
import polars as pl

from flows.inference.values import read_values
from flows.model.formats import Csv

_DAYS = (
    "%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d",
    "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%y", "%m-%d-%y", "%y-%m-%d", "%y/%m/%d", "%d-%b-%Y", "%d %b %Y",
    "%d-%b-%y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y",
)  # fmt: skip
_CLOCKS = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%I:%M:%S %p", "%I:%M %p", "%H%M%S")
_GLUE = (" ", "T", ", ")
_FIRST_VALUES = 20
"""Values by which most forms are ruled out, before all are read strictly."""
_YEARS = (1900, 2100)
"""Digits without signs are days in these years only; they are numbers otherwise."""


@dataclass(frozen=True)
class TimeForms:
    """How a column's texts can be read.

    Args:
        is_day: whether they are days, otherwise moments.
        forms: those that read all of them, each differently.
    """

    is_day: bool
    forms: tuple[str, ...]


def find_time_forms(texts: pl.Series, dates: str | None) -> TimeForms | None:
    """The forms of a column's different texts; None where no form reads them all.

    Args:
        texts: each of them once.
        dates: `dmy`, `mdy` or `ymd` leaves forms out that say it otherwise.
    """
    for is_day, forms in ((True, _DAYS), (False, tuple(_moments()))):
        found = _reading(texts, [each for each in forms if dates is None or order_of(each) in (dates, None)], is_day)
        if found:
            return TimeForms(is_day, found)
    return None


def read_times(texts: pl.Series, form: str, *, is_day: bool) -> pl.Series:
    """The days or moments of texts; null where one is none."""
    column = dy.Date(nullable=True) if is_day else dy.Datetime(nullable=True)
    return read_values(column, Csv(date_format=form) if is_day else Csv(datetime_format=form), texts)


def _moments() -> Iterator[str]:
    for day in _DAYS:
        yield from (f"{day}{glue}{clock}" for clock in _CLOCKS for glue in _GLUE)


def order_of(form: str) -> str | None:
    """What a form of digits begins with, as `dmy`, `mdy` or `ymd`; None where there is no doubt about it: the year has
    four digits and comes first, or the month has a name."""
    places = {form.find(f"%{each}"): each.lower() for each in "dmyY" if f"%{each}" in form}
    order = "".join(places[place] for place in sorted(places))
    return order if len(order) == 3 and not form.startswith("%Y") and "." not in form[:4] else None


def _reading(texts: pl.Series, forms: Sequence[str], is_day: bool) -> tuple[str, ...]:
    """The forms that read all texts; of those that read them as the same, the first."""
    first, found = texts.head(_FIRST_VALUES).to_list(), dict[str, pl.Series]()
    for form in forms:
        if not all(_may_be(text, form) for text in first):
            continue
        values = read_times(texts, form, is_day=is_day)
        known = any(values.equals(other) for other in found.values())
        if not (values.has_nulls() or known or (form == "%Y%m%d" and not _plausible(values))):
            found[form] = values
    return tuple(found)


def _may_be(text: str, form: str) -> bool:
    """Whether Python, which is not strict, reads a text in a form."""
    try:
        datetime.strptime(text, form)  # noqa: DTZ007 - whether it is one, not which
    except ValueError:
        return False
    return True


def _plausible(values: pl.Series) -> bool:
    return bool(values.dt.year().is_between(*_YEARS).all())
