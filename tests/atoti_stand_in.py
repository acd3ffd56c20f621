"""A stand-in for Atoti, which cannot start where its licence server is out of reach: its tables, transactions, cubes
and queries, over DuckDB.

Columns, levels, measures, conditions and aggregations are Atoti's own objects, which check themselves what they are
given. Sessions, tables and cubes are autospecs of its classes: what their signatures refuse fails. What is known of its
server is built in: nulls become values where no default of None is declared, tables with keys upsert, others append,
sums of `long` wrap, a transaction belongs to the thread that began it.

It proves that the adapter speaks Atoti's language and puts the answers together. It does not prove what Atoti answers:
what its server does with these calls is known from its documentation and from sessions that were seen, and only
`pytest -m atoti` shows it, where Atoti can start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast
from unittest.mock import PropertyMock, create_autospec

import atoti as tt
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
from atoti._arrow.data_type_from_and_to_arrow import data_type_from_arrow
from atoti._identification import (
    ColumnIdentifier,
    CubeIdentifier,
    LevelIdentifier,
    MeasureIdentifier,
    TableIdentifier,
)
from atoti._pandas.pandas_from_arrow import pandas_from_arrow
from atoti.hierarchies import Hierarchies
from atoti.levels import Levels
from atoti.measures import Measures
from atoti.tables import Tables

from tests.atoti_statements import COUNT, DEFAULTS, TYPES, Asked, Refused, Stored, aggregate, where

NO_CLIENT = cast(Any, None)  # the objects ask the server for nothing that the adapter needs


class StandIn:
    """One session, `session`, to be returned by `tt.Session.start`."""

    def __init__(self, url: str = "http://localhost:1") -> None:
        self._database = duckdb.connect(":memory:")
        self._transaction: ContextVar[duckdb.DuckDBPyConnection | None] = ContextVar("transaction", default=None)
        self._tables: dict[str, Stored] = {}
        self.session = create_autospec(tt.Session, instance=True, spec_set=True)
        self.session.url = url
        self.session.tables = create_autospec(Tables, instance=True, spec_set=True)
        self.session.tables.data_transaction.side_effect = self._data_transaction
        self.session.create_table.side_effect = self._create_table
        self.session.create_cube.side_effect = self._create_cube
        self.session.close.side_effect = self._database.close

    @contextmanager
    def _data_transaction(self, *, allow_nested: bool, tables: set[Any]) -> Iterator[None]:
        if self._transaction.get() is not None:
            raise Refused(f"a transaction is open already; nested: {allow_nested}")
        if not tables:
            raise Refused("no tables")
        cursor = self._database.cursor()
        cursor.begin()
        token = self._transaction.set(cursor)
        try:
            yield
            cursor.commit()
        except BaseException:
            cursor.rollback()
            raise
        finally:
            self._transaction.reset(token)
            cursor.close()

    @contextmanager
    def _writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        open_one = self._transaction.get()
        if open_one is not None:
            yield open_one
            return
        with self._database.cursor() as cursor:
            yield cursor

    def _create_table(
        self,
        name: str,
        *,
        data_types: Mapping[str, str],
        keys: Sequence[str] = (),
        default_values: Mapping[str, Any] | None = None,
    ) -> Any:
        given = default_values or {}
        wrong = [key for key in keys if key not in data_types or (key in given and given[key] is None)]
        if name in self._tables or wrong or not given.keys() <= data_types.keys():
            raise Refused(f"table {name}: it is there already, or a key may be null: {wrong}")
        defaults = {column: given.get(column, DEFAULTS[kind]) for column, kind in data_types.items()}
        stored = Stored(name, f"t{len(self._tables)}", dict(data_types), list(keys), defaults)
        columns = ", ".join(f"{stored.column(column)} {TYPES[kind]}" for column, kind in data_types.items())
        self._database.execute(f"CREATE TABLE {stored.inside} ({columns})")
        self._tables[name] = stored
        return self._table(stored)

    def _table(self, stored: Stored) -> Any:
        table = create_autospec(tt.Table, instance=True, spec_set=True)
        table.name = stored.name
        table.__getitem__.side_effect = {
            name: tt.Column(ColumnIdentifier(TableIdentifier(stored.name), name), client=NO_CLIENT)
            for name in stored.types
        }.__getitem__
        table.load.side_effect = lambda data, **options: self._load(stored, data, **options)
        table.drop.side_effect = lambda condition=None: self._drop(stored, condition)
        table.query.side_effect = lambda *columns, **options: self._rows(stored, columns, **options)
        type(table).row_count = PropertyMock(side_effect=lambda: self._count(stored))
        return table

    def _load(self, stored: Stored, data: pa.Table, *, error_handling: str = "fail") -> None:
        types = {each.name: data_type_from_arrow(each.type) for each in data.schema}
        if types != stored.types or error_handling != "fail":
            raise TypeError(f"{stored.name} has {stored.types}, not {types}")
        rows = cast(pl.DataFrame, pl.from_arrow(data)).select(list(stored.types))
        rows = rows.with_columns(pl.col(name).fill_null(value) for name, value in stored.defaults.items()
                                 if value is not None)  # fmt: skip
        if any(rows[key].has_nulls() for key in stored.keys):
            raise Refused(f"{stored.name}: a key is null")
        rows = rows.unique(stored.keys, keep="last", maintain_order=True) if stored.keys else rows
        same = " AND ".join(f"i.{stored.column(key)} = t.{stored.column(key)}" for key in stored.keys)
        with self._writing() as cursor:
            cursor.register("loaded", rows.rename({name: stored.column(name) for name in stored.types}).to_arrow())
            if stored.keys:
                cursor.execute(f"DELETE FROM {stored.inside} t WHERE EXISTS (SELECT 1 FROM loaded i WHERE {same})")
            cursor.execute(f"INSERT INTO {stored.inside} SELECT * FROM loaded")
            cursor.unregister("loaded")

    def _drop(self, stored: Stored, condition: Any) -> None:
        bound: list[Any] = []
        with self._writing() as cursor:
            cursor.execute(f"DELETE FROM {stored.inside}{where(stored, condition, stored.own, bound)}", bound)

    def _rows(
        self,
        stored: Stored,
        columns: Sequence[tt.Column],
        *,
        filter: Any = None,  # noqa: A002  # Atoti's name
        timeout: Any = None,
    ) -> pd.DataFrame:
        names = [stored.own(column._identifier) for column in columns] or list(stored.types)
        bound: list[Any] = []
        chosen = where(stored, filter, stored.own, bound)
        return self._answer(f"SELECT {', '.join(map(stored.column, names))} FROM {stored.inside}{chosen}", bound, names)

    def _count(self, stored: Stored) -> int:
        return int(self._answer(f"SELECT count(*) FROM {stored.inside}", [], [COUNT])[COUNT].iloc[0])

    def _create_cube(self, fact_table: Any, name: str, *, mode: str) -> Any:
        if mode != "manual":
            raise Refused("what the other modes make of columns is not known here")
        asked = Asked(self._tables[fact_table.name], measures={COUNT: None})
        cube = create_autospec(tt.Cube, instance=True, spec_set=True)
        cube.hierarchies = create_autospec(Hierarchies, instance=True, spec_set=True)
        cube.levels = create_autospec(Levels, instance=True, spec_set=True)
        cube.measures = create_autospec(Measures, instance=True, spec_set=True)
        cube.hierarchies.update.side_effect = lambda made: _add_levels(asked, made)
        cube.measures.update.side_effect = lambda made: asked.measures.update(_checked(asked, made))
        cube.levels.__getitem__.side_effect = lambda key: _level(asked, name, key)
        cube.measures.__getitem__.side_effect = lambda key: _measure(asked, name, key)
        cube.query.side_effect = lambda *measures, **options: self._query(asked, measures, **options)
        return cube

    def _query(
        self,
        asked: Asked,
        measures: Sequence[tt.Measure],
        *,
        levels: Sequence[tt.Level],
        filter: Any,  # noqa: A002  # Atoti's name
        mode: str,
        context: Mapping[str, Any],
    ) -> pd.DataFrame:
        if mode != "raw" or not context.keys() <= {"queriesTimeLimit"}:
            raise Refused(f"mode {mode}, context {context}")
        stored, bound = asked.stored, list[Any]()
        names = [self._level_column(asked, level._identifier) for level in levels]
        chosen = where(stored, filter, lambda identifier: self._level_column(asked, identifier), bound)
        wanted = [measure._identifier.measure_name for measure in measures]
        made = [*map(stored.column, names), *(aggregate(asked, name) for name in wanted)]
        group = f" GROUP BY {', '.join(map(stored.column, names))}" if names else ""
        text = f"SELECT {', '.join(made)} FROM {stored.inside}{chosen}{group} HAVING count(*) > 0"
        return self._answer(text, bound, [*names, *wanted])  # cells without contributors are not in an answer

    def _level_column(self, asked: Asked, identifier: Any) -> str:
        """The column of a level, in which there must be no nulls."""
        stored, name = asked.stored, asked.levels[identifier.key]
        nulls = f"SELECT count(*) FROM {stored.inside} WHERE {stored.column(name)} IS NULL"
        if self._answer(nulls, [], [COUNT])[COUNT].iloc[0]:
            raise Refused(f"what is shown for the null member of level {name} is not known")
        return name

    def _answer(self, text: str, bound: list[Any], names: Sequence[str]) -> pd.DataFrame:
        with self._database.cursor() as cursor:
            found = cursor.sql(text, params=bound).pl()
        found.columns = list(names)
        arrow = found.to_arrow()
        fields = [pa.field(each.name, pa.string() if pa.types.is_large_string(each.type) else each.type)
                  for each in arrow.schema]  # fmt: skip
        return pandas_from_arrow(arrow.cast(pa.schema(fields)))


def _add_levels(asked: Asked, made: Mapping[tuple[str, str], Sequence[tt.Column]]) -> None:
    for (dimension, hierarchy), columns in made.items():
        for column in columns:
            level = asked.stored.own(column._identifier)
            asked.levels[dimension, hierarchy, level] = level


def _checked(asked: Asked, made: Mapping[str, Any]) -> Mapping[str, Any]:
    for definition in made.values():
        asked.stored.own(definition._column_identifier)
    return made


def _level(asked: Asked, cube: str, key: tuple[str, str, str]) -> tt.Level:
    if key not in asked.levels:
        raise KeyError(key)
    return tt.Level(LevelIdentifier.from_key(key), client=NO_CLIENT, cube_identifier=CubeIdentifier(cube))


def _measure(asked: Asked, cube: str, name: str) -> tt.Measure:
    if name not in asked.measures:
        raise KeyError(name)
    return tt.Measure(MeasureIdentifier(name), client=NO_CLIENT, cube_identifier=CubeIdentifier(cube))
