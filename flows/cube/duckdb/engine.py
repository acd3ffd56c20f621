"""The embedded engine: the tables of the cube in an in-memory DuckDB.

No index: at 10 million rows one would make loading several times slower and queries no faster. Keys are upheld by
deleting the incoming keys first.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence

import polars as pl

from flows.cube.bounds import Bounds
from flows.cube.duckdb.database import Cursor, Database, TooWide, answer, changed_rows
from flows.cube.duckdb.names import EngineNames, zoned_moments
from flows.cube.duckdb.sql import INCOMING, StoredTable
from flows.cube.duckdb.zones import day_shifts
from flows.cube.float_sums import FloatRanges, with_float_sums
from flows.cube.frames import answer_columns, exact_sums, narrowed, row_columns
from flows.cube.port import LiveSegment
from flows.cube.rebuild import BATCH_ROWS, Ranges, key_ranges, live_batches, may_meet, widest
from flows.model.merge import ChangeSet, Horizon, Sources
from flows.model.query import Query
from flows.model.row_query import RowPage, RowQuery
from flows.model.tables import TOTAL_DEPTH, Table
from flows.settings import MEMORY

SWEEP_ROWS = 20_000
SWEEP_SHARE = 1.0
"""When the room of deleted rows is freed: once they are many, and as many as those that stay. Doing it compresses what
is new in a table, which takes 0.1 s per million rows."""


class DuckDbCube:
    """A cube in the memory of this process."""

    def __init__(self, model: tuple[Table, ...], *, memory: str = MEMORY) -> None:
        self.model = model
        self.engine = "duckdb"
        self._stored = {table.name: StoredTable(f"t{i}", table) for i, table in enumerate(model)}
        self._ranges: dict[str, Ranges | None] = dict.fromkeys(self._stored)
        self._held = dict.fromkeys(self._stored, 0)
        self._left = dict.fromkeys(self._stored, 0)
        self._database = Database(memory=memory)
        for stored in self._stored.values():
            self._database.execute(stored.create)
            self._database.execute(stored.sources.create)
        names = EngineNames({name: each.inside for name, each in self._stored.items()}, self._create_zones())
        for stored in self._stored.values():
            stored.join(names, self._stored)

    def _create_zones(self) -> dict[str, str]:
        """Zone → the table of its shifts."""
        zones = sorted({zone for table in self.model for zone in zoned_moments(table).values()})
        names = {zone: f"z{i}" for i, zone in enumerate(zones)}
        for zone, name in names.items():
            with self._database.cursor() as cursor:
                cursor.register(INCOMING, day_shifts(zone).to_arrow())
                cursor.execute(f"CREATE TABLE {name} AS SELECT * FROM {INCOMING}")
        return names

    @property
    def url(self) -> None:
        """None: it has no user interface of its own."""
        return None

    def apply(self, change: ChangeSet) -> int:
        """Drop the change's versions, upsert its rows, drop what is before its horizon, in one transaction."""
        if change.empty:
            return 0
        return self._database.with_memory(lambda: self._apply(change))

    def _apply(self, change: ChangeSet) -> int:
        stored, rows = self._stored[change.table], change.upserts
        incoming = None if rows.is_empty() else key_ranges(stored.table, rows)
        held = self._ranges[change.table]
        with self._database.transaction() as cursor:
            left = 0
            if change.drop_versions:
                left += changed_rows(cursor.execute(*stored.drop(change.drop_versions)))
            if incoming is not None:
                cursor.register(INCOMING, stored.arrow(stored.note(rows)))
                if change.replaces and held is not None and stored.table.keys and may_meet(incoming, held):
                    left += changed_rows(cursor.execute(stored.make_room))
                cursor.execute(stored.insert)
            stored.sources.change(cursor, change.sources, change.drop_versions)
            if change.horizon is not None:
                left += changed_rows(cursor.execute(stored.before(change.horizon), [change.horizon.first]))
        if incoming is not None:
            self._ranges[change.table] = incoming if held is None else widest(incoming, held)
        self._held[change.table] += rows.height - left
        self._left[change.table] += left
        self._sweep(change.table)
        return rows.height

    def rebuild(
        self,
        table: str,
        segments: Iterable[LiveSegment],
        horizon: Horizon | None = None,
        *,
        keys_differ: bool = False,
        sources: Sources | None = None,
    ) -> int:
        """Replace a table's whole content, in one transaction, by the fold of the live rows of `segments`."""
        stored, known = self._stored[table], list(segments)  # they are read twice where memory is short

        def rows() -> Iterator[pl.DataFrame]:
            return map(stored.note, live_batches(stored.table, known, horizon, keys_differ=keys_differ))

        return self._database.with_memory(lambda: self._rebuild(stored, rows(), sources or {}))

    def _rebuild(self, stored: StoredTable, batches: Iterator[pl.DataFrame], sources: Sources) -> int:
        with self._database.transaction() as cursor:
            cursor.execute(stored.clear)
            first = next(batches, None)
            if first is not None:
                cursor.register(INCOMING, stored.stream(first, batches))
                cursor.execute(stored.insert)
            stored.sources.fill(cursor, sources)
            count, *edges = cursor.execute(stored.extent).fetchall()[0]
        table = stored.table.name
        self._ranges[table] = stored.ranges(edges) if count else None
        self._held[table] = int(count)
        return int(count)

    def query(self, query: Query, *, bounds: Bounds | None = None) -> pl.DataFrame:
        """Aggregate; see the port for the frame's columns and order, and for what it may take."""
        if bounds is not None:
            bounds.require_wanted()
        stored = self._stored[query.checked(self.model).name]
        with self._database.cursor(bounds) as cursor:
            return _ordered(stored, query, _answer(cursor, stored, query, bounds))

    def query_together(self, queries: Sequence[Query], *, bounds: Bounds | None = None) -> list[pl.DataFrame]:
        """The same for several queries, of one state of the cube."""
        if bounds is not None:
            bounds.require_wanted()
        stored = [self._stored[query.checked(self.model).name] for query in queries]
        try:
            return self._together(queries, stored, bounds, wide=False)
        except TooWide:  # which ends the transaction
            return self._together(queries, stored, bounds, wide=True)

    def _together(
        self, queries: Sequence[Query], stored: Sequence[StoredTable], bounds: Bounds | None, *, wide: bool
    ) -> list[pl.DataFrame]:
        with self._database.snapshot(bounds) as cursor:
            for each in stored:
                cursor.execute(each.extent_of_none)  # the state is that of the first look; its floats are noted before
            return [
                _ordered(each, query, _answer_once(cursor, each, query, bounds, each.float_ranges, wide=wide))
                for each, query in zip(stored, queries, strict=True)
            ]

    def rows(self, query: RowQuery, *, bounds: Bounds | None = None) -> RowPage:
        """The rows of one page, and how many there are; see the port."""
        if bounds is not None:
            bounds.require_wanted()
        stored = self._stored[query.checked(self.model).name]
        with self._database.snapshot(bounds) as cursor:
            rows = answer(cursor, *stored.page(query), stored.columns, None)
            count = query.offset + rows.height
            if rows.height in (0, query.limit):  # else these are the last ones
                count = int(answer(cursor, *stored.count(query), ["count"], None).item())
        return RowPage(stored.named(rows, row_columns(stored.table)), count)

    def batches(self, table: str) -> Generator[pl.DataFrame]:
        """All rows of a table with `_version` and `_line`, in no given order, one row group at a time."""
        stored = self._stored[table]
        with self._database.cursor() as cursor:
            for batch in cursor.sql(stored.everything).to_arrow_reader(BATCH_ROWS):
                yield stored.frame(batch)

    def unmatched(self, table: str) -> dict[str, int]:
        """How many rows of a table have no row in each that is joined to it; see the port."""
        stored = self._stored[table]
        names = list(stored.table.references)
        if not names:
            return {}
        with self._database.cursor() as cursor:
            [found] = answer(cursor, stored.unmatched, [], names, None).rows()
        return dict(zip(names, found, strict=True))

    def row_count(self, table: str) -> int:
        """How many rows a table holds."""
        self._database.require_open()
        return self._held[table]

    def close(self) -> None:
        """End the session: statements that still run are interrupted and waited for."""
        self._database.close()

    def _sweep(self, table: str) -> None:
        """Free the room of rows that have left, once they are many beside those that stay."""
        crowded = self._left[table] > max(SWEEP_ROWS, self._held[table] * SWEEP_SHARE)
        if crowded and self._database.checkpoint():  # else the next time: a reader is busy
            self._left[table] = 0


