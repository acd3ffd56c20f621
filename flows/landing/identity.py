"""Which directory lies at a path, and what is remembered of it from one session to the next."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class DirectoryIdentity(NamedTuple):
    """Which directory a directory is, until the next boot."""

    device: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> DirectoryIdentity:
        """The identity in a stat result; both numbers are cut to what SQLite's integers hold."""
        return cls(status.st_dev & (2**63 - 1), status.st_ino & (2**63 - 1))

    @classmethod
    def at(cls, path: bytes) -> DirectoryIdentity | None:
        """The identity of the directory at a path; None where there is none to be seen."""
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            return None
        return cls.of(status) if stat.S_ISDIR(status.st_mode) else None


class DirectoryRecord(NamedTuple):
    """What is remembered of a landing directory from one session to the next.

    Args:
        identities: as in a listing, of the last one that was believed.
        doubted: whether the listings since then were not believed.
    """

    identities: Mapping[bytes, DirectoryIdentity] = MappingProxyType({})
    doubted: bool = False
