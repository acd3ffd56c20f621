"""Text to typed values, strictly: a text that is not exactly how the value is written is no such value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import dataframely as dy
import polars as pl

from flows.model.formats import CellText
from flows.model.tables import FILE, LINE, READ, ROW
from flows.model.types import type_of


@dataclass(frozen=True)
class TypedRows:
    """Rows cast to the schema's types.

    Args:
        frame: the schema's columns, `_file`, `_line`, `_row` (position in the text frame) and `_read`
            (whether every cell could be cast).
        unread: column → one flag per row, set where a text stands that is no value of the type. Columns that
            could be read everywhere are not named. Of derived columns: where the value could not be computed, or has
            no place in the type.
        without: derived column → one flag per row, set where a cell that it is computed from has a finding itself.
    """

    frame: pl.DataFrame
    unread: dict[str, pl.Series]
    without: Mapping[str, pl.Series] = field(default_factory=dict)


def cast_rows(schema: type[dy.Schema], cells: CellText, text: pl.DataFrame) -> TypedRows:
    """Cast the text of each column of the schema; a null token or a null is "no value" in every type.

    Columns that are no text have the schema's types already, and stay.
    """
    columns = schema.columns()
    held = {name: held_cells(text[name], cells.of(name)) for name in columns}
    values = text.select(_values(text[name], held[name], column, cells.of(name)) for name, column in columns.items())
    unread = _unread(text, values, held)
    read = pl.lit(True) if not unread else ~pl.any_horizontal(pl.lit(flags) for flags in unread.values())
    frame = values.with_columns(
        text[FILE], text[LINE], pl.int_range(pl.len(), dtype=pl.UInt32).alias(ROW), read.alias(READ)
    )
    return TypedRows(frame, unread)


def _values(text: pl.Series, held: pl.Expr, column: dy.Column, cells: CellText) -> pl.Expr:
    read = type_of(column).read(text, held, column, cells) if text.dtype == pl.String else held
    return read.alias(text.name)


def held_cells(text: pl.Series, cells: CellText) -> pl.Expr:
    """The cells of a column, null where a text means "no value"."""
    cell = pl.col(text.name)
    if text.dtype != pl.String or not cells.nulls:
        return cell
    absent = cell == cells.nulls[0] if len(cells.nulls) == 1 else cell.is_in(list(cells.nulls))
    return pl.when(~absent).then(cell)


def _unread(text: pl.DataFrame, values: pl.DataFrame, held: dict[str, pl.Expr]) -> dict[str, pl.Series]:
    with_nulls = [name for name in held if values[name].null_count()]
    absent = text.select(held[name].is_null().alias(name) for name in with_nulls)
    flags = {name: values[name].is_null() & ~absent[name] for name in with_nulls}
    return {name: flag for name, flag in flags.items() if flag.any()}
