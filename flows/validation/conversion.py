"""Values that an earlier declaration has made, as values of the present one: from type to type, never through a text
that is coarser than the value."""

from __future__ import annotations

import dataframely as dy
import polars as pl

from flows.model.formats import CellText
from flows.model.types import BOOLEAN, DATE, DATETIME, FLOAT, INTEGER, STRING, TYPES, ColumnType, type_of

_EXACT_TEXT = (STRING, INTEGER, BOOLEAN)
"""Types whose text says all of a value, whatever the format is."""


def convert(values: pl.Series, column: dy.Column, cells: CellText) -> pl.Series:
    """Values as a column of the present declaration holds them; null where one has no place there.

    Args:
        values: as a segment holds them.
        column: the schema's column.
        cells: how files write values, where a text becomes a value or a value a text.
    """
    before = next((each for each in TYPES if each.is_stored_as(values.dtype)), STRING)
    after = type_of(column)
    if before is after:
        found = _resized(values, column.dtype, exact=after is DATETIME)
    elif after is STRING:
        found = before.text(values, cells).cast(pl.String)
    elif before in _EXACT_TEXT and not (before is INTEGER and after is FLOAT):
        found = _read(before.text(values, cells).cast(pl.String), column, cells)
    else:
        found = _between(values, before, after, column.dtype)
    return found.cast(column.dtype).alias(values.name)


def _resized(values: pl.Series, dtype: pl.DataType, *, exact: bool) -> pl.Series:
    """The same type, perhaps in fewer bits: what leaves them has no place, and where `exact`, what loses digits."""
    cast = values.cast(dtype, strict=False)
    if dtype.is_float():
        return _where(cast, cast.is_finite() | ~values.is_finite())
    return _where(cast, cast.cast(values.dtype) == values) if exact else cast


def _between(values: pl.Series, before: ColumnType, after: ColumnType, dtype: pl.DataType) -> pl.Series:
    """Another type: a whole number in a float, a day as a moment, and back."""
    if (before, after) in ((INTEGER, FLOAT), (DATE, DATETIME)):
        return values.cast(dtype)
    if (before, after) in ((FLOAT, INTEGER), (DATETIME, DATE)):
        cast = values.cast(dtype, strict=False)
        return _where(cast, cast.cast(values.dtype) == values)
    return pl.Series(values.name, [None], dtype).new_from_index(0, len(values))


def _read(texts: pl.Series, column: dy.Column, cells: CellText) -> pl.Series:
    """Texts read as those of a file are."""
    held = pl.col(texts.name)
    return texts.to_frame().select(type_of(column).read(texts, held, column, cells).alias(texts.name)).to_series()


def _where(values: pl.Series, fits: pl.Series) -> pl.Series:
    return values.zip_with(fits.fill_null(False), pl.Series(values.name, [None], values.dtype))
