"""What the read API and the page show, as the session offers it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, Protocol

import polars as pl

from flows.cube.bounds import Bounds
from flows.model.caveats import AnswerContext
from flows.model.query import Query
from flows.model.row_query import RowQuery
from flows.model.tables import Table
from flows.store.history import CommitRow, FileRow


class Source(Protocol):
    """What is shown."""

    def model(self) -> tuple[Table, ...]:
        """The cube's tables."""

    def query(self, query: Query, *, bounds: Bounds | None = None) -> pl.DataFrame:
        """Ask the cube; raises Starting while the table is not complete, and what says that it takes too much."""

    def rows(self, query: RowQuery, *, raw: bool, bounds: Bounds) -> tuple[list[dict[str, Any]], int]:
        """Rows of the cube in JSON types: `values`, and the `source` of each, `raw` with what stands there; and how
        many there are. Raises as `query` does."""

    def row_frame(self, query: RowQuery, *, bounds: Bounds) -> tuple[pl.DataFrame, int]:
        """The same rows as a frame: the table's columns, and those of `rows.SOURCE`."""

    def state_mark(self) -> str | None:
        """What is another one whenever a table has changed, also in another session; None while one changes."""

    def require_ready(self, table: str) -> None:
        """Refuse what is not complete yet: raises Starting."""

    def table(self, dataset: str) -> tuple[Generator[pl.DataFrame], int | None]:
        """All rows of a table, some at a time, of one state of it, and the commit that made that; None where that is
        not known, since another one was under way. Who does not take all rows closes them."""

    def query_together(self, queries: Sequence[Query], *, bounds: Bounds | None = None) -> list[pl.DataFrame]:
        """Ask the cube for several answers of one state of a table."""

    def context(self, query: Query) -> AnswerContext:
        """What is said with the answer to a query; to be called before the cube is asked."""

    def is_ready(self, table: str) -> bool:
        """Whether a table is complete."""

    def status(self) -> dict[str, Any]:
        """How everything stands, in JSON types."""

    def complaints(self) -> list[str]:
        """What is stale, degraded or refused, in words; empty when all is well."""

    def files(
        self, dataset: str | None, states: tuple[str, ...], limit: int, *, current_only: bool = False
    ) -> list[FileRow]:
        """File versions, the newest first."""

    def waiting_files(self, dataset: str | None) -> list[dict[str, Any]]:
        """Files that are seen and not judged yet, as rows of `files` without a version."""

    def commits(self, after: int | None, most: int) -> tuple[int, list[CommitRow]]:
        """The number of the last commit, and those after one, the oldest first; none where none is named."""

    def days(self, dataset: str, most: int) -> list[dict[str, Any]]:
        """The business days of a dataset, the last one first."""

    def findings(self, dataset: str, version: int, *, raw: bool, bounds: Bounds) -> dict[str, Any] | None:
        """The quarantine report of a version; with `raw` each finding has `text`, what stands there, or `no_text`."""
