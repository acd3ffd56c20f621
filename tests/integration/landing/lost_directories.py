"""Landing directories that are filled, mounted, and remembered under other numbers."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.integration.live_feed import LiveFeed, sales

ALL = {1: 1, 2: 2, 3: 3, 4: 4}


def fill(living: LiveFeed) -> None:
    for number in ALL:
        living.put(f"{number}.csv", sales(number, start=number))
    living.wait_for(ALL)


@contextmanager
def mounted(at: Path, *arguments: str | Path) -> Iterator[None]:
    """A file system mounted at a directory; the test is skipped where that is not allowed."""
    done = subprocess.run(["mount", *arguments, at], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", at], check=True)


OTHER = 999_999
RENUMBERED = {"reboot": (OTHER, OTHER), "remount": (OTHER, None), "container": (None, OTHER)}
"""What is another number then, of the device and the inode."""


def renumber(root: Path, how: str = "reboot") -> None:
    """Have another number of the directory remembered than it has, as after a reboot, a new mount, or in a container
    whose layers were copied."""
    with closing(sqlite3.connect(root / "state" / "ledger.db")) as ledger:
        (kept,) = ledger.execute("SELECT volumes FROM datasets").fetchone()
        ((path, *numbers),) = json.loads(kept)
        other = [new or old for new, old in zip(RENUMBERED[how], numbers, strict=True)]
        ledger.execute("UPDATE datasets SET volumes = ?", [json.dumps([[path, *other]])])
        ledger.commit()


def doubt_of(living: LiveFeed, words: str) -> None:
    """Wait until what is missing is in doubt, and see that people are told, with the way out."""
    living.wait_until(lambda: words in (living.status()["problem"] or ""))
    assert "cubefeed landing accept sales" in living.status()["problem"]
    assert any(words in complaint for complaint in living.complaints())
