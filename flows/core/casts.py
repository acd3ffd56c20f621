"""Text to typed values, strictly: a text that is not exactly how the value is written is no such value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import dataframely as dy
import polars as pl

from flows.core.dataset import KINDS, Csv
from flows.core.model import FILE, LINE, READ, ROW, Kind


@dataclass(frozen=True)
class Typed:
    """Rows cast to the schema's types.

    Args:
        frame: the schema's columns, `_file`, `_line`, `_row` (position in the text frame) and `_read`
            (whether every cell could be cast).
        unread: column → one flag per row, set where a text stands that is no value of the type. Columns that
            could be read everywhere are not named.
    """

    frame: pl.DataFrame
    unread: dict[str, pl.Series]


def cast_rows(schema: type[dy.Schema], csv: Csv, text: pl.DataFrame) -> Typed:
    """Cast the text of each column of the schema; a null token or a null is "no value" in every type."""
    columns = schema.columns()
    held = {name: _held(csv, name) for name in columns}
    values = text.select(
        _READERS[KINDS[type(column)]](text[name], held[name], column, csv).alias(name)
        for name, column in columns.items()
    )
    unread = _unread(text, values, held)
    read = pl.lit(True) if not unread else ~pl.any_horizontal(pl.lit(flags) for flags in unread.values())
    frame = values.with_columns(
        text[FILE], text[LINE], pl.int_range(pl.len(), dtype=pl.UInt32).alias(ROW), read.alias(READ)
    )
    return Typed(frame, unread)


def expected_text(column: dy.Column, csv: Csv) -> str:
    """How a value of the column is written, in words."""
    match KINDS[type(column)]:
        case "integer":
            return f"{column.dtype} in plain digits, such as 7 or -7"
        case "float":
            return f"a finite number such as 1{csv.decimal}5, within {column.dtype}"
        case "date":
            return f"a date written as {csv.date_format}"
        case "datetime":
            return f"a date and time written as {csv.datetime_format}"
        case "boolean":
            return f"one of {', '.join((*csv.true, *csv.false))}"
        case "string":
            return "text"


def _held(csv: Csv, name: str) -> pl.Expr:
    cell = pl.col(name)
    if not csv.nulls:
        return cell
    absent = cell == csv.nulls[0] if len(csv.nulls) == 1 else cell.is_in(list(csv.nulls))
    return pl.when(~absent).then(cell)


def _unread(text: pl.DataFrame, values: pl.DataFrame, held: dict[str, pl.Expr]) -> dict[str, pl.Series]:
    with_nulls = [name for name in held if values[name].null_count()]
    absent = text.select(held[name].is_null().alias(name) for name in with_nulls)
    flags = {name: values[name].is_null() & ~absent[name] for name in with_nulls}
    return {name: flag for name, flag in flags.items() if flag.any()}


def _read_integer(_: pl.Series, held: pl.Expr, column: dy.Column, csv: Csv) -> pl.Expr:
    # The cast takes digits with an optional sign and nothing else: these spellings remain to be refused.
    padded = held.str.starts_with("0") & (held.str.len_bytes() > 1)
    signed = held.str.starts_with("+") | held.str.starts_with("-0")
    return pl.when(~(padded | signed)).then(held.cast(column.dtype, strict=False))


def _read_float(_: pl.Series, held: pl.Expr, column: dy.Column, csv: Csv) -> pl.Expr:
    plain = ~held.str.starts_with("+")
    if csv.decimal == ",":
        plain &= ~held.str.contains(".", literal=True)
        held = held.str.replace(",", ".", literal=True)
    value = held.cast(column.dtype, strict=False)
    return pl.when(plain & value.is_finite()).then(value)


def _read_date(text: pl.Series, held: pl.Expr, column: dy.Column, csv: Csv) -> pl.Expr:
    form = csv.date_format
    return _read_time(text, held, lambda cell: cell.str.to_date(form, strict=False), form)


def _read_datetime(text: pl.Series, held: pl.Expr, column: dy.Column, csv: Csv) -> pl.Expr:
    assert isinstance(column, dy.Datetime)
    form, unit = csv.moment_format, column.time_unit
    return _read_time(text, held, lambda cell: cell.str.to_datetime(form, time_unit=unit, strict=False), form)


def _read_time(text: pl.Series, held: pl.Expr, parse: Callable[[pl.Expr], pl.Expr], form: str) -> pl.Expr:
    """Parsing alone takes 2021-5-1 and 2021- 5-01 too; what formats back to the same text is exact."""
    cell = pl.col(text.name)
    spellings = pl.DataFrame([text.unique()])
    value = parse(cell)
    outside = ~value.dt.year().is_between(1, 9999)  # what Python's dates cannot hold
    inexact = spellings.filter(value.dt.strftime(form).ne_missing(cell) | outside).to_series()
    if inexact.is_empty():
        return parse(held)
    return pl.when(~held.is_in(inexact.implode())).then(parse(held))


def _read_boolean(_: pl.Series, held: pl.Expr, column: dy.Column, csv: Csv) -> pl.Expr:
    return pl.when(held.is_in(list(csv.true))).then(True).when(held.is_in(list(csv.false))).then(False)


def _read_string(_: pl.Series, held: pl.Expr, column: dy.Column, csv: Csv) -> pl.Expr:
    return held


_READERS: dict[Kind, Callable[[pl.Series, pl.Expr, dy.Column, Csv], pl.Expr]] = {
    "integer": _read_integer,
    "float": _read_float,
    "date": _read_date,
    "datetime": _read_datetime,
    "boolean": _read_boolean,
    "string": _read_string,
}