def _answer(cursor: Cursor, stored: StoredTable, query: Query, bounds: Bounds | None) -> pl.DataFrame:
    """The answer of a query, asked again where a commit has brought floats in another range meanwhile."""
    while True:
        floats = stored.float_ranges
        try:
            try:
                frame = _answer_once(cursor, stored, query, bounds, floats, wide=False)
            except TooWide:  # one sum that does not fit fails them all: ask again for wide ones
                frame = _answer_once(cursor, stored, query, bounds, floats, wide=True)
        except TooWide:
            if stored.float_ranges == floats:
                raise
        else:
            if stored.float_ranges == floats:
                return frame


def _answer_once(
    cursor: Cursor, stored: StoredTable, query: Query, bounds: Bounds | None, floats: FloatRanges, *, wide: bool
) -> pl.DataFrame:
    columns = [*query.levels, *query.measures, *([TOTAL_DEPTH] if query.totals else [])]
    limits = bounds if query.levels else None  # else there is one row
    frame = answer(cursor, *stored.select(query, floats, wide=wide), columns, limits)
    frame = with_float_sums(stored.table, query, frame, floats)
    return narrowed(stored.table, query, frame) if wide else frame


def _ordered(stored: StoredTable, query: Query, frame: pl.DataFrame) -> pl.DataFrame:
    """An answer in the types and the order of the port."""
    sums = exact_sums(stored.table, query)  # which may be wide
    kinds = {n: kind for n, kind in answer_columns(stored.table, query).items() if n not in sums}
    frame = stored.named(frame, kinds)
    order = [*([TOTAL_DEPTH] if query.totals else []), *query.levels]
    return frame.sort(order, nulls_last=False) if order else frame
