"""The files of a table's rows, as they lie in the engine: a row for each content, changed with the rows themselves."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pyarrow as pa

from flows.cube.duckdb.database import Cursor
from flows.cube.duckdb.names import CONTENT, sources_of
from flows.model.merge import RowSource, Sources

FEW = 1000
"""So many contents are compared, and files written, one by one; beyond that a join, and a frame, are faster."""
_INCOMING = "incoming_sources"


class SourceTable:
    """The table of the files of another table's rows. One thread at a time changes it, in a transaction of its own."""

    def __init__(self, table: str) -> None:
        self._name = sources_of(table)
        self._highest = 0
        self._gone: set[int] = set()
        self.create = f"CREATE TABLE {self._name} ({CONTENT} UINTEGER, file VARCHAR, loaded DATE)"

    def fill(self, cursor: Cursor, sources: Sources) -> None:
        """These are all."""
        cursor.execute(f"DELETE FROM {self._name}")
        self._highest, self._gone = 0, set()
        self._insert(cursor, sources)

    def change(self, cursor: Cursor, sources: Sources, gone: Collection[int]) -> None:
        """Some come, or are of other files now. Those of contents that are gone are dropped once there are many: nobody
        sees them, and each statement takes half a millisecond."""
        self._gone.update(gone)
        known = {content for content in sources if content <= self._highest}
        if known or len(self._gone) > FEW:
            cursor.execute(*deletion(self._name, CONTENT, known | self._gone))
            self._gone = set()
        self._insert(cursor, sources)

    def _insert(self, cursor: Cursor, sources: Sources) -> None:
        if not sources:
            return
        self._highest = max(self._highest, *sources)
        if len(sources) <= FEW:
            rows = [value for content, source in sources.items() for value in (content, *source)]
            cursor.execute(f"INSERT INTO {self._name} VALUES {', '.join(['(?, ?, ?)'] * len(sources))}", rows)
            return
        facts = {name: [getattr(each, name) for each in sources.values()] for name in RowSource._fields}
        cursor.register(_INCOMING, pa.table({CONTENT: pa.array(sources, pa.uint32()), **facts}))
        cursor.execute(f"INSERT INTO {self._name} SELECT * FROM {_INCOMING}")


def deletion(table: str, column: str, numbers: Collection[int]) -> tuple[str, list[Any]]:
    """The statement that deletes the rows with some numbers, and the values to bind.

    Few are compared one by one: a DELETE that joins with a list never gives back some 4 KB (DuckDB 2.0.0).
    """
    gone = sorted(numbers)
    few = len(gone) <= FEW
    listed = f"({', '.join('?' * len(gone))})" if few else "(SELECT unnest(?))"
    return f"DELETE FROM {table} WHERE {column} IN {listed}", gone if few else [gone]
