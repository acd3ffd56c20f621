"""Calculated measures of random rows are what a plain model of them in Python says, with exact fractions."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any, assert_never

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.cube.asking.calculate import calculate
from flows.cube.duckdb.engine import DuckDbCube
from flows.model.calculated import (
    Change,
    Difference,
    Formula,
    Growth,
    Operand,
    Parent,
    Plus,
    Previous,
    Rank,
    Ratio,
    Running,
    Share,
    Times,
    Total,
)
from flows.model.calculated_checks import calculated_measures
from flows.model.conditions import Among
from flows.model.query import Query
from flows.model.tables import Column, Table
from flows.model.types import DATE, DECIMAL, INTEGER, STRING
from tests.integration.cube.cube_contract import put

TABLE = Table(
    "t",
    (
        Column("Day", DATE, nullable=True),
        Column("Shop", STRING, nullable=True),
        Column("City", STRING),
        Column("Units", INTEGER, nullable=True),
        Column("Price", DECIMAL.sized(10, 2), nullable=True),
    ),
)
NAMES = [column.name for column in TABLE.columns]
DAYS: list[Any] = [None, *(date(2021, 2, 27) + timedelta(days=n) for n in range(4))]
ROW = st.tuples(
    st.sampled_from(DAYS),
    st.sampled_from([None, "", "a", "b"]),
    st.sampled_from(["x", "y"]),
    st.none() | st.integers(-3, 9),
    st.none() | st.integers(-250, 900).map(lambda cents: Decimal(cents) / 100),
)
LEVELS = ("Day", "Shop", "City")


def _among(level: str, values: list[Any]) -> Among:
    return Among(level, tuple(values))


BASE = st.sampled_from(
    ["Units.SUM", "Price.SUM", "Units.COUNT", "Units.MIN", "Shop.COUNT_DISTINCT", "contributors.COUNT"]
)
OPERAND = BASE | st.integers(-2, 3) | st.sampled_from([Decimal("0.5"), Decimal("-1.25")])


def formulas(of: st.SearchStrategy[Any]) -> st.SearchStrategy[Formula]:
    dated = [st.builds(kind, of, st.just("Day")) for kind in (Previous, Change, Growth, Running)]
    return st.one_of(
        *(st.builds(kind, of, of) for kind in (Plus, Difference, Times, Ratio)),
        *dated,
        st.builds(Share, of, st.sampled_from([Total(), Parent(), *LEVELS])),
        st.builds(Rank, of, st.sampled_from([None, *LEVELS])),
    )


FORMULA = formulas(OPERAND | formulas(OPERAND))
SHOPS: list[Any] = [None, "", "a", "b"]
CITIES: list[Any] = ["x", "y"]
WHERE = st.lists(
    st.one_of(
        *(
            st.lists(st.sampled_from(values), min_size=1).map(partial(_among, level))
            for level, values in (("Day", DAYS), ("Shop", SHOPS), ("City", CITIES))
        )
    ),
    max_size=2,
)
type Rows = list[dict[str, Any]]


class Model:
    """What each formula means, said of rows, one group at a time."""

    def __init__(self, rows: Rows, asked: tuple[str, ...]) -> None:
        self.rows = rows
        self.asked = asked

    def groups(self, depth: int, where: Iterable[Among]) -> list[dict[str, Any]]:
        kept = [row for row in self.rows if all(row[each.name] in each.values for each in where)]
        found = {tuple(row[level] for level in self.asked[:depth]): None for row in kept}
        keys = [dict(zip(self.asked[:depth], key, strict=True)) for key in found]
        return sorted(keys, key=lambda key: [(value is not None, value) for value in key.values()])

    def value(self, operand: Operand, at: dict[str, Any], where: tuple[Among, ...]) -> Any:
        """The value in the group whose levels have these values."""
        match operand:
            case str():
                return self.base(operand, at, where)
            case int() | float() | Decimal():
                return Fraction(operand)
            case Plus(left, right):
                return self.both(lambda a, b: a + b, left, right, at, where)
            case Difference(left, right):
                return self.both(lambda a, b: a - b, left, right, at, where)
            case Times(left, right):
                return self.both(lambda a, b: a * b, left, right, at, where)
            case Ratio(left, right):
                return self.quotient(self.value(left, at, where), self.value(right, at, where))
            case Share(measure, of):
                return self.share(measure, of, at, where)
            case Previous(measure, level):
                return self.before(measure, level, at, where)
            case Change(measure, level) | Growth(measure, level):
                now, then = self.value(measure, at, where), self.before(measure, level, at, where)
                change = None if now is None or then is None else now - then
                return self.quotient(change, abs(then)) if isinstance(operand, Growth) and then is not None else change
            case Running(measure, along):
                return self.running(measure, along, at, where)
            case Rank(measure, within):
                return self.rank(measure, within, at, where)
            case _:
                assert_never(operand)

    def base(self, name: str, at: dict[str, Any], where: tuple[Among, ...]) -> Any:
        column, word = name.rsplit(".", 1)
        kept = [row for row in self.rows if all(row[n] == value for n, value in at.items())
                and all(row[each.name] in each.values for each in where)]  # fmt: skip
        if column == "contributors":
            return Fraction(len(kept))
        values = [row[column] for row in kept if row[column] is not None]
        match word:
            case "COUNT":
                return Fraction(len(values))
            case "COUNT_DISTINCT":
                return Fraction(len(set(values)))
            case "SUM":
                return sum(map(Fraction, values), Fraction()) if values else None
            case _:
                return Fraction(min(values)) if values else None

    def both(self, compute: Any, left: Operand, right: Operand, at: dict[str, Any], where: tuple[Among, ...]) -> Any:
        one, other = self.value(left, at, where), self.value(right, at, where)
        return None if one is None or other is None else compute(one, other)

    def quotient(self, one: Any, other: Any) -> Any:
        return None if one is None or not other else one / other

    def share(self, measure: Operand, of: str | Total | Parent, at: dict[str, Any], where: tuple[Among, ...]) -> Any:
        levels = list(at)
        match of:
            case Total():
                fixed: list[str] = []
            case Parent():
                fixed = levels[:-1]
            case str() if of in levels:
                fixed = levels[: levels.index(of) + 1]
            case _:
                return None
        shown = [level for level in self.asked if level not in fixed]
        loose = tuple(each for each in where if each.name not in shown)
        whole = self.value(measure, {level: at[level] for level in fixed}, loose)
        return self.quotient(self.value(measure, at, where), whole)

    def before(self, measure: Operand, level: str, at: dict[str, Any], where: tuple[Among, ...]) -> Any:
        if at.get(level) is None:
            return None
        loose = tuple(each for each in where if each.name != level)
        then = at | {level: at[level] - timedelta(days=1)}
        return self.value(measure, then, loose) if then in self.groups(len(at), loose) else None

    def running(self, measure: Operand, along: str, at: dict[str, Any], where: tuple[Among, ...]) -> Any:
        if along not in at:
            return None
        line = [key for key in self.groups(len(at), where) if all(key[n] == at[n] for n in at if n != along)]
        values = [self.value(measure, key, where) for key in line[: line.index(at) + 1]]
        known = [value for value in values if value is not None]
        return sum(known, Fraction()) if known else None

    def rank(self, measure: Operand, within: str | None, at: dict[str, Any], where: tuple[Among, ...]) -> Any:
        levels = list(at)
        if within is not None and within not in levels:
            return None
        fixed = [] if within is None else levels[: levels.index(within) + 1]
        loose = tuple(each for each in where if each.name not in levels[len(fixed) :])
        rivals = [key for key in self.groups(len(at), loose) if all(key[level] == at[level] for level in fixed)]
        own = self.value(measure, at, where)
        values = [self.value(measure, key, loose) for key in rivals]
        return None if own is None else 1 + sum(value is not None and value > own for value in values)


def check(rows: list[tuple[Any, ...]], formula: Formula, levels: list[str], where: list[Among], totals: bool) -> None:
    """Every value is that of the model; one that is a float, to its last digits."""
    table = replace(TABLE, calculated=calculated_measures({"X": formula}, TABLE))
    query = Query("t", ("X",), tuple(levels), tuple(where), totals)
    conditions = tuple(where)
    model = Model([dict(zip(NAMES, row, strict=True)) for row in rows], query.levels)
    with closing(DuckDbCube((TABLE,))) as cube:
        put(cube, TABLE, *rows)
        found, _ = calculate(table, query, cube.query_together)
    depths = range(len(levels) + 1) if totals else [len(levels)]
    keys = [key for depth in depths for key in model.groups(depth, conditions)]
    if not levels:
        keys = [{}]
    elif not model.groups(len(levels), conditions):
        keys = []
    assert [{name: row[name] for name in key} for row, key in zip(found.to_dicts(), keys, strict=True)] == keys
    for value, key in zip(found["X"], keys, strict=True):
        expected = model.value(formula, key, conditions)
        exact = found["X"].dtype != pl.Float64
        assert (value is None) == (expected is None)
        assert value is None or (Fraction(value) == expected if exact else value == pytest.approx(float(expected)))


@pytest.mark.parametrize("examples", [80, pytest.param(3_000, marks=pytest.mark.deep)])
def test_calculated_measures_are_those_of_the_model(examples: int) -> None:
    levels = st.permutations(["Shop", "City"]).flatmap(
        lambda order: st.integers(0, 3).map(lambda at: [*order[:at], "Day", *order[at:]])
    )
    asked = given(st.lists(ROW, max_size=12), FORMULA, levels, WHERE, st.booleans())
    settings(max_examples=examples, deadline=None)(asked(check))()
