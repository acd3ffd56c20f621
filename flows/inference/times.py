"""The forms of days and moments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import dataframely as dy
import polars as pl

from flows.inference.evidence import Question, Reading
from flows.inference.values import read_values
from flows.model.formats import CellText

_DAYS = (
    "%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d",
    "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%y", "%m-%d-%y", "%y-%m-%d", "%y/%m/%d", "%d-%b-%Y", "%d %b %Y",
    "%d-%b-%y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y", "%-d.%-m.%Y", "%-d/%-m/%Y", "%-m/%-d/%Y", "%-d.%-m.%y",
    "%-m/%-d/%y", "%-d/%-m/%y", "%B %-d, %Y", "%b %-d, %Y", "%-d %B %Y",
)  # fmt: skip
_CLOCKS = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%I:%M:%S %p", "%I:%M %p", "%H%M%S", "%H:%M:%S%.f")
_GLUE = (" ", "T", ", ")
_PARTS = {
    "%Y": r"\d{4}", "%b": "[A-Za-z]{3}", "%B": "[A-Za-z]{3,9}", "%p": "[AaPp][Mm]", "%f": r"\d{6}",
    "%.f": r"(?:\.\d{1,9})?",
    "%z": r"(?:Z|[+-]\d\d:?(?:\d\d)?)", "%-d": r"\d{1,2}", "%-m": r"\d{1,2}",
    **dict.fromkeys(("%d", "%m", "%y", "%H", "%I", "%M", "%S"), r"\d\d"),
}  # fmt: skip
_LENGTHS = range(6, 41)
"""Characters of a day or a moment."""
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
        mixed: forms that together read all of them, none of them differently, where no single one does.
    """

    is_day: bool
    forms: tuple[str, ...]
    mixed: tuple[str, ...] = ()


def find_time_forms(texts: pl.Series, dates: str | None) -> TimeForms | None:
    """The forms of a column's different texts; None where no form reads them all.

    Args:
        texts: each of them once.
        dates: `dmy`, `mdy` or `ymd` leaves forms out that say it otherwise.
    """
    first = texts.head(_FIRST_VALUES)
    if not (first.str.len_chars().is_between(_LENGTHS[0], _LENGTHS[-1]) & first.str.contains(r"\d")).all():
        return None
    wanted = {True: _wanted(_DAYS, dates), False: _wanted(tuple(_moments()), dates)}
    for is_day, forms in wanted.items():
        if found := _reading(texts, forms, is_day):
            return TimeForms(is_day, found)
    for is_day, forms in wanted.items():
        if mixed := _mixed(texts, forms, is_day):
            return TimeForms(is_day, (), mixed)
    return None


def choose_forms(
    found: Mapping[str, TimeForms], texts: Mapping[str, pl.Series]
) -> tuple[dict[str, tuple[str, ...]], list[Question]]:
    """The forms of each column, and what is open. Columns of the same files are written in one way: what a value of one
    of them decides is decided for the others."""
    decided = {order_of(each.forms[0]) for each in found.values() if len(each.forms) == 1} - {None}
    chosen, questions = dict[str, tuple[str, ...]](), list[Question]()
    for name, each in found.items():
        fitting = [form for form in each.forms if len(decided) == 1 and order_of(form) in decided]
        chosen[name] = each.mixed or tuple((fitting or each.forms)[:1])
        if len(each.forms) > 1 and len(fitting) != 1:
            questions.append(_question(name, each, texts[name]))
    return chosen, questions


def read_times(texts: pl.Series, form: str, *, is_day: bool) -> pl.Series:
    """The days or moments of texts; null where one is none."""
    zone = "UTC" if form.endswith("%z") else None
    column = dy.Date(nullable=True) if is_day else dy.Datetime(nullable=True, time_zone=zone)
    return read_values(column, CellText(date_format=form) if is_day else CellText(datetime_format=form), texts)


def _moments() -> Iterator[str]:
    for day in _DAYS:
        yield from (f"{day}{glue}{clock}{zone}" for clock in _CLOCKS for glue in _GLUE for zone in ("", "%z"))


def order_of(form: str) -> str | None:
    """What a form of digits begins with, as `dmy`, `mdy` or `ymd`; None where there is no doubt about it: the year has
    four digits and comes first, or the month has a name."""
    form = form.replace("%-", "%")
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
    """Whether a text has the digits, letters and signs of a form."""
    return _pattern(form).fullmatch(text) is not None


@cache
def _pattern(form: str) -> re.Pattern[str]:
    parts = re.split(r"(%[-.]?[A-Za-z])", form)
    return re.compile("".join(_PARTS.get(part, re.escape(part)) for part in parts))


def _wanted(forms: Sequence[str], dates: str | None) -> list[str]:
    return [each for each in forms if dates is None or order_of(each) in (dates, None)]


def _mixed(texts: pl.Series, forms: Sequence[str], is_day: bool) -> tuple[str, ...]:
    """Two forms, of which each reads some texts and at least one reads each, while none of them is read differently."""
    first = texts.head(_FIRST_VALUES).to_list()
    some = [form for form in forms if any(_may_be(text, form) for text in first)]
    read = {form: read_times(texts, form, is_day=is_day) for form in some}
    for one, other in combinations(read, 2):
        if one.endswith("%z") != other.endswith("%z"):
            continue  # what a clock shows says no moment
        both = read[one].is_not_null() & read[other].is_not_null()
        all_read = not (read[one].is_null() & read[other].is_null()).any()
        if all_read and not (both & (read[one] != read[other])).any():
            return one, other
    return ()


def _question(name: str, forms: TimeForms, texts: pl.Series) -> Question:
    readings = []
    for form in forms.forms:
        value = read_times(texts.head(1), form, is_day=forms.is_day)[0]
        readings.append(Reading(order_of(form) or form, f"{texts[0]} is {value} ({form})"))
    return Question(name, readings, "--dates")


def _plausible(values: pl.Series) -> bool:
    return bool(values.dt.year().is_between(*_YEARS).all())
