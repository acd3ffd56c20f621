"""A producer who exchanges what he has delivered for links to what he may not read, and back, as fast as he can.

Run as a program: name_exchange.py LANDING OUTSIDE file|directory SECONDS
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from pathlib import Path

EXCHANGE = 2
AT_CWD = -100
PAIRS = 2
"""Many have more chances, few have better ones."""
BAIT = "ID,Date,Product,Quantity\n{number},2021-05-01,bait,1\n"


def exchange(first: Path, second: Path) -> None:
    """Exchange two names in one step."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(AT_CWD, os.fsencode(first), AT_CWD, os.fsencode(second), EXCHANGE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def flip(pairs: list[tuple[Path, Path]], seconds: float) -> int:
    """Exchange each pair again and again. Returns how often."""
    rename = ctypes.CDLL(None).renameat2
    names = [(os.fsencode(first), os.fsencode(second)) for first, second in pairs]
    deadline, times = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        times += 1
        for first, second in names:
            rename(AT_CWD, first, AT_CWD, second, EXCHANGE)
    return times


def make_file(landing: Path, outside: Path, number: int) -> tuple[Path, Path]:
    """A sound file, and a link that may take its place."""
    file, link = landing / f"bait-{number}.csv", landing / f".file-{number}"
    secrets = sorted(outside.iterdir())
    link.symlink_to(secrets[number % len(secrets)])
    file.write_text(BAIT.format(number=number))
    return file, link


def make_directory(landing: Path, outside: Path, number: int) -> tuple[Path, Path]:
    """A directory of sound files, and a link that may take its place."""
    directory, link = landing / f"day-{number}", landing / f".directory-{number}"
    link.symlink_to(outside)
    directory.mkdir()
    for secret in outside.iterdir():
        (directory / secret.name).write_text(BAIT.format(number=number))
    return directory, link


def main() -> None:
    landing, outside, kind, seconds = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], float(sys.argv[4])
    make = make_file if kind == "file" else make_directory
    first = len(list(landing.glob(".*-*")))  # what was made before lies there still
    print(flip([make(landing, outside, number) for number in range(first, first + PAIRS)], seconds))


if __name__ == "__main__":
    main()
