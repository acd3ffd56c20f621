"""A request for files as commands and runs make it: what it says, and what came of it in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from flows.text.plural import counted

type FileMode = Literal["load", "reload", "unload"]

OUTCOME_COLUMNS = ("file", "state", "rows", "refused", "findings", "reason")
"""What is shown of each file."""


def file_request(
    paths: Sequence[str] | None,
    *,
    since: datetime | None = None,
    where: Sequence[str] | None = None,
    dry_run: bool = False,
    force: bool = False,
    asked_in: str | None = None,
) -> dict[str, Any]:
    """The payload of a request for files.

    Args:
        paths: names or patterns; all files where there are none.
        since: only files whose last accepted version was found at or after this time.
        where: only files that hold such rows, each LEVEL=VALUE.
        dry_run: change nothing.
        force: read the files again, also those of which nothing is new.
        asked_in: the directory that relative paths may start from, besides the landing directory.
    """
    chosen = {"paths": list(paths or ()), "since": since.isoformat() if since else None, "where": list(where or ())}
    return {**chosen, "dry_run": dry_run, "force": force, "asked_in": asked_in}


def outcome_line(mode: FileMode, outcome: Mapping[str, Any], *, dry_run: bool = False) -> str:
    """What came of a request, or what would come of it."""
    files, rows = counted(outcome["file_count"], "file"), counted(outcome["rows"], "row")
    would = " would be" if dry_run else ""
    done = f"{files}{would} unloaded" if mode == "unload" else f"{files}, {rows}{would} loaded"
    return f"dry run, nothing is changed: {done}" if dry_run else done
