"""Who besides this user can put something else in the place of a file."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = 0
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True)
class Weakness:
    """Why others can change a file.

    Args:
        what: in words.
        mend: the command that ends it.
    """

    what: str
    mend: str


def is_ours(status: os.stat_result) -> bool:
    """Whether a file belongs to this user, or to root, who can change everything anyway."""
    return status.st_uid in (ROOT, os.geteuid())


def weakness_of(file: Path) -> Weakness | None:
    """Why others can change what a path leads to; None where only this user and root can.

    The rule is that of OpenSSH's StrictModes: the file and each directory above it belongs to this user or to root, and
    nobody else may write it. A directory with the sticky bit, such as /tmp, may be writable: what lies in it can be
    replaced by its owner only. Where links lead there, the way to them counts too.

    Raises:
        OSError: there is no such file, or it cannot be seen.
    """
    return next(_weaknesses(file), None)


def _weaknesses(file: Path) -> Iterator[Weakness]:
    for way in dict.fromkeys((Path(os.path.abspath(file)), file.resolve(strict=True))):
        for each in (way, *way.parents):
            for status in (each.lstat(), each.stat()):
                if not is_ours(status):
                    yield Weakness(f"{each} belongs to another user", f"chown -h {os.geteuid()} {_typed(each)}")
                if _others_write(status):
                    yield Weakness(f"others may write {each}", f"chmod go-w {_typed(each)}")


def _others_write(status: os.stat_result) -> bool:
    if stat.S_ISLNK(status.st_mode) or (stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX):
        return False
    return bool(status.st_mode & OTHERS_WRITE)


def _typed(path: Path) -> str:
    return shlex.quote(str(path))
