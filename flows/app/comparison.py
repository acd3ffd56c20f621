"""The cube against the fold of what the ledger has, row for row, in room for a part of the rows.

Rows are compared by the sums of their hashes first, in buckets, as they stream by; only those of buckets whose sums
differ are compared themselves. The fold is made of one part of the keys after the other. It is not the fold by which
a cube is filled (`cube.fold`), so that an error there would be seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from flows.core.changes import Horizon, winners
from flows.core.model import VERSION, Table
from flows.core.repeats import row_hash
from flows.cube.frames import FRAME_TYPES, row_columns
from flows.cube.port import Cube

PIECE_ROWS = 250_000
"""Rows that are held at once, more or less."""
MOST_PIECES = 32
"""For each the segments are read once more, so that beyond so many the pieces are larger."""
BUCKETS = 4_096
SHOWN_ROWS = 20
_HASH, _BUCKET = "_hash", "_bucket"


@dataclass
class Expected:
    """The rows that the cube should hold.

    Args:
        table: the table.
        sources: rows, dead ones among them, with the table's columns and `_version`.
        places: version → place of the current versions.
        rows: how many rows the sources have, to choose the number of pieces.
        horizon: what retention leaves out.
    """

    table: Table
    sources: Sequence[pl.LazyFrame]
    places: Mapping[int, int]
    rows: int
    horizon: Horizon | None = None

    def pieces(self) -> Iterator[pl.DataFrame]:
        """The rows, some of the keys at a time; without keys, some of the rows."""
        count = min(MOST_PIECES, 1 + self.rows // PIECE_ROWS)
        columns = [pl.col(name).cast(FRAME_TYPES[kind]) for name, kind in row_columns(self.table).items()]
        live = pl.col(VERSION).is_in(pl.Series(list(self.places), dtype=pl.Int64).implode())
        part = row_hash(self.table.keys or [column.name for column in self.table.columns]) % count
        for piece in range(count):
            chosen = [source.select(columns).filter(live & (part == piece)) for source in self.sources]
            if chosen:
                rows = winners(self.table, pl.concat(chosen).collect(engine="streaming"), self.places)
                yield rows if self.horizon is None else rows.filter(self.horizon.kept())


def compare(expected: Expected, cube: Cube) -> dict[str, Any]:
    """Compare the cube's table with what it should hold.

    Returns:
        `rows` in the cube, `missing` and `extra` rows by number, and some of them as `examples`.
    """
    should, holds = _Sums(), _Sums()
    for rows in expected.pieces():
        should.add(rows)
    for rows in _held(cube, expected.table):
        holds.add(rows)
    missing = extra = 0
    shown: dict[str, list[dict[str, Any]]] = {"missing": [], "extra": []}
    for buckets in should.groups_unlike(holds):
        wanted = _in(expected.pieces(), buckets, expected.table)
        actual = _in(_held(cube, expected.table), buckets, expected.table)
        lost, more = _but(wanted, actual), _but(actual, wanted)
        missing, extra = missing + lost.height, extra + more.height
        shown["missing"] += _shown(lost, "missing")
        shown["extra"] += _shown(more, "extra")
    examples = [example for kind in shown.values() for example in kind[:SHOWN_ROWS]]
    return {"rows": holds.rows, "missing": missing, "extra": extra, "examples": examples}


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

    def groups_unlike(self, other: _Sums) -> Iterator[pl.Series]:
        """The buckets in which the rows differ, in groups of a piece each."""
        unlike = np.flatnonzero((self._counts != other._counts) | (self._hashes != other._hashes))
        sizes = np.maximum(self._counts, other._counts)[unlike]
        most = max(PIECE_ROWS, int(sizes.sum()) // MOST_PIECES)
        group: list[int] = []
        rows = 0
        for bucket, size in zip(unlike.tolist(), sizes.tolist(), strict=True):
            if group and rows + size > most:
                yield pl.Series(group, dtype=pl.UInt64)
                group, rows = [], 0
            group.append(bucket)
            rows += size
        if group:
            yield pl.Series(group, dtype=pl.UInt64)


def _held(cube: Cube, table: Table) -> Iterator[pl.DataFrame]:
    with closing(cube.batches(table.name)) as batches:
        yield from batches


def _hashed(rows: pl.DataFrame) -> pl.DataFrame:
    hashes = rows.select(row_hash(rows.columns).alias(_HASH))
    return hashes.with_columns((pl.col(_HASH) % BUCKETS).alias(_BUCKET))


def _in(pieces: Iterator[pl.DataFrame], buckets: pl.Series, table: Table) -> pl.DataFrame:
    """The rows of some buckets."""
    none = pl.DataFrame(schema={name: FRAME_TYPES[kind] for name, kind in row_columns(table).items()})
    chosen = (rows.filter(_hashed(rows)[_BUCKET].is_in(buckets.implode())) for rows in pieces)
    return pl.concat([none, *chosen])


def _but(left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """Rows of `left` that stand more often there than in `right`."""
    columns = left.columns
    counted = [frame.group_by(columns).len("n") for frame in (left, right)]
    both = counted[0].join(counted[1], on=columns, how="left", nulls_equal=True, suffix="_right")
    return both.filter(pl.col("n") > pl.col("n_right").fill_null(0)).select(columns)


def _shown(rows: pl.DataFrame, difference: str) -> list[dict[str, Any]]:
    return [
        {"difference": difference, **{name: str(value) for name, value in row.items() if name != VERSION}}
        for row in rows.head(SHOWN_ROWS).to_dicts()
    ]
