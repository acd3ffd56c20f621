"""Which questions Atoti's cube answers, and how its parts become one answer. Imports no atoti."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

import polars as pl

from flows.cube import frames
from flows.cube.atoti.conditions import is_inexact_there, is_said_there
from flows.model.measures import Aggregation, DistinctCount, Max, Mean, Min, RowCount, Sum, ValueCount
from flows.model.query import Query
from flows.model.tables import Table


def needs_rows(table: Table, query: Query) -> bool:
    """Whether the cube cannot say it: what it shows for a null member of a level is not documented, and it has no
    decimals, no levels but columns, and nothing of joined tables."""
    touched = query.touched_levels(table)
    joined = bool(table.references_of(touched, query.measures))
    counted = joined or any(is_answered_from_rows(table, table.measure(name).aggregation) for name in query.measures)
    named = [table.level(name) for name in touched]
    unsaid = any(not is_said_there(table, each) for each in query.where)
    inexact = any(level.nullable or not level.is_column or is_inexact_there(level) for level in named)
    return counted or unsaid or inexact


def hierarchies_there(table: Table) -> dict[str, tuple[str, ...]]:
    """The hierarchies of Atoti's own interface, and their columns: one of each level that is a column, and those
    declared of such levels."""
    columns = {level.name for level in table.column_levels}
    declared = {each.name: each.levels for each in table.hierarchies if columns.issuperset(each.levels)}
    return {**{name: (name,) for name in (level.name for level in table.column_levels)}, **declared}


def is_shown_there(table: Table, aggregation: Aggregation) -> bool:
    """Whether Atoti's own interface has a measure, exact or not; it has none of joined tables."""
    match aggregation:
        case Sum(column) | Mean(column) | Min(column) | Max(column) if column in table.joined_names:
            return False
        case Sum(column) | Mean(column):
            return table.column(column).type.atoti != "String"
        case Min() | Max() | DistinctCount() | ValueCount():
            return not is_answered_from_rows(table, aggregation)
        case RowCount():
            return True
        case _:
            assert_never(aggregation)


def is_answered_from_rows(table: Table, aggregation: Aggregation) -> bool:
    """Whether Atoti has no such aggregation: it has none that counts values and leaves out nulls, no decimals, and says
    nothing of the least of texts, days and moments."""
    match aggregation:
        case ValueCount():
            return True
        case DistinctCount(name):
            level = table.level(name)
            return level.nullable or not level.is_column or is_inexact_there(level)
        case Min(column) | Max(column):
            return not table.column(column).type.numeric or is_inexact_there(table.column(column))
        case Sum(column) | Mean(column):
            return is_inexact_there(table.column(column))
        case RowCount():
            return False
        case _:
            assert_never(aggregation)


def depths(query: Query) -> tuple[int, ...]:
    """How many of the leading levels each part of the answer fixes: Atoti is asked for one after another."""
    return tuple(range(len(query.levels) + 1)) if query.totals else (len(query.levels),)


def joined_parts(table: Table, query: Query, parts: Mapping[int, pl.DataFrame]) -> pl.DataFrame:
    """One answer out of the parts; without rows there is none of them."""
    if parts[len(query.levels)].is_empty():
        return frames.empty(table, query)
    return frames.joined(table, query, parts)


def touched_columns(table: Table, query: Query) -> tuple[str, ...]:
    """The columns that a query names or measures, and those that find what it asks of joined tables."""
    numbers = {number.name: number for number in table.joined_numbers}
    measured = [name for name in measured_columns(table, query) if name not in numbers]
    asked = [numbers[name] for name in measured_columns(table, query) if name in numbers]
    touched = (*map(table.level, query.touched_levels(table)), *asked)
    return tuple(dict.fromkeys([*(column for value in touched for column in value.columns), *measured]))


def measured_columns(table: Table, query: Query) -> list[str]:
    """What the measures of a query are made of, but for levels: columns, and numbers of joined tables."""
    aggregations = (table.measure(name).aggregation for name in query.measures)
    return [each.column for each in aggregations if not isinstance(each, DistinctCount | RowCount)]
