"""Frames in the types of the port: rows on their way in, and answers that an engine does not make itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, assert_never

import polars as pl
import pyarrow as pa

from flows.cube.float_sums import limb_sums, ranges_of, summed_floats, with_float_sums, with_limbs
from flows.cube.wide_sums import narrow_sums, wide_sum
from flows.errors import QueryError
from flows.model.answered import Answered
from flows.model.conditions import Condition
from flows.model.matching import matches
from flows.model.measures import Aggregation, DistinctCount, Max, Mean, Measure, Min, RowCount, Sum, ValueCount, is_sum
from flows.model.query import Query
from flows.model.row_query import RowPage, RowQuery
from flows.model.tables import LINE, TOTAL_DEPTH, VERSION, Table
from flows.model.types import INTEGER, ColumnType
from flows.model.types.decimal import MOST_DIGITS

_VERSIONS = replace(INTEGER, duckdb="UINTEGER")
_LINES = replace(_VERSIONS, frame=pl.UInt32())
"""Each row of the cube has both: they are half as wide as other numbers, and a larger one is refused."""


def row_columns(table: Table) -> dict[str, ColumnType]:
    """The columns of a table's rows, with `_version` and `_line`."""
    return {**{c.name: c.type for c in table.columns}, VERSION: _VERSIONS, LINE: _LINES}


def answer_columns(table: Answered, query: Query) -> dict[str, ColumnType]:
    """The levels and the measures of an answer."""
    levels = {name: table.level(name).type for name in query.levels}
    return levels | {name: table.type_of_measure(name) for name in query.measures}


def typed(frame: pl.DataFrame, columns: Mapping[str, ColumnType]) -> pl.DataFrame:
    """These columns of a frame in the types of the port; dates and truth values may come as text."""
    return frame.select(each.answer(frame.schema[name], pl.col(name)) for name, each in columns.items())


def json_rows(table: Answered, query: Query, answer: pl.DataFrame) -> list[dict[str, Any]]:
    """The rows of an answer that fits, in JSON types: decimals are text, which no reader makes floats of."""
    columns = answer_columns(table, query).items()
    return answer.with_columns(each.json(pl.col(name)) for name, each in columns).to_dicts()


def to_arrow(table: Table, rows: pl.DataFrame) -> pa.Table:
    """A table's rows with `_version` and `_line`, as Atoti is handed them."""
    columns = row_columns(table)
    schema = pa.schema([(name, each.arrow) for name, each in columns.items()])
    handed = typed(rows, columns).select(each.to_atoti(pl.col(name)) for name, each in columns.items())
    return handed.to_arrow().cast(schema)


def joined(table: Table, query: Query, parts: Mapping[int, pl.DataFrame]) -> pl.DataFrame:
    """One answer out of parts that each fix so many of the leading levels.

    Args:
        table: the table asked.
        query: the query.
        parts: number of levels fixed → the frame with those levels and the measures.
    """
    columns = answer_columns(table, query)
    absent = {
        depth: [pl.lit(None, columns[name].frame).alias(name) for name in query.levels[depth:]] for depth in parts
    }
    frames = [
        part.with_columns(*absent[depth]).select(*columns, pl.lit(depth, pl.Int64).alias(TOTAL_DEPTH))
        for depth, part in parts.items()
    ]
    answer = pl.concat(frames).sort(TOTAL_DEPTH, *query.levels, nulls_last=False)
    return answer if query.totals else answer.drop(TOTAL_DEPTH)


def aggregate(table: Table, query: Query, rows: pl.DataFrame) -> pl.DataFrame:
    """Answer a query from rows.

    Args:
        table: the table asked.
        query: the query.
        rows: at least the columns that the query touches, with what it asks of joined tables (`cube/joined_rows.py`);
            rows that `where` leaves out may be among them.
    """
    kept = _kept(table, query.where, with_levels(table, query.touched_levels(table), rows))
    floats = ranges_of(table, kept)
    summed = summed_floats(table, query, floats)
    kept = with_limbs(kept, {each.column: found for each, found in summed.values()})
    measures = [
        limb_sums(summed[name][0].column, summed[name][1]).alias(name)
        if name in summed
        else _expression(table, table.measure(name))
        for name in query.measures
    ]
    depths = range(len(query.levels) + 1) if query.totals else [len(query.levels)]
    parts = {
        depth: kept.group_by(query.levels[:depth]).agg(measures) if depth else kept.select(measures) for depth in depths
    }
    parts = {n: with_float_sums(table, query, part, floats) for n, part in parts.items()}
    if kept.is_empty() and query.levels:
        parts = {len(query.levels): parts[len(query.levels)]}
    wide = {name: pl.col(name) for name in exact_sums(table, query)}
    fixed = {n: _fixed(table, query, n) for n in parts}
    typed_parts = {
        n: part.select(wide.get(name, each.answer(part.schema[name], pl.col(name))) for name, each in fixed[n].items())
        for n, part in parts.items()
    }
    return narrowed(table, query, joined(table, query, typed_parts))


