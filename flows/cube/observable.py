"""A cube that remembers what its changes touched, for those who show it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import polars as pl

from flows.cube.bounds import Bounds
from flows.cube.port import Cube, LiveSegment
from flows.model.merge import ChangeSet, Horizon, Sources
from flows.model.query import Query
from flows.model.row_query import RowPage, RowQuery
from flows.model.tables import Table

MAX_ROWS = 200_000
"""Rows remembered per table; where more are added between two looks, all is looked at again."""


@dataclass(frozen=True)
class TableChanges:
    """What happened to a table between two looks.

    Args:
        added: the rows added, where nothing but additions happened; None where anything else may have.
        commits: how many changes there were since the beginning.
        settled: whether no change is under way.
    """

    added: list[pl.DataFrame] | None
    commits: int
    settled: bool


@dataclass
class _Notes:
    added: list[pl.DataFrame] | None = None
    rows: int = 0
    commits: int = 0
    running: bool = False

    def note(self, change: ChangeSet | None) -> None:
        self.commits += 1
        if self.added is None or (change is not None and change.only_names):
            return
        plain = change is not None and not change.drop_versions and change.horizon is None
        if change is None or not plain or self.rows + change.upserts.height > MAX_ROWS:
            self.added, self.rows = None, 0
        else:
            self.added.append(change.upserts)
            self.rows += change.upserts.height


@dataclass
class WatchedCube:
    """A cube; changes are noted in the thread that makes them, which costs it microseconds.

    Args:
        cube: what does the work.
        notify: called with the table's name after each change, from the thread that made it.
    """

    cube: Cube
    notify: Callable[[str], None] = lambda _: None
    _notes: dict[str, _Notes] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._session = uuid.uuid4().hex
        self._notes = {table.name: _Notes() for table in self.cube.model}

    @property
    def model(self) -> tuple[Table, ...]:
        return self.cube.model

    @model.setter
    def model(self, model: tuple[Table, ...]) -> None:
        raise AttributeError("the model of an open cube cannot be changed")

    @property
    def engine(self) -> str:
        return self.cube.engine

    @engine.setter
    def engine(self, engine: str) -> None:
        raise AttributeError("the engine of an open cube cannot be changed")

    @property
    def url(self) -> str | None:
        return self.cube.url

    def apply(self, change: ChangeSet) -> int:
        with self._changing(change.table, change):
            return self.cube.apply(change)

    def rebuild(
        self,
        table: str,
        segments: Iterable[LiveSegment],
        horizon: Horizon | None = None,
        *,
        keys_differ: bool = False,
        sources: Sources | None = None,
    ) -> int:
        with self._changing(table, None):
            return self.cube.rebuild(table, segments, horizon, keys_differ=keys_differ, sources=sources)

    def query(self, query: Query, *, bounds: Bounds | None = None) -> pl.DataFrame:
        return self.cube.query(query, bounds=bounds)

    def rows(self, query: RowQuery, *, bounds: Bounds | None = None) -> RowPage:
        return self.cube.rows(query, bounds=bounds)

    def query_together(self, queries: Sequence[Query], *, bounds: Bounds | None = None) -> list[pl.DataFrame]:
        return self.cube.query_together(queries, bounds=bounds)

    def batches(self, table: str) -> Generator[pl.DataFrame]:
        return self.cube.batches(table)

    def unmatched(self, table: str) -> dict[str, int]:
        return self.cube.unmatched(table)

    def commits(self, tables: Iterable[str]) -> tuple[int, ...]:
        """How many changes there were to tables. One that is under way counts once readers may see it, or soon after:
        what is found out after this call is of no older state."""
        with self._lock:
            return tuple(self._notes[table].commits for table in tables)

    def row_count(self, table: str) -> int:
        return self.cube.row_count(table)

    def close(self) -> None:
        self.cube.close()

    @property
    def state_mark(self) -> str | None:
        """What is another one after each change of a table, and in each session; None while one is under way."""
        with self._lock:
            running = any(notes.running for notes in self._notes.values())
            commits = sum(notes.commits for notes in self._notes.values())
        return None if running else f"{self._session}-{commits}"

    def take(self, table: str) -> TableChanges:
        """What happened since the last call; rows are remembered from now on."""
        with self._lock:
            notes = self._notes[table]
            taken = TableChanges(notes.added, notes.commits, not notes.running)
            notes.added, notes.rows = [], 0
            return taken

    def forget(self, table: str) -> None:
        """Remember no rows until the next `take`."""
        with self._lock:
            self._notes[table].added, self._notes[table].rows = None, 0

    def unchanged_since(self, changes: TableChanges, table: str) -> bool:
        """Whether what a query saw, begun after `take` and ended before now, was what `take` has returned."""
        with self._lock:
            notes = self._notes[table]
            return changes.settled and not notes.running and notes.commits == changes.commits

    @contextmanager
    def _changing(self, table: str, change: ChangeSet | None) -> Iterator[None]:
        notes = self._notes[table]
        with self._lock:
            notes.running = True
        try:
            yield
        finally:
            with self._lock:
                notes.running = False
                notes.note(change)
            self.notify(table)
