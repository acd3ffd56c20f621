"""What Cubefeed asks of an engine. One contract test runs against every engine."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl

from flows.cube.bounds import Bounds
from flows.model.merge import ChangeSet, Horizon, Sources
from flows.model.precedence import Rank
from flows.model.query import Query
from flows.model.row_query import RowPage, RowQuery
from flows.model.tables import Table


@dataclass(frozen=True)
class LiveSegment:
    """The live part of one segment.

    Args:
        path: the Parquet file: the table's columns, `_version` (Int64) and `_line` (UInt32).
        ranks: content → rank, of those in it that are in the cube; other rows are dead.
        keys_repeat: whether one of them has a key twice.
    """

    path: Path
    ranks: Mapping[int, Rank]
    keys_repeat: bool = False


class Cube(Protocol):
    """An open cube of one or more tables.

    One thread at a time calls `apply` and `rebuild`; any thread may call the rest meanwhile. Readers see a
    table before or after a change, never between. After an exception from `apply` or `rebuild` a table's content is
    unknown, and the caller rebuilds it or closes the cube.
    """

    model: tuple[Table, ...]
    engine: str

    @property
    def url(self) -> str | None:
        """The address of the engine's own user interface, if it has one."""

    def apply(self, change: ChangeSet) -> int:
        """Drop the change's versions, upsert its rows, note their files, drop what is before its horizon, in one
        transaction.

        Returns the rows upserted.
        """

    def rebuild(
        self,
        table: str,
        segments: Iterable[LiveSegment],
        horizon: Horizon | None = None,
        *,
        keys_differ: bool = False,
        sources: Sources | None = None,
    ) -> int:
        """Replace a table's whole content, in one transaction, by the fold of the live rows of `segments`.

        Per key the row of the content with the highest rank stays; without keys all live rows do; then what
        is before the horizon leaves. With `keys_differ` no two live rows have the same key, so that none of them
        is looked for. `sources` are the files of the contents. Returns the rows in the table.
        """

    def query(self, query: Query, *, bounds: Bounds | None = None) -> pl.DataFrame:
        """Aggregate.

        Args:
            query: what to ask.
            bounds: what the answer may take; by default, whatever it takes.

        Columns: the levels, then the measures (SUM of integers is Int64, or exact in Int128 where a sum of this
        answer does not fit; SUM of decimals is a decimal of 38 digits, or exact as text where one has more; SUM and
        MEAN otherwise Float64, of floats the exact sum, rounded once, where the engine's own does not answer it; MIN
        and MAX have the type of the column; counts are Int64), then, with totals, `total_depth`
        (Int64); levels that a total does not fix are null. Rows are sorted by `total_depth` and then by the levels,
        nulls first. Groups without rows do not appear, except the grand total of a query without levels (its SUM
        and MEAN are null when no row matches), and with `first`, groups beyond those may be left out.

        Raises:
            QueryError: an unknown table, measure or level.
            TooSlow: it took longer than it may, and was interrupted.
            TooManyRows: it has more rows than it may.
            NobodyWaits: who asked has left meanwhile.
        """

    def rows(self, query: RowQuery, *, bounds: Bounds | None = None) -> RowPage:
        """The rows of one page, in the order that `RowQuery` describes, and how many there are: of one state.

        Raises:
            QueryError: an unknown table or level, or a limit that cannot be used.
            TooSlow, NobodyWaits: as `query`.
        """

    def query_together(self, queries: Sequence[Query], *, bounds: Bounds | None = None) -> list[pl.DataFrame]:
        """The answers of several queries without totals, all of one state of the table; what one may take, each may."""

    def batches(self, table: str) -> Generator[pl.DataFrame]:
        """All rows of a table with `_version` and `_line`, in no given order, some at a time: of one state of it.

        Who does not take all of them closes it.
        """

    def unmatched(self, table: str) -> dict[str, int]:
        """How many rows of a table have no row in each that is joined to it, of one state: as many as the member
        `no Product` has. Those that have none in one before, `Product`, are not counted of those behind it,
        `Product.Supplier`. Empty without joins.
        """

    def row_count(self, table: str) -> int:
        """How many rows a table holds."""

    def close(self) -> None:
        """End the session. Calling it again does nothing."""
