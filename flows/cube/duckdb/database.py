"""The database of the embedded engine: an in-memory DuckDB. The only file that imports duckdb.

DuckDB itself never opens a file: segments are read by Polars and handed over as Arrow, so external access stays off for
the whole session, and a statement could not read or write a file even if a value found its way into its text. Reading
the segments in DuckDB would need that access for the whole session, since it cannot be withdrawn for queries, and was
hardly faster.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress

import duckdb
import polars as pl
import pyarrow as pa

from flows.cube.bounds import AGAIN_S, Bounds
from flows.cube.rebuild import BATCH_ROWS
from flows.errors import CubefeedError, EngineFailed, EngineLost
from flows.model.types import Value

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "lock_configuration": "true",
    "preserve_insertion_order": "false",  # rows have no order here; keeping one costs a third of the time of loading
}
END_S = 5.0
"""How long a question may take to end when its memory is needed."""


type Cursor = duckdb.DuckDBPyConnection
"""Looked up by who checks types alone: a class of DuckDB that a module holds when the process ends is never freed."""


class TooWide(Exception):
    """A number of an answer does not fit into its type."""


class Database:
    """An in-memory database: one thread writes, any thread reads; where memory is short, changes go first.

    Whoever reads or writes holds a cursor; `close` interrupts them and waits for them.
    """

    def __init__(self, *, memory: str) -> None:
        self._connection = duckdb.connect(":memory:", config={"memory_limit": memory, **CONFIG})
        self._gate = threading.Condition()
        self._cursors: set[duckdb.DuckDBPyConnection] = set()
        self._closed = False
        self._needed_by: int | None = None
        """The thread that needs the memory of the questions."""

    @property
    def open_cursors(self) -> int:
        """How many statements are being run."""
        return len(self._cursors)

    def require_open(self) -> None:
        """Refuse to go on once it is closed."""
        with self._gate:
            if self._closed:
                raise _closed()

    def execute(self, statement: str) -> None:
        """Run a statement outside of any transaction."""
        with self.cursor() as cursor:
            cursor.execute(statement)

    def checkpoint(self) -> bool:
        """Free the room of deleted rows; not where a reader is busy."""
        try:
            self.execute("CHECKPOINT")
        except duckdb.TransactionException:
            return False
        return True

    def with_memory[T](self, change: Callable[[], T]) -> T:
        """Make a change; where there is no memory for it, once more without the questions that take it."""
        try:
            return change()
        except duckdb.OutOfMemoryException:  # it was rolled back
            with self._without_questions():
                return change()

    def close(self) -> None:
        """End the session: statements that still run are interrupted and waited for."""
        with self._gate:
            if self._closed:
                return
            self._closed = True
            for cursor in self._cursors:
                cursor.interrupt()
            self._gate.wait_for(lambda: not self._cursors)
            self._connection.close()
            del self._connection  # whoever still refers to this when the process ends would keep it alive

    @contextmanager
    def _without_questions(self) -> Iterator[None]:
        """End the questions that are being answered, since their memory is needed; others wait until the block ends."""
        with self._gate:
            self._needed_by = threading.get_ident()
        try:
            self.end_questions()
            yield
        finally:
            with self._gate:
                self._needed_by = None
                self._gate.notify_all()

    def end_questions(self) -> None:
        """Interrupt the questions that are being answered, and wait for a while until they have ended."""
        until = time.monotonic() + END_S
        with self._gate:
            while self._cursors and time.monotonic() < until:
                for cursor in self._cursors:
                    cursor.interrupt()
                self._gate.wait(AGAIN_S)

    @contextmanager
    def cursor(self, bounds: Bounds | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor for some statements, each of which ends when its bounds say so."""
        with self._gate:
            self._gate.wait_for(lambda: self._needed_by in (None, threading.get_ident()))
            if self._closed:
                raise _closed()
            cursor = self._connection.cursor()
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
    def snapshot(self, bounds: Bounds | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor all of whose statements see one state of the tables."""
        with self.cursor(bounds) as cursor:
            cursor.begin()
            yield cursor  # closing it ends the transaction

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor whose statements are done together, or not at all."""
        with self.cursor() as cursor:
            cursor.begin()
            try:
                yield cursor
                _commit(cursor)
            except BaseException:
                with suppress(duckdb.TransactionException):  # a commit that failed has rolled back already
                    cursor.rollback()
                raise


def answer(
    cursor: duckdb.DuckDBPyConnection, text: str, values: list[Value], columns: Sequence[str], bounds: Bounds | None
) -> pl.DataFrame:
    """The answer of a question.

    Raises:
        TooWide: a sum does not fit.
        EngineFailed: there is not enough memory for it.
    """
    try:
        found = cursor.sql(text, params=values)
        frame: pl.DataFrame = found.pl() if bounds is None or bounds.most_rows is None else _read_up_to(found, bounds)
    except (duckdb.ConversionException, duckdb.OutOfRangeException) as error:
        raise TooWide(str(error)) from error
    except duckdb.OutOfMemoryException as error:
        raise EngineFailed(
            "The question needs more memory than there is for it",
            next_step="ask for less: fewer levels, a condition; or give the session more with CUBEFEED_MEMORY",
        ) from error
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
    "Out of Range": duckdb.OutOfRangeException,
    "FATAL": duckdb.FatalException,
}


def _commit(cursor: duckdb.DuckDBPyConnection) -> None:
    """Commit; where memory is short then, that comes as another error, with the same text."""
    try:
        cursor.commit()
    except duckdb.TransactionException as error:
        if _SHORT.search(str(error)):
            raise duckdb.OutOfMemoryException(str(error)) from error
        raise


_SHORT = re.compile(r"\([\d.]+ \w+/[\d.]+ \w+ used\)")


def changed_rows(done: duckdb.DuckDBPyConnection) -> int:
    """How many rows a statement has changed."""
    return int(done.fetchall()[0][0])


def _closed() -> EngineFailed:
    return EngineFailed("The cube is closed", next_step="open it again")
