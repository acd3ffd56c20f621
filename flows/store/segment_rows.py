"""Reading the rows of segments: all, those of some versions, those with some keys or values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from flows.errors import RequestFailed
from flows.model.conditions import Condition
from flows.model.matching import matches
from flows.model.precedence import Rank
from flows.model.tables import LINE, VERSION, Column, Table
from flows.model.types import DATE
from flows.store.ledger import SegmentFacts


@dataclass(frozen=True)
class Part:
    """The live part of one segment: its file, its facts, and content → rank of what in it is in the cube."""

    facts: SegmentFacts
    path: Path
    ranks: Mapping[int, Rank]


def read_segment(file: Path) -> pl.DataFrame:
    """All rows and columns of a segment, dead rows included."""
    return pl.read_parquet(file, glob=False, hive_partitioning=False)


def scan_segments(parts: Iterable[Part]) -> list[pl.LazyFrame]:
    """All rows of segments, dead ones included: one scan for all that have the same columns, since they come from one
    declaration. To scan each by itself takes ten times as long, and a thread for each."""
    alike: dict[str, list[Path]] = {}
    for part in parts:
        alike.setdefault(part.facts.fingerprint, []).append(part.path)
    return [pl.scan_parquet(files, glob=False, hive_partitioning=False) for files in alike.values()]


def versions_holding(parts: Iterable[Part], table: Table, condition: Condition) -> set[int]:
    """The versions that have a row which meets a condition.

    Rows that an earlier declaration has made, without the level's column or with another type of it, hold no value.

    Raises:
        RequestFailed: a segment cannot be read.
    """
    level = table.level(condition.name)
    holds = matches(condition, level.expression.cast(level.type.frame), level.type)
    frames = _each(parts, table.column(level.columns[0]), lambda rows: rows.filter(holds).select(VERSION).unique())
    return {version for frame in frames for version in frame[VERSION]}


def newest_dates(parts: Iterable[Part], column: str, day: date) -> dict[int, tuple[date | None, bool]]:
    """Version → its newest date in a column, and whether it has a row of this day.

    Versions of which that is not known are left out: their segment is damaged or gone, or an earlier declaration has
    made it, without the column. Dead ones are among them, and nobody repairs those.
    """
    found = pl.col(column)

    def summed(rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows.group_by(VERSION).agg(found.max(), (found == day).any().alias("has"))

    dates = Column(column, DATE)
    there = [part for part in parts if part.path.exists()]
    try:
        frames = _each(there, dates, summed)
    except RequestFailed:  # one by one, without those that are damaged
        frames = [frame for part in there for frame in _if_whole(part, dates, summed)]
    return {version: (newest, has) for frame in frames for version, newest, has in frame.iter_rows()}


def first_versions(parts: Iterable[Part], column: str) -> dict[date, tuple[int, int]]:
    """Date → the first version in the cube that has rows of it, and how many.

    Raises:
        RequestFailed: a segment cannot be read.
    """
    parts = list(parts)
    live = pl.Series([version for part in parts for version in part.ranks], dtype=pl.Int64)

    def counted(rows: pl.LazyFrame) -> pl.LazyFrame:
        found = rows.filter(pl.col(VERSION).is_in(live.implode()), pl.col(column).is_not_null())
        return found.group_by(column, VERSION).len()

    found: dict[date, tuple[int, int]] = {}
    for frame in _each(parts, Column(column, DATE), counted):
        for day, version, rows in frame.iter_rows():
            found[day] = min(found.get(day, (version, rows)), (version, rows))
    return found


def dates_of(parts: Iterable[Part], column: str, versions: Iterable[int]) -> set[date]:
    """The dates that the rows of some versions have in a column.

    Raises:
        RequestFailed: a segment cannot be read.
    """
    theirs = pl.col(VERSION).is_in(pl.Series(list(versions), dtype=pl.Int64).implode())
    frames = _each(parts, Column(column, DATE), lambda rows: rows.filter(theirs).select(column).unique())
    return {found for frame in frames for found in frame[column].drop_nulls()}


def _if_whole(part: Part, column: Column, narrow: Callable[[pl.LazyFrame], pl.LazyFrame]) -> list[pl.DataFrame]:
    try:
        return _each([part], column, narrow)
    except RequestFailed:
        return []


def _each(parts: Iterable[Part], column: Column, narrow: Callable[[pl.LazyFrame], pl.LazyFrame]) -> list[pl.DataFrame]:
    """Of segments that have a column in its type, some of the rows."""
    parts = list(parts)
    with legible(parts):
        having = [
            rows for rows in scan_segments(parts) if column.type.is_stored_as(rows.collect_schema().get(column.name))
        ]
        return pl.collect_all([narrow(rows) for rows in having])


@contextmanager
def legible(parts: Sequence[Part]) -> Iterator[None]:
    """Raise RequestFailed where the block cannot read one of these segments, since it is damaged or gone."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise RequestFailed(
            f"A segment cannot be read ({type(error).__name__}: {error})",
            next_step="cubefeed verify says which, and mends it",
            segments=", ".join(part.facts.file for part in parts[:5]),
        ) from error


def rows_of(parts: Iterable[Part], table: Table, versions: Iterable[int]) -> pl.DataFrame:
    """All rows of some versions, with the table's columns, `_version` and `_line`."""
    return _columns_of(parts, table, versions, _columns(table))


def keys_of(parts: Iterable[Part], table: Table, versions: Iterable[int]) -> pl.DataFrame:
    """The keys of some versions, with `_version`."""
    return _columns_of(parts, table, versions, [*table.keys, VERSION])


def _columns_of(parts: Iterable[Part], table: Table, versions: Iterable[int], columns: Sequence[str]) -> pl.DataFrame:
    wanted = pl.Series(list(versions), dtype=pl.Int64)
    found = [rows.filter(pl.col(VERSION).is_in(wanted.implode())).select(columns) for rows in scan_segments(parts)]
    return pl.concat(pl.collect_all(found), how="vertical_relaxed") if found else _no_rows(table).select(columns)


def rows_with_keys(parts: Iterable[Part], table: Table, keys: pl.DataFrame) -> pl.DataFrame:
    """All live rows that have one of these keys, with `_line`.

    Args:
        parts: live segments, those that `may_hold` one.
        table: the table that the rows belong to.
        keys: the table's key columns.
    """
    parts = list(parts)
    if not parts:
        return _no_rows(table)
    columns = _columns(table)
    # One scan of all files, so that the keys are made ready to be looked up once.
    rows = pl.scan_parquet([part.path for part in parts], glob=False, hive_partitioning=False, extra_columns="ignore")
    found = rows.select(columns).join(keys.lazy(), on=list(table.keys), how="semi").collect(engine="streaming")
    live = pl.Series([version for part in parts for version in part.ranks], dtype=pl.Int64)
    return found.filter(pl.col(VERSION).is_in(live.implode()))


def _no_rows(table: Table) -> pl.DataFrame:
    kinds = {**{c.name: c.type.frame for c in table.columns}, VERSION: pl.Int64(), LINE: pl.UInt32()}
    return pl.DataFrame(schema={name: kinds[name] for name in _columns(table)})


def _columns(table: Table) -> list[str]:
    return [*(c.name for c in table.columns), VERSION, LINE]
