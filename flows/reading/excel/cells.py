"""The values of a sheet's cells as the declared types have them, or as the text that these read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from types import NoneType

import dataframely as dy
import polars as pl

from flows.model.formats import CellText
from flows.model.types import DATE, DATETIME, FLOAT, INTEGER, STRING, ColumnType, type_of
from flows.model.types.decimal import DecimalType
from flows.reading.excel.table import DIGITS, Value
from flows.reading.typed_columns import time_text

_MOST_WHOLE = 2**53
"""Beyond it a float says of a whole number only where about it lies."""
_ALL_DIGITS = 17
"""So many tell each float from all others."""


_DAY = frozenset("Ymd")
"""A form with these says any day."""


def cell_values(values: Sequence[Value], column: dy.Column | None, cells: CellText, name: str) -> pl.Series:
    """A column's cells, null where one is empty: of the declared type where each of them is, without loss; else text.

    Args:
        values: as they are typed.
        column: the schema's column; None where `prepare` gets them.
        cells: how the dataset's text is written, so that it reads these as they were.
        name: the column's name.
    """
    kinds = set(map(type, values))
    if kinds <= {str}:
        texts = pl.Series(name, values, pl.String)
        return texts.set(texts == "", None)
    form, kind = cells.of(name), type_of(column) if column is not None else None
    if column is not None and (typed := _typed(values, kinds, column, form)) is not None:
        return typed.alias(name)
    if kinds == {float} and not _is_decimal(kind):
        return _float_texts(pl.Series(name, values, pl.Float64), form)
    if kinds == {date} and kind is DATE:
        return time_text(pl.Series(name, values, pl.Date), form.date_forms[0], None)
    return pl.Series(name, [_text(value, kind, form) for value in values], pl.String)


def _typed(values: Sequence[Value], kinds: set[type], column: dy.Column, form: CellText) -> pl.Series | None:
    """Cells as the declared type has them; None where not all of them are of it, or text could say something else."""
    held: Sequence[Value | None] = values
    if str in kinds:
        held = [None if value == "" else value for value in values]
        kinds = set(map(type, held)) - {NoneType}
    kind, means_nothing = type_of(column), any(map(str.isdigit, "".join(form.nulls)))
    if kinds == {date} and kind is DATE and not means_nothing and form.date_forms[0].directives >= _DAY:
        return pl.Series(held, dtype=pl.Date)
    if kinds != {float} or means_nothing or kind not in (FLOAT, INTEGER):
        return None
    numbers = pl.Series(held, dtype=pl.Float64)
    found = numbers.cast(column.dtype, strict=False)
    return found if found.cast(pl.Float64).eq_missing(numbers).all() and (numbers.abs() <= _MOST_WHOLE).all() else None


def _is_decimal(kind: ColumnType | None) -> bool:
    return kind is not None and kind.sums == "decimal"


def _float_texts(values: pl.Series, form: CellText) -> pl.Series:
    texts = values.cast(pl.String)
    if form.decimal != ".":
        texts = texts.str.replace(".", form.decimal, literal=True)
    whole = (values == values.floor()) & (values.abs() <= _MOST_WHOLE)
    return texts.zip_with(~whole, values.cast(pl.Int64, strict=False).cast(pl.String))


def _decimal_text(value: float, scale: int) -> str:
    """A number as a program shows it; with all digits of the float where those would not reach behind the point."""
    text = format(value, f".{DIGITS}g")
    before = len(str(abs(int(value))))
    return text if before + scale <= DIGITS else format(value, f".{_ALL_DIGITS}g")


def _text(value: Value, kind: ColumnType | None, form: CellText) -> str | None:
    match value:
        case str():
            return value or None
        case float() if value.is_integer() and abs(value) <= _MOST_WHOLE:
            return str(int(value))
        case float() if isinstance(kind, DecimalType):
            return _decimal_text(value, kind.scale).replace(".", form.decimal)
        case datetime():
            return (kind or DATETIME).write(value, form)
        case date() if kind is not None and kind is not DATE:
            moment = datetime.combine(value, time())
            return kind.write(moment, form) if kind.frame.is_temporal() else str(value)
        case date():
            return DATE.write(value, form)
        case _:
            return (kind or STRING).write(value, form)
