"""Whether a sum of integers could leave 64 bits: Atoti adds up in Java's `long`, which wraps in silence."""

from __future__ import annotations

import polars as pl

from flows.cube import frames
from flows.model.measures import Sum
from flows.model.query import Query
from flows.model.tables import Table


class LargestIntegers:
    """How many rows a table was given, and the largest integers in them."""

    def __init__(self) -> None:
        self._rows = 0
        self._largest: dict[str, int] = {}

    def note(self, table: Table, rows: pl.DataFrame) -> None:
        """Take in rows that the table is given."""
        self._rows += rows.height
        for column in (c.name for c in table.columns if c.type.whole):
            edges = [int(edge) for edge in (rows[column].min(), rows[column].max()) if edge is not None]  # type: ignore[arg-type]  # of an integer column
            self._largest[column] = max(self._largest.get(column, 0), *map(abs, edges), 0)

    def may_overflow(self, table: Table, query: Query) -> bool:
        """Whether a sum that is asked for could leave 64 bits."""
        asked = [table.measure(name).aggregation for name in frames.exact_sums(table, query)]
        columns = [each.column for each in asked if isinstance(each, Sum)]
        return any(self._rows * self._largest.get(column, 0) >= 2**63 for column in columns)
