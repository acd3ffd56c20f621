"""Values that an earlier declaration has made, as values of the present one: from type to type, never through a text
that is coarser than the value."""

from __future__ import annotations

from decimal import Decimal

import dataframely as dy
import polars as pl

from flows.model.formats import CellText
from flows.model.nulls import null_column, only_where
from flows.model.types import (
    BOOLEAN,
    DATE,
    DATETIME,
    DECIMAL,
    FLOAT,
    INTEGER,
    MOMENT,
    STRING,
    ColumnType,
    stored_type,
    type_of,
)
from flows.model.types.moment import MomentType

_EXACT_TEXT = frozenset(each.kind for each in (STRING, INTEGER, BOOLEAN))
"""Types whose text says all of a value, whatever the format is."""
_NEAREST = frozenset((one.kind, other.kind) for one, other in ((INTEGER, FLOAT), (DATE, DATETIME), (DECIMAL, FLOAT)))
"""From type to type where every value has a place, which may be the nearest one."""
_IF_EQUAL = frozenset((one.kind, other.kind) for one, other in ((FLOAT, INTEGER), (DATETIME, DATE), (DECIMAL, INTEGER)))
"""From type to type where a value has a place if one there equals it."""


def convert(values: pl.Series, column: dy.Column, cells: CellText) -> pl.Series:
    """Values as a column of the present declaration holds them; null where one has no place there.

    Args:
        values: as a segment holds them.
        column: the schema's column.
        cells: how files write values, where a text becomes a value or a value a text.
    """
    found = _converted(values, stored_type(values.dtype), column, cells)
    return found.cast(column.dtype).alias(values.name)


def _converted(values: pl.Series, before: ColumnType, column: dy.Column, cells: CellText) -> pl.Series:
    after = type_of(column)
    way = before.kind, after.kind
    if before.kind == after.kind:
        return _resized(values, column.dtype, exact=after.kind in (DATETIME.kind, MOMENT.kind, DECIMAL.kind))
    if after.frame == pl.String():
        return _read(before.text(values, cells).cast(pl.String), column, cells)
    if way in _NEAREST:
        return values.cast(column.dtype)
    if way in _IF_EQUAL:
        cast = values.cast(column.dtype, strict=False)
        return only_where(cast, cast.cast(values.dtype, strict=False) == values)
    if isinstance(after, MomentType) and before is DATETIME:
        return values.to_frame().select(after.of_clocks(pl.col(values.name), cells.ambiguous)).to_series()
    if before.kind in _EXACT_TEXT:
        return _read(before.text(values, cells).cast(pl.String), column, cells)
    if way == (FLOAT.kind, DECIMAL.kind):
        return _read(_without_exponents(before.text(values, cells)), column, cells)
    return null_column(values.name, column.dtype, len(values))


def _without_exponents(texts: pl.Series) -> pl.Series:
    """The shortest texts that say all of floats, in plain digits: what was 0.1 in a file is a tenth again."""
    long = texts.str.contains("e", literal=True).fill_null(False)
    plain = [format(Decimal(text), "f") for text in texts.filter(long)]
    return texts.scatter(long.arg_true(), plain) if plain else texts


def _resized(values: pl.Series, dtype: pl.DataType, *, exact: bool) -> pl.Series:
    """The same type, perhaps in fewer bits: what leaves them has no place, and where `exact`, what loses digits."""
    cast = values.cast(dtype, strict=False)
    if dtype.is_float():
        return only_where(cast, cast.is_finite() | ~values.is_finite())
    return only_where(cast, cast.cast(values.dtype) == values) if exact else cast


def _read(texts: pl.Series, column: dy.Column, cells: CellText) -> pl.Series:
    """Texts read as those of a file are."""
    held = pl.col(texts.name)
    return texts.to_frame().select(type_of(column).read(texts, held, column, cells).alias(texts.name)).to_series()
