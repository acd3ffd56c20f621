"""Backups of the ledger: whole files, named by a counter and the checksum of their content.

The counter says which is the newest: a clock may have been ahead. The time in the name is for people.
"""

from __future__ import annotations

import os
import re
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flows.store.atomic_write import private_name, remove_partials, sync_directory
from flows.store.checksum import checksum
from flows.store.disk import room_for

KEPT = 7
KEPT_DAYS = 90
LEAST = 2
"""An old backup goes once there are KEPT newer ones, or LEAST of them when it is older than KEPT_DAYS."""

_NAME = re.compile(r"ledger-(?P<number>\d{6,})-(?P<time>[0-9TZ]+)-(?P<checksum>[0-9a-f]{16})\.db")
_DAY_S = 86_400


@dataclass(frozen=True, order=True)
class Backup:
    """A backup's place among the others, the newest last: by its counter, and by what it holds where it has none.

    Args:
        number: the counter in its name; 0 where it has none.
        batch: the last batch that it knows; looked up only where there is no number.
        version: likewise the last version.
        file: where it is.
    """

    number: int
    batch: int
    version: int
    file: Path


def make_backup(ledger: Path, directory: Path) -> Path:
    """Copy the ledger while it is in use. Old copies go once the new one was opened again and found whole.

    Raises:
        DiskFull: there is no room for the copy.
        OSError: it cannot be written.
        sqlite3.DatabaseError: likewise, or the ledger cannot be read.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    remove_partials(directory)
    with room_for("a backup of the ledger", directory, ledger_bytes(ledger)):
        with private_name(directory / "ledger.db") as partial:
            copy_database(ledger, partial)
            found = defect(partial)
            if found is not None:
                raise sqlite3.DatabaseError(f"the backup is not whole: {found}")
            number = max((backup.number for backup in backups_in(directory)), default=0) + 1
            stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
            target = directory / f"ledger-{number:06d}-{stamp}-{_checksum(partial)}.db"
            partial.rename(target)
        sync_directory(directory)
    _prune(directory)
    return target


def ledger_bytes(ledger: Path) -> int:
    """How large a copy of a ledger is at most, since what is new is still in its log; 0 where there is none."""
    both = (ledger, ledger.with_name(f"{ledger.name}-wal"))
    return sum(file.stat().st_size for file in both if file.exists())


def backups_in(directory: Path) -> list[Backup]:
    """The backups, the newest last; whether they are whole is for `defect` to say."""
    return sorted(_backup(file) for file in directory.glob("ledger-*.db"))


def defect(file: Path) -> str | None:
    """What is wrong with a ledger that nobody writes, or None: its content, its indexes, its references, and whether
    it is what its name says."""
    named = _NAME.fullmatch(file.name)
    try:
        if named and named["checksum"] != _checksum(file):
            return "its checksum differs"
        with closing(open_still(file)) as copy:
            complaint = str(copy.execute("PRAGMA integrity_check(1)").fetchone()[0])
            dangling = copy.execute("PRAGMA foreign_key_check").fetchone()
    except (OSError, sqlite3.DatabaseError) as error:
        return str(error)
    if complaint != "ok":
        return complaint
    return f"a row of {dangling[0]} refers to nothing" if dangling else None


def copy_database(source: Path, target: Path, *, still: bool = False) -> None:
    """Copy a ledger into one new file that is whole by itself, durably.

    Args:
        source: it may be in use, and what is in its log is copied too.
        target: where to.
        still: nobody writes it, and a log beside it is not its own.
    """
    with (
        closing(open_still(source) if still else sqlite3.connect(source)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        new.execute("PRAGMA journal_mode=OFF")  # a copy that fails is thrown away
        old.backup(new)
    with closing(sqlite3.connect(target)) as new:
        new.execute("PRAGMA journal_mode=DELETE")  # the mode is copied too, and WAL would make files beside it
    sync_file(target)


def open_still(file: Path) -> sqlite3.Connection:
    """Open a file that nobody writes, without making or taking in another file beside it.

    That is what `immutable` means to SQLite, and a file that is written meanwhile would be read wrongly:
    https://www.sqlite.org/uri.html#uriimmutable
    """
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)


def sync_file(file: Path) -> None:
    """Have a file's content on the disk."""
    with file.open("r+b") as opened:
        os.fsync(opened.fileno())


def _backup(file: Path) -> Backup:
    named = _NAME.fullmatch(file.name)
    if named:
        return Backup(int(named["number"]), 0, 0, file)
    return Backup(0, *last_numbers(file), file)


def last_numbers(file: Path) -> tuple[int, int]:
    """The last batch and the last version in a ledger that nobody writes."""
    try:
        with closing(open_still(file)) as copy:
            (found,) = copy.execute(
                "SELECT (SELECT coalesce(max(id), 0) FROM batches), (SELECT coalesce(max(id), 0) FROM versions)"
            )
            return int(found[0]), int(found[1])
    except sqlite3.DatabaseError:
        return 0, 0


def _checksum(file: Path) -> str:
    return checksum(file)[:16]


def _prune(directory: Path) -> None:
    newest_first = backups_in(directory)[::-1]
    aged = time.time() - KEPT_DAYS * _DAY_S
    for newer, backup in enumerate(newest_first):
        if newer >= KEPT or (newer >= LEAST and backup.file.stat().st_mtime < aged):
            backup.file.unlink()
