"""All rows of a table as they are at one commit, while loading goes on."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

import polars as pl

from flows.cube.observable import WatchedCube
from flows.store.history import last_commit
from flows.store.ledger import Ledger

LOOKS = 20
"""How often the state of a table is looked at until no commit comes between."""


def whole_table(cube: WatchedCube, ledger: Ledger, dataset: str) -> tuple[Generator[pl.DataFrame], int | None]:
    """All rows of a table, some at a time, of one state of it; who does not take all of them closes them.

    Returns:
        the rows, and the number of the commit that made this state; None where there is none, or one after another was
        under way.
    """
    for _ in range(LOOKS):
        mark, commit = cube.state_mark, last_commit(ledger, dataset)
        rows = _begun(cube.batches(dataset))
        if mark is not None and mark == cube.state_mark:
            return rows, commit
        rows.close()
    return _begun(cube.batches(dataset)), None


def _begun[T](parts: Generator[T]) -> Generator[T]:
    """Parts of which the first is made already, so that they are of the state that there is now."""
    first = next(parts, None)

    def all_parts() -> Generator[T]:
        with closing(parts):
            if first is not None:
                yield first
                yield from parts

    return all_parts()
