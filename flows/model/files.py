"""Files as the directory shows them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from flows.errors import plain
from flows.model.lifecycle import Mode

_MOST = 2**63 - 1
"""The greatest of SQLite's integers; as nanoseconds, the year 2262."""


class Signature(NamedTuple):
    """What a stat says of a file's content without reading it. Any write changes at least the ctime."""

    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Signature:
        """The signature in a stat result; the inode and the times are cut to what SQLite's integers hold. Whoever owns
        a file gives it any time."""
        size, inode = status.st_size, status.st_ino & _MOST
        mtime_ns, ctime_ns = status.st_mtime_ns, status.st_ctime_ns
        if not -_MOST <= mtime_ns <= _MOST >= ctime_ns >= -_MOST:
            mtime_ns, ctime_ns = (max(-_MOST, min(time_ns, _MOST)) for time_ns in (mtime_ns, ctime_ns))
        return cls(size, mtime_ns, ctime_ns, inode)


def allocated_bytes(status: os.stat_result) -> int:
    """The room that a file takes on its disk, where holes take none.

    Source: stat(2): `st_blocks` counts units of 512 bytes, whatever the file system's own blocks are.
    """
    return status.st_blocks * 512


@dataclass(frozen=True)
class SettledFile:
    """A settled file that waits to be loaded.

    Args:
        path: where it lies.
        signature: how it looks.
        mode: why it is looked at.
        members: of an archive, the members that somebody asked for; all of them where none is named.
    """

    path: bytes
    signature: Signature
    mode: Mode = "arrival"
    members: frozenset[bytes] = frozenset()


def first_names(names: Sequence[str], most: int) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def shown(path: bytes) -> str:
    """A path as text that is safe to print: bytes that are no UTF-8 and control characters are escaped."""
    return plain(path.decode("utf-8", "backslashreplace"))
