"""The Atoti engine. The only file that imports atoti, which takes seconds: import it only where Atoti is chosen.

Hierarchies and measures come from the model, never from Atoti's automatic mode, so `_version` is not seen. Atoti
turns nulls into values where no default of None is declared, and what it shows for a null member of a level is not
documented; so queries that touch a level that can be null are answered from the table's rows.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from functools import partial, reduce
from math import ceil
from operator import itemgetter
from typing import Any, assert_never

import atoti as tt
import polars as pl

from flows.cube import frames
from flows.cube.atoti.answers import (
    depths,
    hierarchies_there,
    is_shown_there,
    joined_parts,
    measured_columns,
    needs_rows,
    touched_columns,
)
from flows.cube.atoti.conditions import compile_condition, is_hopeless, narrowing
from flows.cube.atoti.failures import failing
from flows.cube.atoti.overflow import LargestIntegers
from flows.cube.atoti.start import StartLog, starting, warn_of_open_port
from flows.cube.bounds import Bounds
from flows.cube.joined_rows import key_columns, unmatched_rows, with_joined
from flows.cube.port import LiveSegment
from flows.cube.rebuild import BATCH_ROWS, live_batches
from flows.model.conditions import Condition
from flows.model.measures import Aggregation, DistinctCount, Max, Mean, Min, RowCount, Sum, ValueCount
from flows.model.merge import ChangeSet, Horizon, Sources
from flows.model.query import Query
from flows.model.row_query import RowPage, RowQuery
from flows.model.tables import CONTRIBUTORS_COUNT, VERSION, Table
from flows.runtime.chunks import group_by_size

_ROWS_TIMEOUT = timedelta(minutes=10)  # Atoti's own 30 s would cut the verification of a large cube


class AtotiCube:
    """A cube in a Java process of Atoti, with Atoti's own user interface at `url`."""

    def __init__(self, model: tuple[Table, ...], *, tell: Callable[[str], None]) -> None:
        """Start Atoti and create the model's tables and cubes.

        Args:
            model: the tables.
            tell: says what a person has to know.

        Raises:
            EngineUnavailable: Atoti cannot start here.
        """
        self.model = model
        self.engine = "atoti"
        self._log = StartLog()
        self._session = start_session(self._log)
        self._closed = False
        self._writing = threading.RLock()  # what is asked together may ask joined tables together
        self._tables: dict[str, tt.Table] = {}
        self._cubes: dict[str, tt.Cube] = {}
        self._largest = {table.name: LargestIntegers() for table in model}
        try:
            for table in model:
                self._create(table)
            warn_of_open_port(self._session.url, tell)
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str | None:
        """The address of Atoti's user interface."""
        return self._session.url

    def apply(self, change: ChangeSet) -> int:
        """Drop the change's versions, upsert its rows, drop what is before its horizon, in one transaction."""
        if change.empty:
            return 0
        table = self._table(change.table)
        with self._transaction(table.name) as stored:
            if change.drop_versions:
                stored.drop(stored[VERSION].isin(*sorted(change.drop_versions)))
            if not change.upserts.is_empty():
                self._largest[table.name].note(table, change.upserts)
                stored.load(frames.to_arrow(table, change.upserts))
            if change.horizon is not None:
                stored.drop(stored[change.horizon.column] < change.horizon.first)
        return change.upserts.height

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
        rebuilt, count = self._table(table), 0
        with self._transaction(table) as stored:
            stored.drop()
            self._largest[table] = LargestIntegers()
            for batch in live_batches(rebuilt, segments, horizon, keys_differ=keys_differ):
                self._largest[table].note(rebuilt, batch)
                stored.load(frames.to_arrow(rebuilt, batch))
                count += batch.height
        return count

    def query(self, query: Query, *, bounds: Bounds | None = None) -> pl.DataFrame:
        """Aggregate; see the port for the frame's columns and order, and for the time it may take."""
        table = query.checked(self.model)
        bounds = bounds or Bounds()
        with self._asking(table, bounds) as within_s:
            if needs_rows(table, query) or self._largest[table.name].may_overflow(table, query):
                asked = (*query.touched_levels(table), *measured_columns(table, query))
                rows = self._rows_with(table, query.where, touched_columns(table, query), asked, within_s)
                answer = frames.aggregate(table, query, rows)
            else:
                answer = self._ask_cube(table, query, within_s)
        bounds.require_fits(answer.height)  # Atoti has no limit of its own
        return answer

    def query_together(self, queries: Sequence[Query], *, bounds: Bounds | None = None) -> list[pl.DataFrame]:
        """The answers of several queries without totals, of one state of the table."""
        with self._writing:
            return [self.query(query, bounds=bounds) for query in queries]

    def rows(self, query: RowQuery, *, bounds: Bounds | None = None) -> RowPage:
        """The rows of one page, and how many there are. Atoti sorts no rows: all of them are taken out of it."""
        table = query.checked(self.model)
        with self._asking(table, bounds or Bounds()) as within_s:
            asked = [condition.name for condition in query.where]
            rows = self._rows_with(table, query.where, list(frames.row_columns(table)), asked, within_s)
            return frames.page_of(table, query, rows)

    @contextmanager
    def _asking(self, table: Table, bounds: Bounds) -> Iterator[float | None]:
        """Yields how long what is asked may take."""
        bounds.require_wanted()
        with failing("query", table.name):
            try:
                yield bounds.left_s
            except Exception as error:
                if bounds.is_over:
                    raise bounds.ended() from error  # Atoti's error for it has no public type
                raise

    def batches(self, table: str) -> Generator[pl.DataFrame]:
        """All rows of a table with `_version` and `_line`, some versions at a time: Atoti has no cursor."""
        stored, columns = self._tables[table], frames.row_columns(self._table(table))
        with self._writing, failing("read", table):  # all of one state of the table
            counted = pl.from_pandas(stored.query(stored[VERSION], timeout=_ROWS_TIMEOUT))[VERSION].value_counts()
            for group in group_by_size(counted.sort(VERSION).rows(), itemgetter(1), BATCH_ROWS):
                versions = [version for version, _ in group]
                found = stored.query(filter=stored[VERSION].isin(*versions), timeout=_ROWS_TIMEOUT)
                yield frames.typed(pl.from_pandas(found), columns)

    def unmatched(self, table: str) -> dict[str, int]:
        """How many rows of a table have no row in each that is joined to it; all of these are taken out of Atoti."""
        of, reading = self._table(table), partial(self._read, within_s=None)
        if not of.joins:
            return {}
        with self._writing, failing("count", table):
            return unmatched_rows(of, reading(of, key_columns(of)), reading)

    def row_count(self, table: str) -> int:
        """How many rows a table holds."""
        with failing("count", table):
            return self._tables[table].row_count

    def close(self) -> None:
        """End the session and its Java process. Calling it again does nothing."""
        if not self._closed:
            self._closed = True
            try:
                self._session.close()
            finally:
                self._log.remove()

    def _table(self, name: str) -> Table:
        return next(table for table in self.model if table.name == name)

    def _create(self, table: Table) -> None:
        with failing("create", table.name):
            stored = self._session.create_table(
                table.name,
                data_types={name: each.atoti for name, each in frames.row_columns(table).items()},
                keys=list(table.keys),
                default_values={c.name: None for c in table.columns if c.name not in table.keys},
            )
            cube = self._session.create_cube(stored, table.name, mode="manual")
            shown = {name: [stored[column] for column in columns] for name, columns in hierarchies_there(table).items()}
            cube.hierarchies.update({(table.name, name): columns for name, columns in shown.items()})
            made = {
                measure.name: compile_aggregation(stored, measure.aggregation)
                for measure in table.measures
                if is_shown_there(table, measure.aggregation)
            }
            cube.measures.update({name: measure for name, measure in made.items() if measure is not None})
        self._tables[table.name], self._cubes[table.name] = stored, cube

    @contextmanager
    def _transaction(self, table: str) -> Iterator[tt.Table]:
        """All changes to a table made inside, or none; to be left in the thread that entered it."""
        stored = self._tables[table]
        tables = self._session.tables
        with self._writing, failing("change", table), tables.data_transaction(allow_nested=False, tables={stored}):
            yield stored

    def _ask_cube(self, table: Table, query: Query, within_s: float | None) -> pl.DataFrame:
        if any(is_hopeless(condition, table.level(condition.name).type) for condition in query.where):
            return frames.empty(table, query)
        with self._writing if query.totals else nullcontext():  # all parts of one answer from one state of the table
            parts = {depth: self._part(table, query, query.levels[:depth], within_s) for depth in depths(query)}
        return joined_parts(table, query, parts)

    def _part(
        self,
        table: Table,
        query: Query,
        levels: tuple[str, ...],
        within_s: float | None,
    ) -> pl.DataFrame:
        """The measures by these levels. The count is always asked: groups with no other value would be left out."""
        cube = self._cubes[table.name]
        key = {level: (table.name, level, level) for level in (*levels, *(each.name for each in query.where))}
        conditions = [compile_condition(table, cube.levels[key[each.name]], each) for each in query.where]
        found = cube.query(
            *(cube.measures[name] for name in dict.fromkeys((*query.measures, CONTRIBUTORS_COUNT))),
            levels=[cube.levels[key[level]] for level in levels],
            filter=_all(conditions),
            mode="raw",
            context={} if within_s is None else {"queriesTimeLimit": max(1, ceil(within_s))},
        )
        columns = frames.answer_columns(table, Query(table.name, query.measures, levels))
        if found.empty:
            return pl.DataFrame(schema={name: each.frame for name, each in columns.items()})
        return frames.typed(pl.from_pandas(found), columns)

    def _rows_with(
        self,
        table: Table,
        where: Iterable[Condition],
        columns: Sequence[str],
        asked: Iterable[str],
        within_s: float | None,
    ) -> pl.DataFrame:
        """These columns of the rows that conditions mean, as far as Atoti can check them, with what is asked of joined
        tables: of one state of all of them."""
        names, reading = set(asked), partial(self._read, within_s=within_s)
        with self._writing if names & table.joined_names else nullcontext():
            return with_joined(table, names, reading(table, columns, where=where), reading)

    def _read(
        self, table: Table, columns: Sequence[str], *, within_s: float | None, where: Iterable[Condition] = ()
    ) -> pl.DataFrame:
        stored = self._tables[table.name]
        narrowed = [compile_condition(table, stored[each.name], each) for each in narrowing(table, where)]
        found = stored.query(
            *(stored[name] for name in columns),
            filter=_all(narrowed),
            timeout=_ROWS_TIMEOUT if within_s is None else timedelta(seconds=within_s),
        )
        types = frames.row_columns(table)
        return frames.typed(pl.from_pandas(found), {name: types[name] for name in columns})


def compile_aggregation(
    stored: tt.Table, aggregation: Aggregation
) -> Any:  # the type of what Atoti computes is not public
    """What Atoti computes; None for what it has by itself, and for what is answered from rows."""
    match aggregation:
        case Sum(column):
            return tt.agg.sum(stored[column])
        case Mean(column):
            return tt.agg.mean(stored[column])
        case Min(column):
            return tt.agg.min(stored[column])
        case Max(column):
            return tt.agg.max(stored[column])
        case DistinctCount(level):  # a column: others are answered from rows
            return tt.agg.count_distinct(stored[level])
        case RowCount() | ValueCount():
            return None
        case _:
            assert_never(aggregation)


def _all(conditions: list[Any]) -> Any:
    found = [condition for condition in conditions if condition is not None]
    return reduce(operator.and_, found) if found else None


def start_session(log: StartLog) -> tt.Session:
    """Start Atoti's Java process on a free port.

    Raises:
        EngineUnavailable: it cannot start; the reason and the way out.
    """
    with starting(log):
        return tt.Session.start(tt.SessionConfig(port=0, java_options=log.java_options))
