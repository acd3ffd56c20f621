"""Writes that happen as a whole or not at all: under a private name beside the place, then renamed.

What fails takes its private name away again, on a full disk too; what is killed leaves one, which is never taken for
the thing itself and is removed at the next start.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flows.store.disk import room_for

PARTIAL = ".partial"
BEFORE = ".before"


def write_file(file: Path, content: str | bytes, *, what: str, durable: bool = True) -> None:
    """Write a file in the place of the one before, if there is one; its directory must be there.

    Args:
        file: where.
        content: its bytes, or its text.
        what: what it is, in words.
        durable: whether it must survive a loss of power once this has returned.

    Raises:
        DiskFull: there is no room for it.
        OSError: it cannot be written.
    """
    body = content.encode() if isinstance(content, str) else content
    with room_for(what, file.parent, len(body)), private_name(file) as partial:
        with open(partial, "xb", opener=_private) as opened:
            opened.write(body)
            if durable:
                opened.flush()
                os.fsync(opened.fileno())
        partial.rename(file)
    if durable:
        sync_directory(file.parent)


def make_inside(root: Path, *names: str) -> None:
    """Make a directory where there is none, for its user only, inside one that must be there: it may be on a mount that
    is away.

    Raises:
        OSError: it cannot be made, or `root` is not there.
    """
    for depth in range(len(names)):
        root.joinpath(*names[: depth + 1]).mkdir(mode=0o700, exist_ok=True)


@contextmanager
def private_name(place: Path) -> Iterator[Path]:
    """A name beside a place that nobody else uses or reads; what lies there when the block ends is removed."""
    partial = place.with_name(f".{place.name}.{os.urandom(6).hex()}{PARTIAL}")  # pids are the same in containers
    try:
        yield partial
    finally:
        _remove(partial)


def put_folder(partial: Path, folder: Path) -> None:
    """Put a complete folder in the place of the one before.

    Two folders cannot change places at once: the one before stays beside until the new one is there, under the name
    that `folder_before` gives, so that a crash never leaves neither.
    """
    before = folder_before(folder)
    if folder.exists():
        _remove(before)
        folder.rename(before)
    partial.rename(folder)
    _remove(before)


def folder_before(folder: Path) -> Path:
    """Where the former content of a folder is while it is replaced, or after a crash at that moment."""
    return folder.with_name(f".{folder.name}{BEFORE}")


def remove_partials(directory: Path, *, name: str = "", older_than_s: float = 0.0) -> None:
    """Remove what a crash has left half written in a directory.

    Args:
        directory: where.
        name: whose; that of everything by default.
        older_than_s: what other processes may be writing there is younger.
    """
    for partial in directory.glob(f".{name}*{PARTIAL}"):
        with suppress(FileNotFoundError):
            if time.time() - partial.lstat().st_mtime >= older_than_s:
                _remove(partial)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable: to sync a file does not sync the name that it lies under.

    See https://man7.org/linux/man-pages/man2/fsync.2.html
    """
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _private(path: str, flags: int) -> int:
    """Open a new file that is its user's alone, whatever the umask."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
