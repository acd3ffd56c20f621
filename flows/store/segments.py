"""Immutable Parquet files with the validated rows of a batch."""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any

import polars as pl

from flows.errors import RequestFailed
from flows.model.tables import VERSION, Column, Table
from flows.model.types import DATE, Value
from flows.runtime.shortages import is_full, is_locked
from flows.store.atomic import make_inside, private_name, remove_partials, sync_directory
from flows.store.checksum import checksum, checksum_of
from flows.store.disk import room_for
from flows.store.footer import KEY, Footer, footer_text
from flows.store.lease import Lease
from flows.store.ledger import SegmentFacts
from flows.store.state import QUARANTINE

log = logging.getLogger(__name__)

ASIDE = "_segments"
"""The directory in the quarantine for segments that nothing is read from any more."""
ASIDE_DAYS = 30
ASIDE_FEW = 20
"""What was set aside goes once it is older than so many days and there are more than so many newer ones."""


@dataclass(frozen=True)
class Unstaged:
    """A segment's file that no ledger names yet.

    It is removed where the block finds a full disk or a locked ledger, since nothing was staged then, and it would
    take room until the next start. After any other error the ledger may name it.
    """

    file: Path | None

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.file is not None and error is not None and (is_full(error) or is_locked(error)):
            self.file.unlink(missing_ok=True)


@dataclass(frozen=True)
class Part:
    """The live part of one segment: its file, its facts, and version → place of its current versions."""

    facts: SegmentFacts
    path: Path
    places: Mapping[int, int]


class Segments:
    """The segment files of one state directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.aside = directory.with_name(QUARANTINE) / ASIDE
        directory.mkdir(parents=True, exist_ok=True)
        self._lease = Lease()

    def reading(self) -> AbstractContextManager[None]:
        """While this is held, every file stays that was there when it began: take it before asking the ledger what to
        read, and hold it until the last row is read."""
        return self._lease.held()

    def path(self, segment: SegmentFacts) -> Path:
        """Where a segment's file is."""
        return self.directory / segment.file

    def write(self, id: int, table: Table, rows: pl.DataFrame, footer: Footer) -> SegmentFacts:
        """Write rows durably: to a temporary name, fsynced, renamed, and the directory fsynced.

        Args:
            id: the segment's id.
            table: the table that the rows belong to.
            rows: the table's columns, `_version` and `_line`.
            footer: what the file says of itself; it lets a lost ledger be restored.
        Raises:
            DiskFull: there is no room; nothing is left behind.
            OSError, polars.exceptions.PolarsError: it cannot be written; likewise.
        """
        name = f"{table.name}-{id:08d}.parquet"
        make_inside(self.directory.parent, self.directory.name)
        target = self.directory / name
        with room_for("a segment", self.directory, int(rows.estimated_size())), private_name(target) as partial:
            with partial.open("w+b") as file:
                rows.write_parquet(file, compression="lz4", metadata={KEY: footer_text(footer)})
                file.flush()
                os.fsync(file.fileno())
                file.seek(0)
                digest = checksum_of(file)
                size = file.tell()
            partial.rename(target)
        sync_directory(self.directory)
        low, high = _key_range(table, rows)
        return SegmentFacts(id, table.name, name, digest, size, rows.height, footer.fingerprint, low, high, footer.uuid)

    def until_staged(self, segment: SegmentFacts | None) -> Unstaged:
        """Where the ledger cannot be written now, a segment that it does not name yet goes, for it is written again."""
        return Unstaged(self.path(segment) if segment is not None else None)

    def describe(self, file: Path, footer: Footer, table: Table, *, id: int) -> SegmentFacts:
        """The facts of a segment, from its file; without the keys' range where an earlier declaration named them
        otherwise.

        Raises:
            OSError, polars.exceptions.PolarsError: it cannot be read.
        """
        there = pl.read_parquet_schema(file)
        keys = pl.read_parquet(file, columns=[*(k for k in table.keys[:1] if k in there), VERSION], glob=False)
        low, high = _key_range(table, keys)
        size = file.stat().st_size
        return SegmentFacts(
            id, table.name, file.name, checksum(file), size, keys.height, footer.fingerprint, low, high, footer.uuid
        )

    def files(self) -> list[Path]:
        """The files of all segments that are there and have not been given up, in the order of their numbers."""
        given_up = self._lease.waiting()
        files = (file for file in self.directory.glob("*.parquet") if file not in given_up)
        return sorted(files, key=lambda file: (number_of(file), file.name))

    def datasets(self) -> set[str]:
        """The datasets whose segments are here, by the names of the files."""
        return {_dataset_of(file) for file in self.directory.glob("*.parquet")}

    def damaged(self, segment: SegmentFacts) -> str | None:
        """What is wrong with a segment's file, or None."""
        try:
            found = checksum(self.path(segment))
        except OSError as error:
            return f"it cannot be read ({error.strerror})"
        return None if found == segment.sha256 else "its checksum differs"

    def remove(self, segments: Iterable[SegmentFacts]) -> None:
        """Remove the files of segments that the ledger has forgotten, each once nobody reads it any more."""
        for segment in segments:
            self._lease.remove(self.path(segment))

    def set_aside(self, file: Path) -> Path | None:
        """Move a file that nothing must be read from into the quarantine. Returns where to; None where that cannot be
        done, and it stays where it is."""
        try:
            make_inside(self.directory.parent, *self.aside.parts[-2:])
            target = self.aside / f"{file.stem}.{time.time_ns()}{file.suffix}"
            shutil.move(file, target)  # which copies where the quarantine is on another disk
        except OSError as error:
            if file.exists():
                log.warning("%s cannot be set aside: %s", file, error)
            return None
        return target

    def remove_aged(self) -> int:
        """Remove what was set aside long ago, but for the newest ones. Returns how many."""
        newest_first = sorted(self.aside.glob("*.parquet"), key=_set_aside_ns, reverse=True)
        before_ns = time.time_ns() - ASIDE_DAYS * 86_400 * 10**9
        aged = [file for file in newest_first[ASIDE_FEW:] if _set_aside_ns(file) < before_ns]
        for file in aged:
            file.unlink()
        return len(aged)

    def remove_partial(self) -> None:
        """Remove what a crash left half written."""
        remove_partials(self.directory)