def with_levels(table: Table, names: Iterable[str], rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with some levels, beside the columns that these are made from."""
    named = {name: table.level(name) for name in names}
    return rows.with_columns(level.expression.alias(name) for name, level in named.items())


def page_of(table: Table, query: RowQuery, rows: pl.DataFrame) -> RowPage:
    """A page of rows, out of all rows of a table, or of some with those that `where` means among them."""
    having_levels = with_levels(table, [each.name for each in query.where], rows)
    kept = _kept(table, query.where, having_levels).select(list(row_columns(table)))
    ordered = kept.sort(VERSION, LINE, *(column.name for column in table.columns), nulls_last=False)
    return RowPage(ordered.slice(query.offset, query.limit), kept.height)


def empty(table: Table, query: Query) -> pl.DataFrame:
    """The answer of a query that no row matches."""
    columns = {c.name: c.type.frame for c in table.all_columns} | {each.name: each.type.frame for each in table.levels}
    rows = pl.DataFrame(schema=columns)
    return aggregate(table, query, rows)


def exact_sums(table: Answered, query: Query) -> dict[str, ColumnType]:
    """The measures asked for that are exact sums, the only ones that may not fit, and the type of their values."""
    asked = [each.name for each in table.measures if each.name in query.measures and is_sum(each.aggregation)]
    sums = {name: table.type_of_measure(name) for name in asked}
    return {name: each for name, each in sums.items() if each.sums in ("whole", "decimal")}


def narrowed(table: Answered, query: Query, answer: pl.DataFrame) -> pl.DataFrame:
    """An answer whose exact sums are wide, with those that fit in their own type."""
    sums = exact_sums(table, query)
    return answer.with_columns(narrow_sums(answer[name], each).alias(name) for name, each in sums.items())


def fitting(table: Answered, query: Query, answer: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """An answer as it can be told: null where a sum or a mean does not fit, and the measures of which one does not.

    Values are finite, so that a float that is not comes of a sum beyond all floats.
    """
    wide = {name: each for name, each in exact_sums(table, query).items() if answer.schema[name] != each.frame}
    floats = [name for name in query.measures if answer.schema[name].is_float() and not answer[name].is_finite().all()]
    told = answer.with_columns(
        *(pl.col(name).cast(each.frame, strict=False) for name, each in wide.items()),
        *(pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name) for name in floats),
    )
    return told, (*wide, *floats)


def sum_overflow(table: Answered, measure: str) -> QueryError:
    """The error of a measure of which a sum does not fit."""
    kind, narrow = table.type_of_measure(measure), "narrow the query with a condition or by levels"
    if kind.sums not in ("whole", "decimal"):
        return QueryError("A sum does not fit into a float: it is beyond 1.8e308", next_step=narrow, measure=measure)
    return QueryError(
        f"A sum does not fit into {f'{MOST_DIGITS} digits' if kind.sums == 'decimal' else '64 bits'}",
        next_step=f"{narrow}, or declare the column as a float",
        measure=measure,
    )


def _kept(table: Table, where: Iterable[Condition], rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(pl.lit(True), *(_meets(table, condition) for condition in where))


def _fixed(table: Table, query: Query, depth: int) -> dict[str, ColumnType]:
    left_out = query.levels[depth:]
    return {name: each for name, each in answer_columns(table, query).items() if name not in left_out}


def _expression(table: Table, measure: Measure[Aggregation]) -> pl.Expr:
    match measure.aggregation:
        case RowCount():
            found = pl.len()
        case ValueCount(column):
            found = pl.col(column).count()
        case DistinctCount(level):
            values = pl.col(level).drop_nulls()
            for missing in table.level(level).missing:  # no value, but the name of having none
                values = values.filter(values != missing)
            found = values.n_unique()
        case Min(column):
            found = pl.col(column).min()
        case Max(column):
            # of all values, as engines have it, NaN is the greatest
            found = pl.col(column).nan_max() if table.column(column).type.sums == "float" else pl.col(column).max()
        case Sum(column):
            found = _of_values(column, wide_sum(table.column(column)))
        case Mean(column) if table.column(column).type.whole:
            found = _of_values(column, pl.col(column).cast(pl.Int128).sum().cast(pl.Float64) / pl.col(column).count())
        case Mean(column):
            found = _of_values(column, pl.col(column).cast(pl.Float64).mean())
        case _:
            assert_never(measure.aggregation)
    return found.alias(measure.name)


def _of_values(column: str, found: pl.Expr) -> pl.Expr:
    """What was found, or null where the column has no value at all."""
    return pl.when(pl.col(column).count() > 0).then(found)


def _meets(table: Table, condition: Condition) -> pl.Expr:
    level = table.level(condition.name)
    return matches(condition, pl.col(level.name), level.type)
