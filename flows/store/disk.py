"""How much room is left on the disks in use, when that is worth a warning, and what to say where there is none."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from flows.errors import DiskFull
from flows.runtime.shortages import is_full

GB = 10**9
FREE_BYTES = GB
FREE_SHARE = 0.1
"""A disk with less free space than one of these is worth a warning; see `Free.nearly_full`."""


@dataclass(frozen=True)
class Free:
    """The room on the file system that a path is on.

    Args:
        total_bytes: its size; 0 where it does not say.
        free_bytes: what ordinary users may still write.
        files: how many more files it takes; None where it has no such limit.
    """

    total_bytes: int
    free_bytes: int
    files: int | None = None

    @property
    def least_bytes(self) -> int:
        """The free space below which a disk is nearly full: a tenth of it, and no less than 1 GB.

        The tenth holds for the largest disk: it was bought for what grows on it, and nine tenths of its time are
        over. The gigabyte is for disks of a few GB, where one large file and its segment take a tenth at once; on
        disks that are hardly larger than that, such as a temporary directory in memory, it is half of the disk, since
        they would be nearly full while they are empty.
        """
        return max(int(self.total_bytes * FREE_SHARE), min(FREE_BYTES, self.total_bytes // 2))

    @property
    def nearly_full(self) -> bool:
        """Whether so little is left that a person should know of it."""
        return self.files == 0 or self.free_bytes < self.least_bytes

    def __str__(self) -> str:
        if self.files == 0:
            return f"no file more, though {size(self.free_bytes)} of {size(self.total_bytes)} are free"
        return f"{size(self.free_bytes)} of {size(self.total_bytes)} free"


@dataclass(frozen=True)
class Mount:
    """A file system that is in use.

    Args:
        path: where it is mounted, as far as that can be seen.
        uses: what lies there.
        free: the room that it has.
    """

    path: Path
    uses: tuple[str, ...]
    free: Free


def free(path: Path) -> Free:
    """The room on the file system where a path is, or would be made.

    Raises:
        OSError: it cannot be asked.
    """
    found = os.statvfs(_existing(path))
    files = found.f_favail if found.f_files else None
    return Free(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize, files)


def mounts_in_use(places: Mapping[str, Path]) -> list[Mount]:
    """The file systems that some places are on, each once, in the order of the places.

    Places inside of others on the same file system are not named, and those that cannot be asked are left out.

    Args:
        places: what is used → where it is, or would be made.
    """
    known: dict[int, list[tuple[str, Path]]] = {}
    for use, place in places.items():
        try:
            path = place.resolve()
            there = known.setdefault(_existing(path).stat().st_dev, [])
        except OSError:
            continue
        if not any(path.is_relative_to(other) for _, other in there):
            there.append((use, path))
    mounts = (_mount(there[0][1], tuple(use for use, _ in there)) for there in known.values())
    return [mount for mount in mounts if mount is not None]


def _mount(path: Path, uses: tuple[str, ...]) -> Mount | None:
    try:
        return Mount(_mount_point(path), uses, free(path))
    except OSError:
        return None


def _mount_point(path: Path) -> Path:
    path = _existing(path).resolve()
    while path.parent != path and path.parent.stat().st_dev == path.stat().st_dev:
        path = path.parent
    return path


def _existing(path: Path) -> Path:
    """The path, or the nearest directory above it that there is."""
    path = path.absolute()
    while not path.exists() and path.parent != path:
        path = path.parent
    return path


@dataclass(frozen=True)
class room_for:  # noqa: N801  # it is used as a function is
    """Where what is written inside finds no room, say what is full and how much is missing.

    Args:
        what: what is written, in words.
        path: where to.
        needed_bytes: how much room it takes, about.

    Raises:
        DiskFull: there is no room.
    """

    what: str
    path: Path
    needed_bytes: int

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not isinstance(error, DiskFull) and is_full(error):
            raise disk_full(self.what, self.path, needed_bytes=self.needed_bytes) from error


def disk_full(what: str, path: Path, *, needed_bytes: int) -> DiskFull:
    """The error of who found no room at a path; see `room_for`."""
    try:
        left = free(path)
    except OSError:
        left = None
    missing = max(needed_bytes - left.free_bytes, 0) if left else needed_bytes
    how = f"free {size(missing)} or more there" if missing else "free space there, or raise the quota or the limit"
    if left is not None and left.files == 0:
        how = "remove files there: the disk takes no more of them, though it has room"
    return DiskFull(
        f"The disk is full: there is no room for {what}",
        next_step=how,
        path=path,
        needed=size(needed_bytes),
        free=size(left.free_bytes) if left else None,
    )


def size(count: int) -> str:
    """A number of bytes in words."""
    for unit, name in ((10**12, "TB"), (GB, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} bytes"
