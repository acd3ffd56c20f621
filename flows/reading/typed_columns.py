"""Values that have a type in the file, as the declared columns hold them: without loss, or not at all."""

from __future__ import annotations

from dataclasses import dataclass

import dataframely as dy
import polars as pl

from flows.model.formats import CellText
from flows.model.types import DATE, DECIMAL, FLOAT, INTEGER, STRING, type_of
from flows.validation.casts import held_cells


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
    if stored.is_nested() or stored.base_type() in (pl.Binary, pl.Object):
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
        DECIMAL: stored.is_integer(),
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
        exact &= values.dt.year().is_between(1, 9999).fill_null(True)  # what Python's dates can hold
    expected = f"{column.dtype}, in which each value finds its place without loss"
    if exact.all():
        return ReadColumn(values, None, expected)
    return ReadColumn(values.zip_with(exact, values.clear().extend_constant(None, len(values))), ~exact, expected)


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

    A moment that the first `datetime_format` has no place for is written in full, so that nothing of it is lost unseen.
    """
    dtype, cells = stored.dtype, cells.of(stored.name)
    if dtype == pl.String:
        return stored
    if dtype == pl.Boolean:
        return stored.replace_strict({True: cells.true[0], False: cells.false[0]}, return_dtype=pl.String)
    if dtype == pl.Date:
        return stored.dt.strftime(cells.date_forms[0].pattern)
    if dtype.base_type() is pl.Datetime:
        form = cells.datetime_forms[0].pattern
        text = stored.dt.strftime(form)
        again = text.str.to_datetime(form, time_unit=getattr(dtype, "time_unit", "us"), strict=False)
        return text.zip_with(again.eq_missing(stored), stored.dt.to_string("iso"))
    text = stored.cast(pl.String)
    return text.str.replace(".", cells.decimal, literal=True) if cells.decimal != "." else text
