"""Cells: the groups of a table by all levels that are shown. The page's pivot is made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

import polars as pl

from flows.errors import TooManyRows
from flows.model.levels import Level
from flows.model.measures import Folding, Mean, Measure, RowCount, Shown, Sum, ValueCount, folding
from flows.model.query import Query
from flows.model.tables import CONTRIBUTORS_COUNT, Table

MAX_CELLS = 50_000
"""Perspective opens so many in half a second; 600,000 take seven."""

Ask = Callable[[Query], pl.DataFrame]


@dataclass(frozen=True)
class Layout:
    """What the cells of a table consist of.

    Args:
        table: the table.
        levels: the levels shown, columns in the order of the schema.
        texts: integer levels whose values do not fit the browser engine's 32 bits, and are shown as text.
        dropped: levels left out because they would make too many cells.
        max_cells: how many are too many.
    """

    table: Table
    levels: tuple[Level, ...]
    texts: frozenset[str] = frozenset()
    dropped: tuple[str, ...] = ()
    max_cells: int = MAX_CELLS

    @property
    def measures(self) -> tuple[Measure[Shown], ...]:
        return self.table.shown

    def weight(self, mean: Mean) -> str:
        """The count of the values behind a mean, by which means of cells are folded exactly."""
        counts = (m.name for m in self.measures if m.aggregation == ValueCount(mean.column))
        return next(counts, CONTRIBUTORS_COUNT)

    @property
    def key(self) -> str:
        """The column that identifies a cell."""
        names = {column.name for column in self.table.columns}
        return next(name for name in ("cell", "_cell", "__cell") if name not in names)

    @property
    def query(self) -> Query:
        """What to ask for all cells."""
        names = tuple(measure.name for measure in self.measures)
        return Query(self.table.name, names, tuple(level.name for level in self.levels))

    def shown_type(self, level: Level) -> str:
        """The type of a level in the browser's engine. A moment without a zone would be moved into the reader's
        zone there, and so goes as text."""
        return "string" if level.name in self.texts else level.type.page

    def types(self) -> dict[str, str]:
        """Column → type in the browser's engine."""
        levels = {level.name: self.shown_type(level) for level in self.levels}
        return {self.key: "string", **levels, **{measure.name: "float" for measure in self.measures}}

    def fits(self, frame: pl.DataFrame) -> bool:
        """Whether an answer has no more cells than allowed, and no integer that the types shown cannot hold."""
        return frame.height <= self.max_cells and wide_integers(frame, self.levels) <= self.texts


def choose_layout(table: Table, ask: Ask, row_count: int, max_cells: int = MAX_CELLS) -> Layout:
    """The most levels, the narrowest first, that make no more than `max_cells` cells."""
    levels = table.column_levels
    if row_count > max_cells:
        levels = _narrow_levels(table, ask, row_count, max_cells)
    dropped = tuple(level.name for level in table.column_levels if level not in levels)
    return Layout(table, levels, dropped=dropped, max_cells=max_cells)


def _narrow_levels(table: Table, ask: Ask, row_count: int, max_cells: int) -> tuple[Level, ...]:
    def groups(*levels: str) -> int:
        if table.keys and set(table.keys) <= set(levels):
            return row_count
        try:
            return ask(Query(table.name, (CONTRIBUTORS_COUNT,), levels)).height
        except TooManyRows:
            return max_cells + 1

    widths = {level.name: groups(level.name) for level in table.column_levels}
    chosen: list[str] = []
    at_most = 1
    for name in sorted(widths, key=widths.__getitem__):
        at_most *= widths[name]
        if widths[name] > max_cells or (at_most > max_cells and (at_most := groups(*chosen, name)) > max_cells):
            break
        chosen.append(name)
    return tuple(level for level in table.column_levels if level.name in chosen)


def wide_integers(frame: pl.DataFrame, levels: tuple[Level, ...]) -> frozenset[str]:
    """The integer levels with a value beyond 32 bits."""
    integers = [level.name for level in levels if level.type.whole]
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


def _shown(level: Level, shown_type: str) -> pl.Expr:
    column = level.type.shown(pl.col(level.name))
    types: dict[str, type[pl.DataType]] = {"integer": pl.Int32, "string": pl.String}
    return column.cast(types[shown_type]) if shown_type in types else column


