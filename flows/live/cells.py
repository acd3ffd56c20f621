"""Cells: the groups of a table by all levels that are shown. The page's pivot is made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from flows.core.model import CONTRIBUTORS_COUNT, Column, Measure, Query, Table, Value

MAX_CELLS = 50_000
"""Perspective opens so many in half a second; 600,000 take seven."""
MAX_VALUES = 500
"""How many values of a level a query is narrowed to; beyond that it is not narrowed by this level."""

Ask = Callable[[Query], pl.DataFrame]


@dataclass(frozen=True)
class Layout:
    """What the cells of a table consist of.

    Args:
        table: the table.
        levels: the levels shown, in the order of the schema.
        texts: integer levels whose values do not fit the browser engine's 32 bits, and are shown as text.
        dropped: levels left out because they would make too many cells.
        max_cells: how many are too many.
    """

    table: Table
    levels: tuple[Column, ...]
    texts: frozenset[str] = frozenset()
    dropped: tuple[str, ...] = ()
    max_cells: int = MAX_CELLS

    @property
    def measures(self) -> tuple[Measure, ...]:
        """Those that the browser can fold exactly from cells.

        A mean is folded weighted by the count of rows; where values may be null that weight would be wrong.
        """
        nullable = {column.name for column in self.table.columns if column.nullable}
        return tuple(m for m in self.table.measures if m.aggregation != "MEAN" or m.column not in nullable)

    @property
    def key(self) -> str:
        """The column that identifies a cell."""
        names = {column.name for column in self.table.columns}
        return next(name for name in ("cell", "_cell", "__cell") if name not in names)

    def query(self, where: Mapping[str, list[Value]] | None = None) -> Query:
        """What to ask for these cells."""
        names = tuple(measure.name for measure in self.measures)
        return Query(self.table.name, names, tuple(level.name for level in self.levels), where or {})

    def shown_type(self, level: Column) -> str:
        """The type of a level in the browser's engine. A moment without a zone would be moved into the reader's
        zone there, and so goes as text."""
        if level.kind == "integer":
            return "string" if level.name in self.texts else "integer"
        return "string" if level.kind == "datetime" else level.kind

    def types(self) -> dict[str, str]:
        """Column → type in the browser's engine."""
        levels = {level.name: self.shown_type(level) for level in self.levels}
        return {self.key: "string", **levels, **{measure.name: "float" for measure in self.measures}}

    def fits(self, frame: pl.DataFrame) -> bool:
        """Whether an answer has no more cells than allowed, and no integer that the types shown cannot hold."""
        return frame.height <= self.max_cells and wide_integers(frame, self.levels) <= self.texts


def choose_layout(table: Table, ask: Ask, row_count: int, max_cells: int = MAX_CELLS) -> Layout:
    """The most levels, the narrowest first, that make no more than `max_cells` cells."""
    levels = table.levels
    if row_count > max_cells:
        levels = _narrow_levels(table, ask, row_count, max_cells)
    dropped = tuple(level.name for level in table.levels if level not in levels)
    return Layout(table, levels, dropped=dropped, max_cells=max_cells)


def _narrow_levels(table: Table, ask: Ask, row_count: int, max_cells: int) -> tuple[Column, ...]:
    def groups(*levels: str) -> int:
        if table.keys and set(table.keys) <= set(levels):
            return row_count
        return ask(Query(table.name, (CONTRIBUTORS_COUNT,), levels)).height

    widths = {level.name: groups(level.name) for level in table.levels}
    chosen: list[str] = []
    at_most = 1
    for name in sorted(widths, key=widths.__getitem__):
        at_most *= widths[name]
        if widths[name] > max_cells or (at_most > max_cells and (at_most := groups(*chosen, name)) > max_cells):
            break
        chosen.append(name)
    return tuple(level for level in table.levels if level.name in chosen)


