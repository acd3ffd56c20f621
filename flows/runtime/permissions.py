"""Who besides this user can put something else in the place of a file."""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = 0


@dataclass(frozen=True)
class Weakness:
    """Why others can change a file.

    Args:
        what: in words.
        fix: the command that ends it; None where this user cannot type one, or it would take from somebody else what
            is his.
    """

    what: str
    fix: str | None


def is_ours(status: os.stat_result) -> bool:
    """Whether a file belongs to this user, to root, or to the owner of this program, who run what they like here."""
    return status.st_uid in (ROOT, os.geteuid(), Path(__file__).stat().st_uid)


def weakness_of(file: Path) -> Weakness | None:
    """Why others can change what a path leads to; None where only this user and root can.

    The rule is that of OpenSSH's StrictModes, with a user's own group as Debian has it: the file and each directory
    above it belongs to this user or to root, and nobody else may write it. A directory with the sticky bit, such as
    /tmp, may be writable: what lies in it can be replaced by its owner only. Where links lead there, the way to them
    counts too.

    Raises:
        OSError: there is no such file, or it cannot be seen.
    """
    return next(_weaknesses(file), None)


def weakness_inside(directory: Path) -> Weakness | None:
    """Why others can put something into a directory; None where only this user and root can.

    Raises:
        OSError: it is not there, or cannot be seen.
    """
    status = directory.stat()
    if not is_ours(status):
        return _foreign(directory, status)
    return _open(directory, status) if others_write(status) else None


def _weaknesses(file: Path) -> Iterator[Weakness]:
    for way in dict.fromkeys((Path(os.path.abspath(file)), file.resolve(strict=True))):
        for each in (*reversed(way.parents), way):
            for status in (each.lstat(), each.stat()):
                sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
                if not is_ours(status):
                    yield _foreign(each, status)
                if others_write(status) and not sticky:
                    yield _open(each, status)


def others_write(status: os.stat_result) -> bool:
    """Whether its mode lets others write a file; a link has none. A group that nobody else is in, which many systems
    give each user, is no other."""
    if stat.S_ISLNK(status.st_mode):
        return False
    by_group = status.st_mode & stat.S_IWGRP and not _is_of_one(status.st_gid)
    return bool(status.st_mode & stat.S_IWOTH or by_group)


def _is_of_one(gid: int) -> bool:
    """Whether a group is that of this user or of root alone: of the same name, and nobody else's."""
    try:
        group = grp.getgrgid(gid)
        owners = {pwd.getpwuid(uid).pw_name for uid in (ROOT, os.geteuid())}
    except KeyError:
        return False
    members = {*group.gr_mem, *(user.pw_name for user in pwd.getpwall() if user.pw_gid == gid)}
    return group.gr_name in owners and members <= {group.gr_name}


def _foreign(path: Path, status: os.stat_result) -> Weakness:
    gives_away = os.geteuid() == ROOT and not stat.S_ISDIR(status.st_mode)
    fix = f"chown -h {ROOT} {shlex.quote(str(path))}" if gives_away else None
    return Weakness(f"{path} belongs to another user", fix)


def _open(path: Path, status: os.stat_result) -> Weakness:
    may_change = os.geteuid() in (ROOT, status.st_uid)
    return Weakness(f"others may write {path}", f"chmod go-w {shlex.quote(str(path))}" if may_change else None)
