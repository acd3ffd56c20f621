"""Files as the directory shows them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from flows.core.lifecycle import Mode
from flows.errors import plain


class Signature(NamedTuple):
    """What a stat says of a file's content without reading it. Any write changes at least the ctime."""

    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Signature:
        """The signature in a stat result; the inode is cut to what SQLite's integers hold."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino & (2**63 - 1))


@dataclass(frozen=True)
class Landed:
    """A settled file that waits to be loaded."""

    path: bytes
    signature: Signature
    mode: Mode = "arrival"


def first_names(names: Sequence[str], most: int) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def shown(path: bytes) -> str:
    """A path as text that is safe to print: bytes that are no UTF-8 and control characters are escaped."""
    return plain(path.decode("utf-8", "backslashreplace"))
