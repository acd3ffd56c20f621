"""What it costs to read a file: how much memory its bytes, lines and cells take while they become rows.

The numbers are bytes of memory, measured on the worst file of each kind and rounded up. A file that would take more
than there is room for is refused before it is tried: a process that runs out of memory ends, and so does the next one.
"""

from __future__ import annotations

import os
import resource
from functools import cache
from pathlib import Path

from flows.model.dataset import Dataset

BYTE, LINE, CELL = 4, 20, 50
"""Of a file that takes the short way."""
LONG_BYTE, LONG_LINE = 8, 200
"""Added where each line is looked at by itself."""
LONG_ROW_BYTE = 24
"""Added where a row is longer than the parser's block, so that all is one block."""
BAD_ROW, BAD_CELL = 200, 160
"""Added for each row that has a finding, and for each of its cells."""
PREPARED_CELL = 300
"""Added where `prepare` sees the cells as Python objects."""
SHARE = 3
"""One batch is read while up to two that were checked wait and are appended, each of which holds a fifth of what it
took to read it: with a third of the memory for one, all take less than half."""
SMALLEST_BYTES = 64 << 20
"""What a limit leaves at least, as far as this is concerned: with less nothing works anyway."""
_OWN_SIZES = Path("/proc/self/statm")
_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")


class TooCostly(Exception):
    """To read a file takes more memory than there is room for.

    Args:
        needs_bytes: how much it takes.
        room_bytes: how much there is.
        shape: what of it takes so much, in words.
    """

    def __init__(self, needs_bytes: int, room_bytes: int, shape: str) -> None:
        super().__init__(shape)
        self.raw = f"{shape}: about {needs_bytes:,} bytes of memory"
        self.expected = (
            f"at most {room_bytes:,} bytes of memory while it is read; split the file, give the session more memory, "
            "or raise the dataset's limits.read_memory_bytes"
        )


class Cost:
    """What the files of a dataset take, and how much room there is for those of one batch.

    `most_bytes` is the largest text that may fit: one of more is not even read. `free_bytes` fit whatever they hold:
    what is in so few is not counted.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.room_bytes = dataset.limits.read_memory_bytes or memory_bytes() // SHARE
        self._columns = max(len(dataset.header) + len(dataset.path_columns), len(dataset.row_schema.columns()))
        self._line = LINE + self._columns * (CELL if dataset.prepare is None else CELL + PREPARED_CELL)
        self.most_bytes = self.room_bytes // BYTE
        self.free_bytes = (self.room_bytes - self.bad_line) // self.worst(1, 0)

    @property
    def bad_line(self) -> int:
        """What a line takes at most, whatever stands in it."""
        return self._line + LONG_LINE + BAD_ROW + BAD_CELL * self._columns

    def worst(self, size_bytes: int, lines: int) -> int:
        """What a file takes at most."""
        return size_bytes * (BYTE + LONG_BYTE + LONG_ROW_BYTE) + (lines + 1) * self.bad_line

    def as_text_bytes(self, memory_bytes: int) -> int:
        """How long a text is that takes so much at most, whatever it holds."""
        return memory_bytes // self.worst(1, 0) + 1

    def check_size(self, size_bytes: int) -> None:
        """Refuse a text that is too large whatever it holds."""
        self._check(size_bytes * BYTE, size_bytes)

    def check_short_way(self, size_bytes: int, lines: int) -> None:
        """Refuse a file whose rows and cells would take too much."""
        self._check(size_bytes * BYTE + lines * self._line, size_bytes, lines)

    def check_long_way(self, size_bytes: int, lines: int) -> None:
        """The same for one whose lines are looked at one by one."""
        self._check(size_bytes * (BYTE + LONG_BYTE) + lines * (self._line + LONG_LINE), size_bytes, lines)

    def check_long_rows(self, size_bytes: int) -> None:
        """Refuse a text that has to be parsed as one block, since it has a row longer than one."""
        self._check(size_bytes * (BYTE + LONG_BYTE + LONG_ROW_BYTE), size_bytes)

    def check_bad_rows(self, rows: int) -> None:
        """Refuse files of which so many rows have findings."""
        if (needs := rows * (BAD_ROW + BAD_CELL * self._columns)) > self.room_bytes:
            raise TooCostly(needs, self.room_bytes, f"{rows:,} rows with findings")

    def _check(self, needs: int, size_bytes: int, lines: int = 0) -> None:
        if needs > self.room_bytes:
            shape = f"{size_bytes:,} bytes" + (f" in {lines:,} lines" if lines else "")
            raise TooCostly(needs, self.room_bytes, shape)


@cache
def memory_bytes() -> int:
    """The memory of this machine or container, or what a limit of this process leaves of it."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(machine, *_process_limits(), *_cgroup_limits(_CGROUPS))


def _process_limits() -> list[int]:
    """What the limits leave: they count what is only reserved too, which is more than a process ever uses."""
    sizes = _read(_OWN_SIZES).split()
    limits = {resource.RLIMIT_AS: 0, resource.RLIMIT_DATA: 5}  # Source: proc_pid_statm(5)
    soft = {place: resource.getrlimit(kind)[0] for kind, place in limits.items()}
    page = os.sysconf("SC_PAGE_SIZE")
    return [
        max(limit - int(sizes[place]) * page, SMALLEST_BYTES)
        for place, limit in soft.items()
        if limit != resource.RLIM_INFINITY and sizes
    ]


def _cgroup_limits(root: Path) -> list[int]:
    """The limits of the control groups that this process is in, in both editions of them."""
    try:
        own = [line.split(":", 2) for line in _OWN_CGROUP.read_text().splitlines()]
    except OSError:
        return []
    limits = []
    for _, controllers, path in own:
        top, name = (root, "memory.max") if not controllers else (root / "memory", "memory.limit_in_bytes")
        if controllers and "memory" not in controllers.split(","):
            continue
        inner = Path(path.lstrip("/"))
        for place in (inner, *inner.parents):
            text = _read(top / place / name)
            limits += [int(text)] if text.isdigit() else []
    return limits


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
