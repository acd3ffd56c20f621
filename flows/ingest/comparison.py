"""The cube against the fold of what the ledger has, row for row, in room for a part of the rows.

Rows are compared by the sums of their hashes first, in buckets, as they stream by; only those of buckets whose sums
differ are compared themselves. The fold is made of one part of the keys after the other. It is not the fold by which
a cube is filled (`cube.fold`), so that an error there would be seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from flows.cube.frames import row_columns
from flows.cube.port import Cube
from flows.model.duplicates import row_hash
from flows.model.merge import Horizon, winners
from flows.model.precedence import Rank
from flows.model.tables import VERSION, Table
from flows.runtime.progress import show_progress

PIECE_ROWS = 250_000
"""Rows that are held at once, more or less."""
MOST_PIECES = 32
"""For each the segments are read once more, and the cube where they differ; beyond so many the pieces are larger."""
BUCKETS = 4_096
SHOWN_ROWS = 20
_HASH, _BUCKET = "_hash", "_bucket"


@dataclass
class Expected:
    """The rows that the cube should hold.

    Args:
        table: the table.
        sources: rows, dead ones among them, with the table's columns, `_version` and `_line`.
        ranks: of the contents that are in the cube.
        rows: how many rows the sources have, to choose the number of pieces.
        horizon: what retention leaves out.
        keys_repeat: whether a key may occur twice within one content.
    """

    table: Table
    sources: Sequence[pl.LazyFrame]
    ranks: Mapping[int, Rank]
    rows: int
    horizon: Horizon | None = None
    keys_repeat: bool = False

    @property
    def count(self) -> int:
        """How many pieces there are."""
        return min(MOST_PIECES, 1 + self.rows // PIECE_ROWS)

    @property
    def part(self) -> pl.Expr:
        """The piece that a row belongs to: by its key, which decides in the fold, or else by its values."""
        return row_hash(self.table.keys or [column.name for column in self.table.columns]) % self.count

    def piece(self, number: int) -> pl.DataFrame:
        """The rows of one piece."""
        columns = [pl.col(name).cast(each.frame) for name, each in row_columns(self.table).items()]
        live = pl.col(VERSION).is_in(pl.Series(list(self.ranks), dtype=pl.Int64).implode())
        chosen = [source.select(columns).filter(live & (self.part == number)) for source in self.sources]
        rows = pl.concat([_no_rows(self.table).lazy(), *chosen], how="diagonal").collect(engine="streaming")
        fold = winners(self.table, rows, self.ranks, keys_repeat=self.keys_repeat)
        return fold if self.horizon is None else fold.filter(self.horizon.kept())


def compare(expected: Expected, cube: Cube) -> dict[str, Any]:
    """Compare the cube's table with what it should hold.

    Returns:
        `rows` in the cube, `missing` and `extra` rows by number, and some of them as `examples`.
    """
    should, holds = _Sums(), _Sums()
    for number in range(expected.count):
        should.add(expected.piece(number))
        show_progress()
    with closing(cube.batches(expected.table.name)) as batches:
        for batch in batches:
            holds.add(batch)
            show_progress()
    found = {"rows": holds.rows, "missing": 0, "extra": 0}
    examples: list[dict[str, Any]] = []
    unlike = should.unlike(holds)
    for number in range(expected.count if unlike.len() else 0):
        wanted = _in(unlike, expected.piece(number))
        actual = _held(cube, expected, number, unlike)
        for difference, rows in (("missing", _but(wanted, actual)), ("extra", _but(actual, wanted))):
            found[difference] += rows.height
            show_progress()
            examples += _shown(expected.table, rows, difference)
    first = [[each for each in examples if each["difference"] == kind][:SHOWN_ROWS] for kind in ("missing", "extra")]
    return {**found, "examples": [*first[0], *first[1]]}


class _Sums:
    """How many rows there are in each bucket, and the sum of their hashes."""

    def __init__(self) -> None:
        self.rows = 0
        self._counts: npt.NDArray[np.uint64] = np.zeros(BUCKETS, np.uint64)
        self._hashes: npt.NDArray[np.uint64] = np.zeros(BUCKETS, np.uint64)

    def add(self, rows: pl.DataFrame) -> None:
        grouped = _hashed(rows).group_by(_BUCKET).agg(pl.len().alias("n"), pl.col(_HASH).sum())
        at = grouped[_BUCKET].to_numpy()
        self.rows += rows.height
        self._counts[at] += grouped["n"].to_numpy().astype(np.uint64)
        self._hashes[at] += grouped[_HASH].to_numpy()  # which wraps, as it may

    def unlike(self, other: _Sums) -> pl.Series:
        """The buckets in which the rows differ."""
        differ = (self._counts != other._counts) | (self._hashes != other._hashes)
        return pl.Series(np.flatnonzero(differ), dtype=pl.UInt64)


def _held(cube: Cube, expected: Expected, number: int, buckets: pl.Series) -> pl.DataFrame:
    """The rows of one piece that the cube holds in some buckets."""
    with closing(cube.batches(expected.table.name)) as batches:
        chosen = [_in(buckets, batch.filter(expected.part == number)) for batch in batches]
    return pl.concat([_no_rows(expected.table), *chosen])


def _hashed(rows: pl.DataFrame) -> pl.DataFrame:
    hashes = rows.select(row_hash(rows.columns).alias(_HASH))
    return hashes.with_columns((pl.col(_HASH) % BUCKETS).alias(_BUCKET))


def _in(buckets: pl.Series, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(_hashed(rows)[_BUCKET].is_in(buckets.implode()))


def _no_rows(table: Table) -> pl.DataFrame:
    return pl.DataFrame(schema={name: each.frame for name, each in row_columns(table).items()})


def _but(left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """Rows of `left` that stand more often there than in `right`."""
    columns = left.columns
    counted = [frame.group_by(columns).len("n") for frame in (left, right)]
    both = counted[0].join(counted[1], on=columns, how="left", nulls_equal=True, suffix="_right")
    return both.filter(pl.col("n") > pl.col("n_right").fill_null(0)).select(columns)


def _shown(table: Table, rows: pl.DataFrame, difference: str) -> list[dict[str, Any]]:
    return [
        {"difference": difference, **{c.name: c.type.words(row[c.name]) for c in table.columns}}
        for row in rows.head(SHOWN_ROWS).to_dicts()
    ]
