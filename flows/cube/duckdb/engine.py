"""The embedded engine: an in-memory DuckDB. The only file that imports duckdb.

No index: at 10 million rows one would make loading several times slower and queries no faster. Keys are upheld by
deleting the incoming keys first. DuckDB itself never opens a file: segments are read by Polars and handed over as
Arrow, so external access stays off for the whole session, and a statement could not read or write a file even if a
value found its way into its text. Reading the segments in DuckDB would need that access for the whole session, since
it cannot be withdrawn for queries, and was hardly faster.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress

import duckdb
import polars as pl
import pyarrow as pa

from flows.cube.bounds import AGAIN_S, Bounds
from flows.cube.duckdb.sql import INCOMING, StoredTable
from flows.cube.frames import narrowed, whole_sums
from flows.cube.port import LiveSegment
from flows.cube.rebuild import BATCH_ROWS, Ranges, key_ranges, live_batches, may_meet, widest
from flows.errors import CubefeedError, EngineFailed, EngineLost
from flows.model.merge import ChangeSet, Horizon
from flows.model.tables import TOTAL_DEPTH, Query, Table
from flows.model.types import Value
from flows.settings import MEMORY

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "lock_configuration": "true",
    "preserve_insertion_order": "false",  # rows have no order here; keeping one costs a third of the time of loading
}

END_S = 5.0
"""How long a question may take to end when its memory is needed."""
SWEEP_ROWS = 20_000
SWEEP_SHARE = 1.0
"""When the room of deleted rows is freed: once they are many, and as many as those that stay. Scope it compresses what
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
        self._database = duckdb.connect(":memory:", config={"memory_limit": memory, **_CONFIG})
        self._gate = threading.Condition()
        self._cursors: set[duckdb.DuckDBPyConnection] = set()
        self._closed = False
        self._needed_by: int | None = None
        """The thread that needs the memory of the questions."""
        for stored in self._stored.values():
            self._database.execute(stored.create)

    @property
    def url(self) -> None:
        """None: it has no user interface of its own."""
        return None

    def apply(self, change: ChangeSet) -> int:
        """Drop the change's versions, upsert its rows, drop what is before its horizon, in one transaction."""
        if change.empty:
            return 0
        try:
            return self._apply(change)
        except duckdb.OutOfMemoryException:  # it was rolled back
            with self._without_questions():
                return self._apply(change)

    def _apply(self, change: ChangeSet) -> int:
        stored, rows = self._stored[change.table], change.upserts
        incoming = None if rows.is_empty() else key_ranges(stored.table, rows)
        held = self._ranges[change.table]
        with self._transaction() as cursor:
            left = 0
            if change.drop_versions:
                left += _count(cursor.execute(*stored.drop(change.drop_versions)))
            if incoming is not None:
                cursor.register(INCOMING, stored.arrow(rows))
                if change.replaces and held is not None and stored.table.keys and may_meet(incoming, held):
                    left += _count(cursor.execute(stored.make_room))
                cursor.execute(stored.insert)
            if change.horizon is not None:
                left += _count(cursor.execute(stored.before(change.horizon), [change.horizon.first]))
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
    ) -> int:
        """Replace a table's whole content, in one transaction, by the fold of the live rows of `segments`."""
        segments = list(segments)
        try:
            return self._rebuild(table, segments, horizon, keys_differ=keys_differ)
        except duckdb.OutOfMemoryException:  # it was rolled back
            with self._without_questions():
                return self._rebuild(table, segments, horizon, keys_differ=keys_differ)

    def _rebuild(
        self, table: str, segments: Sequence[LiveSegment], horizon: Horizon | None, *, keys_differ: bool
    ) -> int:
        stored = self._stored[table]
        batches = live_batches(stored.table, segments, horizon, keys_differ=keys_differ)
        with self._transaction() as cursor:
            cursor.execute(stored.clear)
            first = next(batches, None)
            if first is not None:
                cursor.register(INCOMING, stored.stream(first, batches))
                cursor.execute(stored.insert)
            count, *edges = cursor.execute(stored.extent).fetchall()[0]
        self._ranges[table] = stored.ranges(edges) if count else None
        self._held[table] = int(count)
        return int(count)

    def query(self, query: Query, *, bounds: Bounds | None = None) -> pl.DataFrame:
        """Aggregate; see the port for the frame's columns and order, and for what it may take."""
        if bounds is not None:
            bounds.require_wanted()
        limits = bounds if query.levels else None  # else there is one row
        table = query.checked(self.model)
        stored = self._stored[table.name]
        columns = [*query.levels, *query.measures, *([TOTAL_DEPTH] if query.totals else [])]
        with self._cursor(bounds) as cursor, _memory_bounded():
            try:
                frame = _answer(cursor, *stored.select(query), columns, limits)
            except duckdb.ConversionException:  # one sum that does not fit fails them all: ask again for wide ones
                wide = dict.fromkeys(whole_sums(table, query), pl.Int128)
                frame = _answer(cursor, *stored.select(query, wide=True), columns, limits)
                frame = narrowed(table, query, frame.cast(wide))  # type: ignore[arg-type]  # polars' stubs want a narrower mapping
        order = [*([TOTAL_DEPTH] if query.totals else []), *query.levels]
        return frame.sort(order, nulls_last=False) if order else frame

    def rows(self, table: str) -> pl.DataFrame:
        """All rows of a table with `_version`, in no given order; for verification."""
        stored = self._stored[table]
        with self._cursor() as cursor:
            frame: pl.DataFrame = cursor.sql(stored.everything).pl()
        frame.columns = stored.columns
        return frame

    def batches(self, table: str) -> Generator[pl.DataFrame]:
        """All rows of a table with `_version`, in no given order, one row group at a time."""
        stored = self._stored[table]
        with self._cursor() as cursor:
            for batch in cursor.sql(stored.everything).to_arrow_reader(BATCH_ROWS):
                yield stored.frame(batch)

    def row_count(self, table: str) -> int:
        """How many rows a table holds."""
        with self._gate:
            if self._closed:
                raise _closed()
            return self._held[table]

    def close(self) -> None:
        """End the session: statements that still run are interrupted and waited for."""
        with self._gate:
            if self._closed:
                return
            self._closed = True
            for cursor in self._cursors:
                cursor.interrupt()
            self._gate.wait_for(lambda: not self._cursors)
            self._database.close()
            del self._database  # whoever still refers to this cube when the process ends would keep it alive

    @contextmanager
    def _without_questions(self) -> Iterator[None]:
        """End the questions that are being answered, since their memory is needed; others wait until the block ends."""
        with self._gate:
            self._needed_by = threading.get_ident()
        try:
            self._end_questions()
            yield
        finally:
            with self._gate:
                self._needed_by = None
                self._gate.notify_all()

    def _end_questions(self) -> None:
        until = time.monotonic() + END_S
        with self._gate:
            while self._cursors and time.monotonic() < until:
                for cursor in self._cursors:
                    cursor.interrupt()
                self._gate.wait(AGAIN_S)

    def _sweep(self, table: str) -> None:
        """Free the room of rows that have left, once they are many beside those that stay."""
        if self._left[table] > max(SWEEP_ROWS, self._held[table] * SWEEP_SHARE):
            with suppress(duckdb.TransactionException), self._cursor() as cursor:  # next time, where a reader is busy
                cursor.execute("CHECKPOINT")
                self._left[table] = 0

    @contextmanager
    def _cursor(self, bounds: Bounds | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._gate:
            self._gate.wait_for(lambda: self._needed_by in (None, threading.get_ident()))
            if self._closed:
                raise _closed()
            cursor = self._database.cursor()
            self._cursors.add(cursor)
        try:
            with bounds.interrupting(cursor.interrupt) if bounds is not None else nullcontext():
                yield cursor
        except duckdb.InterruptException as error:
            raise self._interrupted(bounds) from error
        except duckdb.FatalException as error:
            raise EngineLost(f"The engine has failed ({error})", next_step="the session starts again") from error
        finally:
            with self._gate:
                self._cursors.remove(cursor)
                cursor.close()
                self._gate.notify_all()

    def _interrupted(self, bounds: Bounds | None) -> CubefeedError:
        """Why a statement was interrupted."""
        if self._closed:
            return _closed()
        if bounds is None or not bounds.is_over:
            return EngineFailed(
                "The question was ended, since new data needed its memory",
                next_step="ask for less: fewer levels, a condition; or give the session more with CUBEFEED_MEMORY",
            )
        return bounds.ended()

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._cursor() as cursor:
            cursor.begin()
            try:
                yield cursor
                _commit(cursor)
            except BaseException:
                with suppress(duckdb.TransactionException):  # a commit that failed has rolled back already
                    cursor.rollback()
                raise


def _answer(
    cursor: duckdb.DuckDBPyConnection, text: str, values: list[Value], columns: Sequence[str], bounds: Bounds | None
) -> pl.DataFrame:
    found = cursor.sql(text, params=values)
    frame: pl.DataFrame = found.pl() if bounds is None or bounds.most_rows is None else _read_up_to(found, bounds)
    frame.columns = list(columns)
    return frame


def _read_up_to(found: duckdb.DuckDBPyRelation, bounds: Bounds) -> pl.DataFrame:
    """The rows as they come, until they are too many: so those beyond are never made.

    A LIMIT in the statement does the same, but hangs where totals are asked (DuckDB 2.0.0).
    """
    batches, rows = [], 0
    try:
        with found.to_arrow_reader(BATCH_ROWS) as reader:  # closed, since an exception would hold what it holds
            for batch in reader:
                rows += batch.num_rows
                if bounds.most_rows is not None and rows > bounds.most_rows:
                    break
                batches.append(batch)
            schema = reader.schema
    except OSError as error:  # what comes up on the way is handed over as text
        kinds = (kind for name, kind in _ON_THE_WAY.items() if str(error).startswith(name))
        raise next(kinds, OSError)(str(error)) from error
    bounds.require_fits(rows)
    return pl.DataFrame(pa.Table.from_batches(batches, schema))


_ON_THE_WAY: dict[str, type[Exception]] = {
    "INTERRUPT": duckdb.InterruptException,
    "Out of Memory": duckdb.OutOfMemoryException,
    "Conversion": duckdb.ConversionException,
    "FATAL": duckdb.FatalException,
}


@contextmanager
def _memory_bounded() -> Iterator[None]:
    """What a question without enough memory is told."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise EngineFailed(
            "The question needs more memory than there is for it",
            next_step="ask for less: fewer levels, a condition; or give the session more with CUBEFEED_MEMORY",
        ) from error


def _commit(cursor: duckdb.DuckDBPyConnection) -> None:
    """Commit; where memory is short then, that comes as another error, with the same text."""
    try:
        cursor.commit()
    except duckdb.TransactionException as error:
        if _SHORT.search(str(error)):
            raise duckdb.OutOfMemoryException(str(error)) from error
        raise


_SHORT = re.compile(r"\([\d.]+ \w+/[\d.]+ \w+ used\)")


def _count(done: duckdb.DuckDBPyConnection) -> int:
    """How many rows a statement has changed."""
    return int(done.fetchall()[0][0])


def _closed() -> EngineFailed:
    return EngineFailed("The cube is closed", next_step="open it again")
