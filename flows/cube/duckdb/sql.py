"""The statements of the embedded engine.

Inside, tables and columns go by their position (`t0`, `c0`): DuckDB ignores the case of names and the schema does
not, and so no name from outside is ever part of a statement. Values are bound.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, assert_never

import polars as pl
import pyarrow as pa

from flows.cube.duckdb.conditions import compile_condition
from flows.cube.duckdb.first_groups import first_groups
from flows.cube.duckdb.levels import all_joins, compile_grouping, compile_level, compile_values, join_clauses
from flows.cube.duckdb.limbs import limb_sums
from flows.cube.duckdb.names import EngineNames, TableNames
from flows.cube.duckdb.sources import SourceTable, deletion
from flows.cube.duckdb.wide_sums import wide_mean, wide_sum
from flows.cube.float_sums import FloatRanges, ranges_of, summed_floats, widest
from flows.cube.frames import row_columns
from flows.cube.rebuild import Ranges, ordered_keys
from flows.model.conditions import Condition
from flows.model.measures import Aggregation, DistinctCount, Max, Mean, Min, RowCount, Sum, ValueCount, of_column
from flows.model.merge import Horizon
from flows.model.query import Query
from flows.model.row_query import RowQuery
from flows.model.tables import LINE, VERSION, Table
from flows.model.types import ColumnType, Value
from flows.model.types.decimal import DecimalType

INCOMING = "incoming"
"""The name under which the rows to insert are registered."""


class StoredTable:
    """One table as it lies in DuckDB, and the statements on it."""

    def __init__(self, name: str, table: Table) -> None:
        self.table = table
        self._kinds = row_columns(table)
        self.columns = list(self._kinds)
        self._name = name
        self._numbers = {number.name: number for number in table.joined_numbers}
        self._inside = {column: f"c{i}" for i, column in enumerate(self.columns)}
        self.floats: FloatRanges = {}
        self._joined: TableNames
        self._references: dict[str, StoredTable] = {}
        required = {*table.keys, VERSION}
        typed = (f"{self._inside[c]} {self._kinds[c].duckdb}{' NOT NULL' * (c in required)}" for c in self.columns)
        same_key = " AND ".join(f"i.{self._inside[key]} = t.{self._inside[key]}" for key in table.keys)
        edges = (f", min({self._inside[key]}), max({self._inside[key]})" for key in ordered_keys(table))
        self.create = f"CREATE TABLE {name} ({', '.join(typed)})"
        self.sources = SourceTable(name)
        self.clear = f"DELETE FROM {name}"
        self.make_room = f"DELETE FROM {name} t WHERE EXISTS (SELECT 1 FROM {INCOMING} i WHERE {same_key})"
        self.insert = f"INSERT INTO {name} SELECT * FROM {INCOMING}"
        self.everything = f"SELECT * FROM {name}"
        self.extent_of_none = f"SELECT 1 FROM {name} LIMIT 0"
        self.extent = f"SELECT count(*){''.join(edges)} FROM {name}"

    @property
    def inside(self) -> tuple[str, Mapping[str, str]]:
        """What it is called, and its columns."""
        return self._name, self._inside

    def join(self, names: EngineNames, tables: Mapping[str, StoredTable]) -> None:
        """Make known how the tables are called that belong to this one, and which they are."""
        self._joined = names.of(self.table)
        self._references = {name: tables[table.name] for name, table in self.table.references.items()}

    def drop(self, versions: Collection[int]) -> tuple[str, list[Any]]:
        """The statement that deletes the rows of some versions, and the values to bind."""
        return deletion(self._name, self._inside[VERSION], versions)

    def before(self, horizon: Horizon) -> str:
        """The statement that deletes the rows before a horizon; its first day is to bind."""
        return f"DELETE FROM {self._name} WHERE {self._inside[horizon.column]} < ?"

    def ranges(self, edges: Sequence[Any]) -> Ranges:
        """The ranges of the keys, from what `extent` found behind the count."""
        found = [edges[2 * i : 2 * i + 2] for i in range(len(edges) // 2)]
        kinds = {key: self._kinds[key] for key in ordered_keys(self.table)}
        return {
            key: (kind.from_engine(low), kind.from_engine(high))
            for (key, kind), (low, high) in zip(kinds.items(), found, strict=True)
        }

    def arrow(self, rows: pl.DataFrame) -> pa.Table:
        """Rows as Arrow, under the names inside, without copying texts."""
        handed = (each.to_duckdb(pl.col(name)).alias(self._inside[name]) for name, each in self._kinds.items())
        return rows.select(handed).to_arrow(compat_level=pl.CompatLevel.newest())

    def stream(self, first: pl.DataFrame, rest: Iterator[pl.DataFrame]) -> pa.RecordBatchReader:
        """Frames as one Arrow stream."""
        head = self.arrow(first)

        def batches() -> Iterator[pa.RecordBatch]:
            yield from head.to_batches()
            for frame in rest:
                yield from self.arrow(frame).to_batches()

        return pa.RecordBatchReader.from_batches(head.schema, batches())

    def frame(self, batch: pa.RecordBatch) -> pl.DataFrame:
        """Rows from Arrow, under their own names."""
        rows = pl.DataFrame(batch)
        rows.columns = self.columns
        return self.named(rows, self._kinds)

    def named(self, frame: pl.DataFrame, columns: Mapping[str, ColumnType]) -> pl.DataFrame:
        """What DuckDB has found, in the types of the port."""
        others = {name: each for name, each in columns.items() if frame.schema[name] != each.frame}
        return frame.with_columns(each.answer(frame.schema[name], pl.col(name)) for name, each in others.items())

    def note(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Take in the range of the floats of rows, before anybody can ask for their sums; returns the rows."""
        found = widest(self.floats, ranges_of(self.table, rows))
        if found != self.floats:
            self.floats = found
        return rows

    @property
    def float_ranges(self) -> FloatRanges:
        """The ranges of the floats that can be asked for, with those of joined tables."""
        joined = (
            (f"{name}.{column}", found)
            for name, stored in self._references.items()
            for column, found in stored.floats.items()
        )
        return {**dict(joined), **self.floats}

    @property
    def unmatched(self) -> str:
        """The statement that counts the rows without a match, in the order of `Table.references`."""
        joins = all_joins(self._joined).values()
        counted = ", ".join(f"count(*) FILTER (WHERE {unmatched})" for _, unmatched in joins)
        return f"SELECT {counted} FROM {self._name}{''.join(clause for clause, _ in joins)}"

    def select(self, query: Query, floats: FloatRanges, *, wide: bool = False) -> tuple[str, list[Value]]:
        """The statement that answers a query, and the values to bind; they come in no order.

        Sums and means of the columns in `floats` come as sums of limbs. With `wide`, exact sums come as wide ones,
        where every one fits.
        """
        summed = summed_floats(self.table, query, floats)
        groups = [compile_grouping(self.table.level(name), self._joined, totals=query.totals) for name in query.levels]
        levels = [by for by, _ in groups]
        measures = [
            limb_sums(self._column(summed[name][0].column), summed[name][1])
            if name in summed
            else self._aggregate(self.table.measure(name).aggregation, wide=wide)
            for name in query.measures
        ]
        selected = [
            *(shown for _, shown in groups),
            *(f"{each} AS m{i}" for i, each in enumerate(measures)),
        ]  # two may be the same
        if query.totals:
            fixed = f"{len(levels)} - bit_count(grouping({', '.join(levels)}))" if levels else "0"
            selected.append(f"CAST({fixed} AS BIGINT) AS depth")
        where, values = self._where(query.where)
        group = _grouping(levels, query.totals)
        first = "" if wide or query.first is None or query.totals else first_groups(self.table, query, query.first)
        of = self._from(query.touched_levels(self.table), query.measures)
        return f"SELECT {', '.join(selected)} FROM {of}{where}{group}{first}", values

    def _column(self, name: str) -> str:
        """A column that is measured, or a number of a joined table."""
        return self._inside[name] if name in self._inside else compile_level(self._numbers[name], self._joined)

    def _from(self, levels: Iterable[str], measures: Iterable[str] = ()) -> str:
        """The table, with those joined to it that some levels and measures are of."""
        columns = (of_column(self.table.measure(name).aggregation) for name in measures)
        numbers = (self._numbers[column] for column in columns if column in self._numbers)
        return f"{self._name}{join_clauses((*map(self.table.level, levels), *numbers), self._joined)}"

    def page(self, query: RowQuery) -> tuple[str, list[Value]]:
        """The statement that finds the rows of a page, and the values to bind."""
        where, values = self._where(query.where)
        order = (f"{self._inside[name]} NULLS FIRST" for name in (VERSION, LINE, *self.columns[:-2]))
        of = self._from(condition.name for condition in query.where)
        columns = ", ".join(self._inside.values())
        text = f"SELECT {columns} FROM {of}{where} ORDER BY {', '.join(order)} LIMIT ? OFFSET ?"
        return text, [*values, query.limit, query.offset]

    def count(self, query: RowQuery) -> tuple[str, list[Value]]:
        """The statement that counts all rows of a question for rows, and the values to bind."""
        where, values = self._where(query.where)
        return f"SELECT count(*) FROM {self._from(condition.name for condition in query.where)}{where}", values

    def _aggregate(self, aggregation: Aggregation, *, wide: bool) -> str:
        match aggregation:
            case RowCount():
                return "count(*)"
            case ValueCount(column):
                return f"count({self._column(column)})"
            case DistinctCount(level):
                return f"count(DISTINCT {compile_values(self.table.level(level), self._joined)})"
            case Min(column):
                return f"min({self._column(column)})"
            case Max(column):
                return f"max({self._column(column)})"
            case Mean(column) if wide and isinstance(kind := self.table.column(column).type, DecimalType):
                return wide_mean(self._column(column), kind)
            case Mean(column):
                return f"CAST(avg({self._column(column)}) AS DOUBLE)"
            case Sum(column) if wide:
                return wide_sum(self._column(column), self.table.column(column).type)
            case Sum(column):  # one beyond the type raises
                return f"CAST(sum({self._column(column)}) AS {self.table.type_of(aggregation).duckdb})"
            case _:
                assert_never(aggregation)

    def _where(self, where: Iterable[Condition]) -> tuple[str, list[Value]]:
        """The clause that holds the conditions, if there are some, and the values to bind."""
        conditions: list[str] = []
        bound: list[Value] = []
        for condition in where:
            level = self.table.level(condition.name)
            text, values = compile_condition(condition, compile_level(level, self._joined), level.type)
            conditions.append(text)
            bound += values
        return f" WHERE {' AND '.join(conditions)}" if conditions else "", bound


def _grouping(levels: list[str], totals: bool) -> str:
    if not levels:
        return ""
    names = ", ".join(levels)
    # Without rows there is no grand total either.
    return f" GROUP BY ROLLUP ({names}) HAVING count(*) > 0" if totals else f" GROUP BY {names}"