def _dataset_of(file: Path) -> str:
    """The dataset in a segment's name; there may be hyphens in it, and other names that begin like it."""
    return file.stem.rsplit("-", 1)[0]


def _set_aside_ns(file: Path) -> int:
    """When a file was set aside, as its name says."""
    last = file.stem.rsplit(".", 1)[-1]
    return int(last) if last.isdecimal() else 0


def number_of(file: Path) -> int:
    """The number in a segment's name; 0 where it has none."""
    last = file.stem.rsplit("-", 1)[-1]
    return int(last) if last.isdecimal() else 0


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


def versions_holding(parts: Iterable[Part], column: Column, value: Value) -> set[int]:
    """The versions that have a row with this value in a column.

    Rows that an earlier declaration has made, without the column or with another type of it, hold no value of it.

    Raises:
        RequestFailed: a segment cannot be read.
    """
    holds = pl.col(column.name).eq_missing(pl.lit(value, column.type.frame))
    frames = _each(parts, column, lambda rows: rows.filter(holds).select(VERSION).unique())
    return {version for frame in frames for version in frame[VERSION]}


def newest_dates(parts: Iterable[Part], column: str, day: date) -> dict[int, tuple[date | None, bool]]:
    """Version → its newest date in a column, and whether it has a row of this day.

    Versions of which that is not known are left out: their segment is damaged or gone, or an earlier declaration has
    made it, without the column. Dead ones are among them, and nobody mends those.
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
    """All rows of some versions, with the table's columns and `_version`."""
    wanted = pl.Series(list(versions), dtype=pl.Int64)
    return _collect(parts, table, lambda frame: frame.filter(pl.col(VERSION).is_in(wanted.implode())))


def rows_with_keys(parts: Iterable[Part], table: Table, keys: pl.DataFrame) -> pl.DataFrame:
    """All live rows that have one of these keys.

    Args:
        parts: live segments, those that `may_hold` one.
        table: the table that the rows belong to.
        keys: the table's key columns.
    """
    parts = list(parts)
    if not parts:
        return pl.DataFrame(schema=_empty_schema(table))
    columns = [*(c.name for c in table.columns), VERSION]
    # One scan of all files, so that the keys are made ready to be looked up once.
    rows = pl.scan_parquet([part.path for part in parts], glob=False, hive_partitioning=False, extra_columns="ignore")
    found = rows.select(columns).join(keys.lazy(), on=list(table.keys), how="semi").collect(engine="streaming")
    live = pl.Series([version for part in parts for version in part.places], dtype=pl.Int64)
    return found.filter(pl.col(VERSION).is_in(live.implode()))


def _collect(parts: Iterable[Part], table: Table, narrow: Any) -> pl.DataFrame:
    columns = [*(c.name for c in table.columns), VERSION]
    frames = [narrow(rows).select(columns) for rows in scan_segments(parts)]
    return (
        pl.concat(pl.collect_all(frames), how="vertical_relaxed")
        if frames
        else pl.DataFrame(schema=_empty_schema(table))
    )


def _empty_schema(table: Table) -> dict[str, pl.DataType]:
    return {**{c.name: c.type.frame for c in table.columns}, VERSION: pl.Int64()}


def _key_range(table: Table, rows: pl.DataFrame) -> tuple[str | None, str | None]:
    if not table.keys or rows.is_empty() or table.keys[0] not in rows.columns:
        return None, None
    first = rows[table.keys[0]]
    return _json(first.min()), _json(first.max())


def _json(value: object) -> str:
    return json.dumps(value if isinstance(value, int | float | str) else str(value))


def may_hold(segment: SegmentFacts, keys: pl.Series) -> bool:
    """Whether a segment can hold a row with one of these values of the first key, going by its range."""
    if segment.key_low is None or segment.key_high is None or keys.is_empty():
        return segment.rows > 0 and not keys.is_empty()
    low, high = (json.loads(_json(edge)) for edge in (keys.min(), keys.max()))
    return not (high < json.loads(segment.key_low) or low > json.loads(segment.key_high))
