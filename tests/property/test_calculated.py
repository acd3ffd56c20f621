"""Calculated measures of random rows are what a plain model of them in Python says, with exact fractions."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

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
from tests.property.plain_cube import Kept, PlainCube

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


def check(rows: list[tuple[Any, ...]], formula: Formula, levels: list[str], where: list[Among], totals: bool) -> None:
    """Every value is that of the model; one that is a float, to its last digits."""
    table = replace(TABLE, calculated=calculated_measures({"X": formula}, TABLE))
    query = Query("t", ("X",), tuple(levels), tuple(where), totals)
    conditions = tuple(Kept(each.name, each.values.__contains__) for each in where)
    model = PlainCube([dict(zip(NAMES, row, strict=True)) for row in rows], query.levels, {})
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
