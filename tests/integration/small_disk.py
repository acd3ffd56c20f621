"""A real disk of a few megabytes: a file system in memory, mounted for a while."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

FILLER = ".filler"
PAGE = 4096


@dataclass(frozen=True)
class SmallDisk:
    """A disk that can be filled up, and emptied of that again."""

    path: Path

    @property
    def free_bytes(self) -> int:
        return shutil.disk_usage(self.path).free

    def fill(self, *, leave_bytes: int = 0) -> None:
        """Take all the room there is, but so much; others may take some of it meanwhile."""
        self.make_room()
        with (self.path / FILLER).open("wb") as file:
            while (room := self.free_bytes - leave_bytes) > 0:
                with suppress(OSError):
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), room)

    def make_room(self) -> None:
        """Give it back."""
        (self.path / FILLER).unlink(missing_ok=True)


@contextmanager
def small_disk(path: Path, *, size_bytes: int = 4 << 20, files: int | None = None) -> Iterator[SmallDisk]:
    """Mount one on a directory, which is made where there is none; unmounted at the end.

    Args:
        path: where.
        size_bytes: its size.
        files: how many files it takes, its root included; any number by default.
    """
    path.mkdir(parents=True, exist_ok=True)
    options = f"size={size_bytes},mode=700" + (f",nr_inodes={files}" if files else "")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "cubefeed-test", str(path)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
