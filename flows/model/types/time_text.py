"""How days and moments are read from text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import polars as pl

from flows.model.formats import CellText
from flows.model.time_forms import TimeForm, Unit

_UNITS = {"ms": "millisecond", "us": "microsecond", "ns": "nanosecond"}
FormOption = Literal["date_format", "datetime_format"]
DATE_FORMS = (
    "%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d.%m.%y",
    "%d/%m/%y", "%m/%d/%y", "%-d.%-m.%Y", "%-d/%-m/%Y", "%-m/%-d/%Y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%b %d, %Y",
    "%d %B %Y", "%Y-%m", "%m/%Y", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y %H:%M:%S",
)  # fmt: skip
"""Those that are named where a refused text has one of them; any others can be declared."""
CLOCK_FORMS = (
    tuple(
        f"{day}{between}{time}"
        for day in ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d")
        for between in (" ", "T")
        for time in ("%H:%M:%S", "%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
    )
    + DATE_FORMS[:10]
)
"""The same of moments; of a day alone it is midnight."""


def read_time(text: pl.Series, held: pl.Expr, forms: Sequence[TimeForm], unit: Unit | None) -> pl.Expr:
    """The days or moments that cells say in one of the forms; null where two of them read it differently.

    Each spelling is looked at once: the parser alone takes 2021-5-1 and 2021- 5-01 too.

    Args:
        text: the cells.
        held: the same as an expression, null where a cell means "no value".
        forms: how they may be written.
        unit: of moments; None for days.
    """
    spellings, cell = pl.DataFrame([text.unique()]), pl.col(text.name)
    values = [_read(form, cell, unit) for form in forms]
    exact = [form.is_exact(cell, _whole(form, value, unit)) for form, value in zip(forms, values, strict=True)]
    if len(forms) == 1:
        inexact = spellings.filter((~exact[0]).fill_null(False)).to_series()
        value = _read(forms[0], held, unit)
        return value if inexact.is_empty() else pl.when(~held.is_in(inexact.implode())).then(value)
    taken = [pl.when(each).then(value) for each, value in zip(exact, values, strict=True)]
    read = spellings.select(cell, value=agreed(taken)).drop_nulls()
    return held.replace_strict(*read.get_columns(), default=None, return_dtype=read["value"].dtype)


def agreed(values: Sequence[pl.Expr]) -> pl.Expr:
    """What readings of the same cells agree on; null where two of them differ."""
    if len(values) == 1:
        return values[0]
    first, last = pl.min_horizontal(values), pl.max_horizontal(values)
    return pl.when(first == last).then(first)


def other_forms(text: pl.Series, held: pl.Expr, forms: Sequence[TimeForm], unit: Unit | None) -> dict[str, pl.Expr]:
    """Which cells are read in another form than the first; see `ColumnType.marks`."""
    return forms_taken({form: read_time(text, held, [form], unit) for form in forms}) if len(forms) > 1 else {}


def forms_taken(values: Mapping[TimeForm, pl.Expr]) -> dict[str, pl.Expr]:
    """Which cells are read in which form but the first, each in the first of the forms that it has."""
    read = [value.is_not_null() for value in values.values()]
    flags = {f"the form {form.text}": (place, read[place]) for place, form in enumerate(values) if place}
    return {name: flag & ~pl.any_horizontal(read[:place]) for name, (place, flag) in flags.items()}


def either(forms: Sequence[TimeForm], unit: Unit | None = None) -> str:
    """Forms in words, and what a free fraction of a second may not have."""
    words = " or ".join(form.text for form in forms)
    return f"{words}, without loss beyond the {_UNITS[unit]}" if unit and "%.f" in words else words


def form_options(option: FormOption, known: Sequence[str], cells: CellText) -> Iterator[tuple[str, CellText]]:
    """Forms that could be declared besides; see `ColumnType.options`."""
    declared = tuple(form.text for form in (cells.date_forms if option == "date_format" else cells.datetime_forms))
    for form in known:
        if form not in declared:
            more: dict[str, Any] = {option: (*declared, form)}
            yield f"{option}={more[option]!r}", replace(cells, **more)


def _read(form: TimeForm, cell: pl.Expr, unit: Unit | None) -> pl.Expr:
    return form.days(cell) if unit is None else form.moments(cell, unit)


def _whole(form: TimeForm, value: pl.Expr, unit: Unit | None) -> pl.Expr:
    """A value with all that its form writes of it: a day with its midnight."""
    return value.cast(pl.Datetime("us")) if unit is None and form.has_time else value
