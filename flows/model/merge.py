"""The fold: which rows a change takes out of the cube and which it puts in.

The invariant: the cube equals, per key, the row of highest rank among the contents that are in it; a table without
keys holds all their rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

import polars as pl

from flows.model.duplicates import repeated, row_hash
from flows.model.precedence import Rank, dense
from flows.model.tables import LINE, VERSION, Table

_RANK = "_rank"


@dataclass(frozen=True)
class Horizon:
    """Rows of days before `first` are not in the cube, whatever the fold says. It is applied after the fold.

    Args:
        column: the Date column that holds the day.
        first: the first day that stays.
    """

    column: str
    first: date

    def kept(self) -> pl.Expr:
        """Whether a row stays; one without a day does."""
        return (pl.col(self.column) >= self.first).fill_null(True)


class RowSource(NamedTuple):
    """What levels say of the file that rows came in: its name, and the day on which it was loaded."""

    file: str
    loaded: date


type Sources = Mapping[int, RowSource]
"""Content → its file."""


@dataclass(frozen=True)
class ChangeSet:
    """What one transaction does to one table of the cube.

    Args:
        table: the table's name.
        drop_versions: all rows of these versions leave first.
        upserts: the table's columns, `_version` and `_line`; at most one row per key in a keyed table. Each
            replaces the row with its key, if there is one; without keys they are added.
        horizon: rows of earlier days leave last.
        replaces: whether an upsert may meet a row with its key once the versions have left.
        sources: the files of the contents that come, and of those that are of another file now.
    """

    table: str
    drop_versions: frozenset[int]
    upserts: pl.DataFrame
    horizon: Horizon | None = None
    replaces: bool = True
    sources: Sources = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        return self.only_names and not self.sources

    @property
    def only_names(self) -> bool:
        """Whether no row changes, but the file that rows are of."""
        return not self.drop_versions and self.upserts.is_empty() and self.horizon is None


def winners(table: Table, rows: pl.DataFrame, ranks: Mapping[int, Rank], *, keys_repeat: bool = False) -> pl.DataFrame:
    """Of rows that compete for the same keys, those of the content with the highest rank.

    Args:
        table: the table that the rows belong to; without keys every row of a ranked content stays.
        rows: the table's columns, `_version` and `_line`.
        ranks: of the contents that are in the cube; rows of others are dead and leave.
        keys_repeat: whether a key may occur twice within one content, though no column decides.
    """
    columns = [*(c.name for c in table.columns), VERSION, LINE]
    if not set(rows[VERSION].unique()) <= ranks.keys():
        rows = rows.filter(pl.col(VERSION).is_in(list(ranks)))
    if table.keys and (len(ranks) > 1 or keys_repeat or table.greatest is not None):
        rows = _highest(table, rows, ranks)
    return rows.select(columns)


def _highest(table: Table, live: pl.DataFrame, ranks: Mapping[int, Rank]) -> pl.DataFrame:
    """Per key the row with the highest rank. Only rows that others compete with are put in order."""
    hashes = live.select(row_hash(table.keys)).to_series()
    twice = repeated(hashes)
    if twice.is_empty():
        return live
    competes = hashes.is_in(twice.implode())
    return pl.concat([live.filter(~competes), last_by_rank(table, live.filter(competes), ranks)])


def last_by_rank(table: Table, rows: pl.DataFrame, ranks: Mapping[int, Rank]) -> pl.DataFrame:
    """Per key the row that covers the others: by the table's own column where it has one, by rank, then by line."""
    order = dense(ranks)
    numbers = pl.DataFrame(
        {VERSION: list(order), _RANK: list(order.values())}, schema={VERSION: pl.Int64, _RANK: pl.Int64}
    )
    by = [*([table.greatest] if table.greatest is not None else []), _RANK, LINE]
    ranked = rows.join(numbers, on=VERSION, how="inner").sort(by, nulls_last=False)
    return ranked.filter(pl.struct(table.keys).is_last_distinct()).drop(_RANK)
