"""Answers questions with calculated measures: widen, ask the engine once, calculate.

**Widen**: the groups that are asked for, and those that they are compared with (wholes, rivals, the periods before),
are asked of the engine together, so that all are of one state of the table. **Calculate**: formulas, row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import polars as pl

from flows.cube.asking import arithmetic
from flows.cube.asking.formulas import Calculation
from flows.cube.asking.groups import Groups
from flows.cube.asking.widen import require_levels, widen
from flows.model.calculated import CalculatedMeasure
from flows.model.query import Query
from flows.model.tables import TOTAL_DEPTH, Table
from flows.model.types.decimal import DecimalType

type Ask = Callable[[Sequence[Query]], Sequence[pl.DataFrame]]
"""Asks an engine several questions at once; the answers are of one state of the tables."""


def is_calculated(table: Table, query: Query) -> bool:
    """Whether a measure that is asked for is calculated."""
    return any(each.name in query.measures for each in table.calculated)


class Widened:
    """A query whose measures may be calculated ones, as it is asked of an engine.

    Args:
        table: the table asked.
        query: the query.

    Raises:
        QueryError: a measure needs a level that is not asked.
    """

    def __init__(self, table: Table, query: Query) -> None:
        require_levels(table, query)
        self._table, self._query = table, query
        depths = range(len(query.levels) + 1) if query.totals else [len(query.levels)]
        self._shown = [Groups(query.levels, depth, query.where) for depth in depths]
        self._widened = widen(table, query, self._shown)

    @property
    def queries(self) -> list[Query]:
        """What to ask of the engine, at once."""
        return [groups.query(self._table, measures) for groups, measures in self._widened.items()]

    def answer(self, found: Sequence[pl.DataFrame]) -> tuple[pl.DataFrame, tuple[str, ...]]:
        """The answer in the order of the port, and the calculated measures of which a value does not fit its type, and
        is null. Others are as the engine answers them.

        Args:
            found: what the engine has answered to each of the queries.
        """
        query, shown = self._query, self._shown
        answers = dict(zip(self._widened, found, strict=True))
        if answers[shown[-1]].is_empty() and query.levels:
            shown = shown[-1:]  # without rows there is no grand total either
        calculation = Calculation(self._table, answers)
        parts = [_part(calculation, query, groups) for groups in shown]
        rows = pl.concat([part for part, _ in parts], how="vertical_relaxed")
        too_large = {name for _, names in parts for name in names}
        told = rows if query.totals else rows.drop(TOTAL_DEPTH)
        return told, tuple(name for name in query.measures if name in too_large)


def calculate(table: Table, query: Query, ask: Ask) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The answer of a query, as `Widened` makes it, whose exceptions it raises."""
    widened = Widened(table, query)
    return widened.answer(ask(widened.queries))


def _part(calculation: Calculation, query: Query, groups: Groups) -> tuple[pl.DataFrame, list[str]]:
    """The rows of one depth, and the measures of which one does not fit."""
    table, found = calculation.table, calculation.answer(groups)
    calculated = {each.name: each for each in table.calculated}
    base = tuple(name for name in query.measures if name not in calculated)
    columns, too_large = {name: found[name] for name in (*groups.levels, *base)}, []
    for level in query.levels[groups.depth :]:
        columns[level] = pl.Series(level, [None] * found.height, table.level(level).type.frame)
    for name in (name for name in query.measures if name in calculated):
        columns[name], fits = _column(calculated[name], calculation.values(name, groups))
        too_large += [] if fits else [name]
    depth = pl.Series(TOTAL_DEPTH, [groups.depth] * found.height, pl.Int64)
    return pl.DataFrame([columns[name] for name in (*query.levels, *query.measures)] + [depth]), too_large


def _column(measure: CalculatedMeasure, values: list[Any]) -> tuple[pl.Series, bool]:
    """The values in their type, and whether all fit."""
    kept = [value if value is None or arithmetic.fits(measure.type, value) else None for value in values]
    exact = isinstance(measure.type, DecimalType)
    typed = [Decimal(each) if exact and each is not None else each for each in kept]
    return pl.Series(measure.name, typed, measure.type.frame), kept.count(None) == values.count(None)
