"""Values that have a type in the file, as the declared columns hold them: without loss, or not at all."""

from __future__ import annotations

from dataclasses import dataclass

import dataframely as dy
import polars as pl

from flows.model.formats import CellText
from flows.model.nulls import only_where
from flows.model.time_forms import TimeForm, Unit
from flows.model.types import DATE, FLOAT, INTEGER, STRING, type_of
from flows.model.types.time_text import read_time
from flows.validation.casts import held_cells

_FULL = "%Y-%m-%d %H:%M:%S%.f%::z"
"""A moment with its offset, which has seconds where the zone has no whole minutes, as before 1900."""


@dataclass(frozen=True)
class ReadColumn:
    """A column as it is declared.

    Args:
        values: null where there is no value, or none that the column holds.
        unread: set where a value stands that the column does not hold; None where there is none.
        expected: what such a value should have been, in words.
    """

    values: pl.Series
    unread: pl.Series | None
    expected: str


def misfit(stored: pl.DataType, column: dy.Column | None, *, whole_floats: bool) -> str | None:
    """What a column has to be in the file, in words, where none of its values would be one of the declared type.

    Args:
        stored: its type in the file.
        column: the schema's column; None where `prepare` gets the values as text.
        whole_floats: whether floats are taken as whole numbers.
    """
    wordless = (pl.Binary, pl.Object) if column is not None else (pl.Binary, pl.Object, pl.Duration)
    if stored.is_nested() or stored.base_type() in wordless:
        return "a column of single values or text"
    if column is None or stored in (pl.String, pl.Null):
        return None
    kind = type_of(column)
    if kind.frame == pl.String() and stored.base_type() in (pl.Categorical, pl.Enum):
        return None
    if stored.is_temporal() and kind.is_stored_as(stored):
        zone, declared = getattr(stored, "time_zone", None), getattr(column.dtype, "time_zone", None)
        return None if (zone is None) == (declared is None) else f"{kind.noun}, as it is declared"
    wider = {
        INTEGER: (stored.is_float() and whole_floats) or stored.is_decimal(),
        FLOAT: stored.is_numeric(),
        DATE: stored.base_type() is pl.Datetime and getattr(stored, "time_zone", None) is None,
    }
    fits = kind.sums == "decimal" and (stored.is_integer() or stored.is_decimal())
    if fits or kind.is_stored_as(stored) or wider.get(kind, False):
        return None
    if kind is INTEGER and stored.is_float():
        return "whole numbers, or Parquet(whole_floats=True) where each of the floats is whole"
    return f"{kind.noun}, as it is declared, or text"


def read_column(stored: pl.Series, column: dy.Column, cells: CellText) -> ReadColumn:
    """A column of a file, of which `misfit` has nothing to say, as it is declared.

    Args:
        stored: as the file has it.
        column: the schema's column, which has its name.
        cells: how values are read that are stored as text.
    """
    kind = type_of(column)
    if stored.dtype.base_type() in (pl.String, pl.Categorical, pl.Enum):
        return _from_text(stored.cast(pl.String), column, cells)
    values = stored.cast(column.dtype, strict=False)
    exact = values.cast(stored.dtype, strict=False).eq_missing(stored)
    if kind is FLOAT:
        exact &= values.is_finite().fill_null(True)
    if values.dtype.is_temporal():
        exact &= values.is_null() | _in_years(values)
    expected = f"{column.dtype}, in which each value finds its place without loss"
    if exact.all():
        return ReadColumn(values, None, expected)
    return ReadColumn(only_where(values, exact), ~exact, expected)


def _from_text(stored: pl.Series, column: dy.Column, cells: CellText) -> ReadColumn:
    kind, cells = type_of(column), cells.of(stored.name)
    expected = kind.expected(column, cells)
    if kind is STRING:
        return ReadColumn(stored, None, expected)
    held = held_cells(stored, cells)
    read = kind.read(stored, held, column, cells).cast(column.dtype)
    values, absent = stored.to_frame().select(read.alias("values"), held.is_null().alias("absent"))
    unread = values.is_null() & ~absent
    return ReadColumn(values.alias(stored.name), unread if unread.any() else None, expected)


def as_text(stored: pl.Series, cells: CellText) -> pl.Series:
    """Typed values as the text that `prepare` is given: written as the dataset's text is.

    A day or a moment that the first form has no place for is written in full, so that nothing of it is lost unseen.
    """
    dtype, cells = stored.dtype, cells.of(stored.name)
    if dtype == pl.String:
        return stored
    if dtype == pl.Boolean:
        return stored.replace_strict({True: cells.true[0], False: cells.false[0]}, return_dtype=pl.String)
    if dtype == pl.Date:
        return time_text(stored, cells.date_forms[0], None)
    if isinstance(dtype, pl.Datetime):
        return time_text(stored, cells.datetime_forms[0], dtype.time_unit)
    text = stored.cast(pl.String)
    return text.str.replace(".", cells.decimal, literal=True) if cells.decimal != "." else text


def time_text(stored: pl.Series, form: TimeForm, unit: Unit | None) -> pl.Series:
    """Days or moments in a form; in full where something of them would be lost, or where no offset is said."""
    zoned = getattr(stored.dtype, "time_zone", None) is not None
    full = stored.dt.strftime(_FULL).str.strip_suffix(":00") if zoned else stored.dt.to_string("iso")
    if zoned != form.has_offset:
        return full
    clock = stored.dt.replace_time_zone(None) if zoned else stored
    text = clock.dt.strftime(form.clock.pattern)
    again = text.to_frame().select(read_time(text, pl.col(text.name), [form.clock], unit)).to_series()
    same = again.eq_missing(clock)
    if zoned:
        offset = stored.dt.strftime("%::z")
        text, same = text + offset.str.head(-3), same & offset.str.ends_with(":00")
    return text.zip_with(same, full)


def _in_years(values: pl.Series) -> pl.Series:
    """Whether days or moments are of years that Python's dates can hold, in their zone and in UTC; what is further away
    has no year at all."""
    zoned = getattr(values.dtype, "time_zone", None) is not None
    found = pl.lit(values).dt
    years = [found.year(), *([found.convert_time_zone("UTC").dt.year()] if zoned else [])]
    return pl.select(pl.all_horizontal(year.is_between(1, 9999).fill_null(False) for year in years)).to_series()


def takes_text_only(column: dy.Column | None) -> bool:
    """Whether a column's values are text, so that a number in its place is none; where `prepare` gets the values, which
    have no column yet, they need not be."""
    return column is not None and type_of(column).frame == pl.String()
