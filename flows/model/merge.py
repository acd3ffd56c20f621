"""The fold: which rows a change takes out of the cube and which it puts in.

The invariant: the cube equals, per key, the row of the current version with the highest place; a table
without keys holds all rows of the current versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from flows.model.duplicates import repeated, row_hash
from flows.model.tables import VERSION, Table

_PLACE = "_place"


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


@dataclass(frozen=True)
class ChangeSet:
    """What one transaction does to one table of the cube.

    Args:
        table: the table's name.
        drop_versions: all rows of these versions leave first.
        upserts: the table's columns and `_version`; at most one row per key in a keyed table. Each replaces
            the row with its key, if there is one; without keys they are added.
        horizon: rows of earlier days leave last.
        replaces: whether an upsert may meet a row with its key once the versions have left.
    """

    table: str
    drop_versions: frozenset[int]
    upserts: pl.DataFrame
    horizon: Horizon | None = None
    replaces: bool = True

    @property
    def empty(self) -> bool:
        return not self.drop_versions and self.upserts.is_empty() and self.horizon is None


def winners(table: Table, rows: pl.DataFrame, places: Mapping[int, int]) -> pl.DataFrame:
    """Of rows that compete for the same keys, those of the version with the highest place.

    Args:
        table: the table that the rows belong to; without keys every row of a placed version stays.
        rows: the table's columns and `_version`; within one version each key occurs once.
        places: version → place of the current versions; rows of other versions are dead and leave.
    """
    columns = [*(c.name for c in table.columns), VERSION]
    if not set(rows[VERSION].unique()) <= places.keys():
        rows = rows.filter(pl.col(VERSION).is_in(list(places)))
    if table.keys and len(places) > 1:
        rows = _highest(table, rows, places)
    return rows.select(columns)


def _highest(table: Table, live: pl.DataFrame, places: Mapping[int, int]) -> pl.DataFrame:
    """Per key the row with the highest place. Only rows that others compete with are put in order."""
    hashes = live.select(row_hash(table.keys)).to_series()
    twice = repeated(hashes)
    if twice.is_empty():
        return live
    competes = hashes.is_in(twice.implode())
    order = pl.DataFrame(
        {VERSION: list(places), _PLACE: list(places.values())}, schema={VERSION: pl.Int64, _PLACE: pl.Int64}
    )
    competing = live.filter(competes).join(order, on=VERSION, how="inner").sort(_PLACE)
    winning = competing.filter(pl.struct(table.keys).is_last_distinct()).drop(_PLACE)
    return pl.concat([live.filter(~competes), winning])