def _key_part(text: pl.Expr) -> pl.Expr:
    return pl.when(text.is_null()).then(pl.lit("~")).otherwise(pl.concat_str(text.str.len_bytes(), pl.lit(":"), text))


def fold_in(layout: Layout, cells: pl.DataFrame, added: list[pl.DataFrame]) -> tuple[pl.DataFrame, pl.DataFrame] | None:
    """The cells that rows touch, before and after the rows are added; None where these cells cannot say it.

    Sums and counts add up, and means follow from them, so that the cube need not be asked. Float levels are left
    to the cube: it alone knows which of their values it holds for equal.
    """
    names = [level.name for level in layout.levels]
    foldings = {m.name: how for m in layout.measures if (how := folding(m.aggregation)) is not None}
    parts = [cell_part(m.aggregation).alias(m.name) for m in layout.measures if m.name in foldings]
    rows = pl.concat(added)
    grouped = rows.group_by(names).agg(parts) if names else rows.select(parts)
    if not layout.fits(grouped) or any(not level.type.ordered for level in layout.levels):
        return None
    new = with_keys(_with_means(layout, grouped), layout)
    before = cells.join(new, on=layout.key, how="semi")
    both = pl.concat([before, new]).group_by(layout.key)
    after = both.agg(pl.col(names).first(), *(_folded(how, pl.col(name)) for name, how in foldings.items()))
    room = cells.height - before.height + after.height
    return (before, _with_means(layout, after).select(cells.columns)) if room <= layout.max_cells else None


def cell_part(aggregation: Shown) -> pl.Expr:
    """What rows add to a cell."""
    match aggregation:
        case RowCount():
            return pl.len()
        case ValueCount(column):
            return pl.col(column).count()
        case Sum(column):
            return _sum(pl.col(column).cast(pl.Float64))
        case Mean():
            raise ValueError("means do not add up")
        case _:
            assert_never(aggregation)


def _folded(how: Folding, parts: pl.Expr) -> pl.Expr:
    match how:
        case "sum":
            return _sum(parts)
        case "count":
            return parts.sum()
        case "least":
            return parts.min()
        case "greatest":
            return parts.max()
        case _:
            assert_never(how)


def page_fold(layout: Layout, aggregation: Shown) -> str | list[object]:
    """The aggregate by which the page's engine makes totals of cells, in its own words.

    Its `max` and `min` take a null that comes first for the greatest value: over cells without values they need another
    way. (Perspective 5.6.1)
    """
    match aggregation:
        case Sum() | ValueCount() | RowCount():
            return "sum"
        case Mean() as mean:
            return ["weighted mean", [layout.weight(mean)]]
        case _:
            assert_never(aggregation)


def _sum(column: pl.Expr) -> pl.Expr:
    """The sum; null where there is nothing to sum."""
    return pl.when(column.count() > 0).then(column.sum())


def _with_means(layout: Layout, cells: pl.DataFrame) -> pl.DataFrame:
    means = [(m.name, m.aggregation) for m in layout.measures if isinstance(m.aggregation, Mean)]
    return cells.with_columns(
        (pl.col(f"{mean.column}.SUM") / pl.col(layout.weight(mean))).alias(name) for name, mean in means
    )


@dataclass(frozen=True)
class Delta:
    """How cells changed: `cells` are new or have new values; those in `removed` are gone."""

    cells: pl.DataFrame
    removed: list[str]

    @property
    def empty(self) -> bool:
        return self.cells.is_empty() and not self.removed


def difference(layout: Layout, before: pl.DataFrame, after: pl.DataFrame) -> Delta:
    """What to send a page that has `before` so that it has `after`.

    Vanished cells are also in `cells`, without values: they leave every total in the same moment in which the
    other cells change, and only then are they removed.
    """
    changed = after.join(before, on=after.columns, how="anti", nulls_equal=True)
    vanished = before.join(after, on=layout.key, how="anti")
    zero = [
        pl.lit(0.0 if folding(m.aggregation) == "count" else None, pl.Float64).alias(m.name) for m in layout.measures
    ]
    return Delta(pl.concat([changed, vanished.with_columns(zero)]), vanished[layout.key].to_list())


def arrow(frame: pl.DataFrame) -> bytes:
    """A frame as an Arrow stream."""
    stream = frame.write_ipc_stream(None, compat_level=pl.CompatLevel.oldest())
    return stream.getvalue()
