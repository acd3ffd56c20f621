"""The commits of a session, as they happen."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cubefeed.transport import LOOK_S, Transport
from flows.errors import NotRunning, Starting


@dataclass(frozen=True)
class Commit:
    """The cube has changed.

    Args:
        number: of the commit.
        datasets: whose.
        files: how many file versions it was about; of all, where commits were skipped.
        rows: how many rows came; the same.
        at: when it was in the cube.
        skipped: earlier commits that happened while the session could not be reached, and are told with this one.
    """

    number: int
    datasets: tuple[str, ...]
    files: int
    rows: int
    at: datetime
    skipped: tuple[int, ...] = ()


def commits(transport: Transport, dataset: str | None, after: int | None) -> Iterator[Commit]:
    """Commits as they happen, without end; see `Connection.changes`."""
    gap = False
    last: int = transport.json("/api/commits")["last"] if after is None else after
    while True:
        try:
            found = transport.json("/api/commits", [("after", str(last))], patience_s=0.0)
        except (NotRunning, Starting):
            transport.json("/api/commits")  # waits until it is back, so long as it may
            gap = True
            continue
        rows = found["commits"]
        last = rows[-1]["commit"] if rows else min(last, found["last"])  # a new state begins anew
        told = [row for row in rows if dataset in (None, row["dataset"])]
        yield from [_commit(told)] if gap and told else [_commit([row]) for row in told]
        gap = False
        if not rows:
            time.sleep(LOOK_S)


def _commit(rows: Iterable[Mapping[str, Any]]) -> Commit:
    *before, newest = rows
    every = [*before, newest]
    return Commit(
        newest["commit"],
        tuple(dict.fromkeys(row["dataset"] for row in every)),
        sum(row["files"] for row in every),
        sum(row["rows"] for row in every),
        datetime.fromisoformat(newest["at_utc"]),
        tuple(row["commit"] for row in before),
    )