def wide_integers(frame: pl.DataFrame, levels: tuple[Column, ...]) -> frozenset[str]:
    """The integer levels with a value beyond 32 bits."""
    integers = [level.name for level in levels if level.kind == "integer"]
    return frozenset(name for name in integers if not frame[name].is_between(-(2**31), 2**31 - 1).all())


def with_keys(frame: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """The answer to a layout's query as the browser takes it.

    The key is one length-prefixed text per level, or `~` for null: no two cells can have the same.
    """
    shown = frame.select(
        *(_shown(level, layout.shown_type(level)) for level in layout.levels),
        *(pl.col(measure.name).cast(pl.Float64) for measure in layout.measures),
    )
    parts = [_key_part(pl.col(level.name).cast(pl.String)) for level in layout.levels]
    key = pl.concat_str(parts) if parts else pl.lit("all")
    return shown.select(key.alias(layout.key), *shown.columns)


def _shown(level: Column, shown_type: str) -> pl.Expr:
    column = pl.col(level.name)
    if level.kind == "datetime":
        return column.dt.to_string("%Y-%m-%d %H:%M:%S%.f")
    return column.cast(pl.Int32 if shown_type == "integer" else pl.String) if level.kind == "integer" else column


def _key_part(text: pl.Expr) -> pl.Expr:
    return pl.when(text.is_null()).then(pl.lit("~")).otherwise(pl.concat_str(text.str.len_bytes(), pl.lit(":"), text))


def narrowed(layout: Layout, added: list[pl.DataFrame]) -> dict[str, list[Value]]:
    """Level → values outside of which these rows touch no cell; empty where that says nothing."""
    rows = pl.concat([frame.select(level.name for level in layout.levels) for frame in added])
    where: dict[str, list[Value]] = {}
    for level in layout.levels:
        if level.kind != "float":  # a NaN equals itself here and nothing there
            values = rows[level.name].unique().to_list()
            if len(values) <= MAX_VALUES:
                where[level.name] = values
    return where


def inside(frame: pl.DataFrame, layout: Layout, where: Mapping[str, list[Value]]) -> pl.DataFrame:
    """The cells of a narrowed region."""
    kinds = {level.name: level for level in layout.levels}
    for name, values in where.items():
        wanted = pl.DataFrame({name: pl.Series(values, dtype=_dtype(kinds[name]), strict=False)})
        shown = wanted.select(_shown(kinds[name], layout.shown_type(kinds[name])))
        frame = frame.join(shown, on=name, how="semi", nulls_equal=True)
    return frame


def _dtype(level: Column) -> pl.DataType:
    types: dict[str, Any] = {
        "string": pl.String(), "integer": pl.Int64(), "boolean": pl.Boolean(),
        "date": pl.Date(), "datetime": pl.Datetime("us"),
    }  # fmt: skip
    dtype: pl.DataType = types[level.kind]
    return dtype


@dataclass(frozen=True)
class Delta:
    """How cells changed: `cells` are new or have new values; those in `removed` are gone."""

    cells: pl.DataFrame
    removed: list[str]

    @property
    def empty(self) -> bool:
        return self.cells.is_empty() and not self.removed


def difference(layout: Layout, before: pl.DataFrame, after: pl.DataFrame) -> Delta:
    """What to tell a page that has `before` so that it has `after`.

    Vanished cells are also in `cells`, without values: they leave every total in the same moment in which the
    other cells change, and only then are they removed.
    """
    changed = after.join(before, on=after.columns, how="anti", nulls_equal=True)
    vanished = before.join(after, on=layout.key, how="anti")
    names = [measure.name for measure in layout.measures]
    zero = [pl.lit(0.0 if name == CONTRIBUTORS_COUNT else None, pl.Float64).alias(name) for name in names]
    return Delta(pl.concat([changed, vanished.with_columns(zero)]), vanished[layout.key].to_list())


def arrow(frame: pl.DataFrame) -> bytes:
    """A frame as an Arrow stream."""
    stream = frame.write_ipc_stream(None, compat_level=pl.CompatLevel.oldest())
    return stream.getvalue()
