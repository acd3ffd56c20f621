"""Immutable Parquet files with the validated rows of a batch."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

import polars as pl

from flows.model.tables import VERSION, Table
from flows.runtime.shortages import is_full, is_locked
from flows.store.atomic_write import make_inside, private_name, remove_partials, sync_directory
from flows.store.checksum import checksum, checksum_of
from flows.store.disk import room_for
from flows.store.footer import KEY, Footer, footer_text
from flows.store.key_range import key_range, keys_repeat
from flows.store.lease import Lease
from flows.store.ledger import SegmentFacts
from flows.store.state_directory import QUARANTINE

log = logging.getLogger(__name__)

UNREADABLE = ""
"""In place of a checksum: of a file that cannot be read."""
DERIVED = "derived"
"""The directory inside that of the segments for what a later declaration makes of them: it can be made again."""
ASIDE = "_segments"
"""The directory in the quarantine for segments that nothing is read from any more."""
ASIDE_DAYS = 30
ASIDE_FEW = 20
"""What was set aside goes once it is older than so many days and there are more than so many newer ones."""


@dataclass(frozen=True)
class UnstagedSegment:
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

    def write(
        self, id: int, table: Table, rows: pl.DataFrame, footer: Footer, *, is_earlier: bool = False
    ) -> SegmentFacts:
        """Write rows durably: to a temporary name, fsynced, renamed, and the directory fsynced.

        Args:
            id: the segment's id.
            table: the table that the rows belong to.
            rows: the table's columns, `_version` and `_line`.
            footer: what the file says of itself; it lets a lost ledger be restored.
            is_earlier: whether an earlier declaration has made them, so that their key may be another one.

        Raises:
            DiskFull: there is no room; nothing is left behind.
            OSError, polars.exceptions.PolarsError: it cannot be written; likewise.
        """
        name = f"{table.name}-{id:08d}.parquet"
        if not is_earlier and (table.greatest is not None or footer.keys_repeat):
            footer = replace(footer, keys_repeat=keys_repeat(table, rows))
        return self._write(name, id, table, rows, footer, range_of=rows.clear() if is_earlier else rows)

    def write_derived(self, source: SegmentFacts, table: Table, rows: pl.DataFrame, footer: Footer) -> SegmentFacts:
        """Write what the present declaration makes of a segment, beside it; see `write`."""
        own = (footer.uuid or "")[:8]  # a file of the same name may wait to be removed
        name = f"{DERIVED}/{Path(source.file).stem}.{footer.fingerprint}.{own}.parquet"
        footer = replace(footer, keys_repeat=keys_repeat(table, rows))
        return self._write(name, source.id, table, rows, footer, range_of=rows)

    def _write(
        self, name: str, id: int, table: Table, rows: pl.DataFrame, footer: Footer, *, range_of: pl.DataFrame
    ) -> SegmentFacts:
        target = self.directory / name
        make_inside(self.directory.parent, self.directory.name, *Path(name).parts[:-1])
        with room_for("a segment", self.directory, int(rows.estimated_size())), private_name(target) as partial:
            with partial.open("w+b") as file:
                rows.write_parquet(file, compression="lz4", metadata={KEY: footer_text(footer)})
                file.flush()
                os.fsync(file.fileno())
                file.seek(0)
                digest = checksum_of(file)
                size = file.tell()
            partial.rename(target)
        sync_directory(target.parent)
        return _facts(id, table, name, footer, range_of=range_of, sha256=digest, size_bytes=size, rows=rows.height)

    def until_staged(self, segment: SegmentFacts | None) -> UnstagedSegment:
        """Where the ledger cannot be written now, a segment that it does not name yet goes, for it is written again."""
        return UnstagedSegment(self.path(segment) if segment is not None else None)

    def describe(self, file: Path, footer: Footer, table: Table, *, id: int) -> SegmentFacts:
        """The facts of a segment, from its file; without the keys' range where an earlier declaration named them
        otherwise, and with the checksum of no file where not all of it can be read."""
        try:
            rows = pl.read_parquet(file, glob=False, hive_partitioning=False)
            keys = rows.select(*(key for key in table.keys[:1] if key in rows.columns), VERSION)
            digest = checksum(file)
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
            keys, digest, rows = pl.DataFrame(), UNREADABLE, pl.DataFrame()
        size = file.stat().st_size
        return _facts(id, table, file.name, footer, sha256=digest, size_bytes=size, rows=rows.height, range_of=keys)

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
        remove_partials(self.directory / DERIVED)

    def derived_files(self, dataset: str) -> list[Path]:
        """The files of a dataset that were derived from its segments."""
        return [file for file in (self.directory / DERIVED).glob("*.parquet") if _dataset_of(file) == dataset]

    def remove_files(self, files: Iterable[Path]) -> None:
        """Remove files, each once nobody reads it any more."""
        for file in files:
            self._lease.remove(file)


def _facts(
    id: int, table: Table, file: str, footer: Footer, *, sha256: str, size_bytes: int, rows: int, range_of: pl.DataFrame
) -> SegmentFacts:
    low, high = key_range(table, range_of)
    return SegmentFacts(
        id, table.name, file, sha256, size_bytes, rows, footer.fingerprint, low, high, footer.uuid, footer.keys_repeat
    )


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
