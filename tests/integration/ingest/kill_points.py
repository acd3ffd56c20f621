"""`cubefeed watch` in a process that is killed at a named point:

python -m tests.integration.ingest.kill_points POINT ARGUMENTS.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import polars as pl

from flows.cli import main as cli
from flows.cube.duckdb.engine import DuckDbCube
from flows.ingest import commit, compaction, file_checks
from flows.ingest.feed import Feed
from flows.landing.inbox import Inbox
from flows.store.segments import Segments

POINTS: dict[str, tuple[object, str, str]] = {
    "file read": (file_checks, "read_file", "after"),
    "segment half written": (pl.DataFrame, "write_parquet", "after"),
    "segment written": (Segments, "write", "after"),
    "staged": (commit, "stage_batch", "after"),
    "change known": (commit, "change_set", "after"),
    "cube changed": (DuckDbCube, "apply", "after"),
    "recorded": (commit, "mark_loaded", "after"),
    "inbox knows": (Inbox, "record", "before"),
    "rebuild begun": (DuckDbCube, "rebuild", "before"),
    "rebuilt": (Feed, "rebuild", "after"),
}
"""Point → whose call, and whether the process dies before or after it."""
COMPACTING: dict[str, tuple[object, str, str]] = {
    "merged segment half written": (pl.DataFrame, "write_parquet", "after"),
    "merged segment written": (Segments, "write", "after"),
    "ledger points to it": (compaction, "replace_segments", "after"),
    "dead ones forgotten": (compaction, "drop_segments", "after"),
    "dead ones removed": (Segments, "remove", "before"),
}
"""The same for a compaction."""


def die_at(point: str) -> None:
    """Replace the point's call by one that kills this process."""
    owner, name, when = (POINTS | COMPACTING)[point]
    original: Callable[..., Any] = getattr(owner, name)

    def dying(*arguments: Any, **named: Any) -> None:
        if when == "after":
            original(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, dying)


if __name__ == "__main__":
    die_at(sys.argv[1])
    sys.argv = ["cubefeed", *sys.argv[2:]]
    cli.main()
