"""Errors of the surroundings, which pass by themselves: a full disk, a ledger that is locked, memory that is short.

What is raised was found on real full disks, by these versions of the libraries:

| who writes | where there is no room | raised |
|---|---|---|
| Python, pyarrow | anywhere | `OSError` with ENOSPC, EDQUOT (a quota) or EFBIG (a limit of the process) |
| polars | in a file | `ComputeError`: `… underlying IO error: No space left on device (os error 28)` |
| polars | for one file more | `OSError` *without* an errno: `No space left on device (os error 28): <path>` |
| SQLite | for a page | SQLITE_FULL; the transaction is over, so that a ROLLBACK after it raises too |
| SQLite | beyond a quota or a limit | SQLITE_IOERR_WRITE: only ENOSPC becomes SQLITE_FULL |
| SQLite | for the `-shm` of a ledger that nobody has open | SQLITE_IOERR_SHMSIZE, even where it is only to be read |
| DuckDB | in a file | `IOException`: `… No space left on device` |
| DuckDB | to spill | `OutOfMemoryException` that names `max_temp_directory_size` |

A file system may have room and yet no place for one more file (its inodes are used up): that is a full disk too, with
the same errors; only SQLite says that it cannot open the file, as where that is not permitted.
"""

from __future__ import annotations

import errno
import os
import re
import sqlite3
from collections.abc import Iterator

from flows.errors import DiskFull

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FULL_TEXT = "|".join(re.escape(os.strerror(number)) for number in sorted(_FULL))
_RUST = re.compile(rf"\(os error ({'|'.join(map(str, sorted(_FULL)))})\)(: .*)?$", re.DOTALL)
_DUCKDB = {
    "IOException": re.compile(rf": ({_FULL_TEXT})($|\")"),
    "OutOfMemoryException": re.compile("max_temp_directory_size"),
}
_SQLITE_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}
_SQLITE_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def is_full(error: BaseException) -> bool:
    """Whether an error, or one that it came from, says that there was no room to write.

    A write that SQLite calls a disk I/O error counts as one: it says so of a quota, and does not say why. Where the
    disk is broken nothing was written either, and what reads it says so.
    """
    return any(_says_full(found) for found in _chain(error))


def is_locked(error: BaseException) -> bool:
    """Whether an error, or one that it came from, says that another program holds the ledger's lock."""
    return any(
        isinstance(found, sqlite3.Error) and _sqlite_code(found) & 0xFF in _SQLITE_LOCKED for found in _chain(error)
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory was short: what questions hold is free again once they are over."""
    return any(
        isinstance(found, MemoryError) or (type(found).__name__ == "OutOfMemoryException" and not _says_full(found))
        for found in _chain(error)
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and all those that led to it."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        found = waiting.pop()
        if found is not None and id(found) not in seen:
            seen.add(id(found))
            waiting += [found.__cause__, found.__context__]
            yield found


def _says_full(error: BaseException) -> bool:
    if isinstance(error, DiskFull):
        return True
    if isinstance(error, sqlite3.Error):
        return _sqlite_code(error) in _SQLITE_FULL
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _FULL
    library = type(error).__module__.partition(".")[0]
    if library == "polars" or isinstance(error, OSError):
        return _RUST.search(str(error)) is not None
    pattern = _DUCKDB.get(type(error).__name__) if library in ("duckdb", "_duckdb") else None
    return pattern is not None and pattern.search(str(error)) is not None


def _sqlite_code(error: sqlite3.Error) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0)  # errors of the module itself have none
    return code
