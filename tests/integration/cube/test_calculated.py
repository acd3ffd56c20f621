"""Calculated measures on the embedded engine: what the documentation says of each, with its examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
import pytest

from flows.cube.asking.ask import Engine
from flows.cube.asking.ask import ask as ask_question
from flows.cube.asking.calculate import calculate
from flows.cube.bounds import Bounds
from flows.cube.duckdb.engine import DuckDbCube
from flows.errors import QueryError
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
)
from flows.model.calculated_checks import calculated_measures
from flows.model.conditions import Among, Compare, Condition
from flows.model.query import Order, Query
from flows.model.question import Question, Top
from flows.model.tables import Column, Table
from flows.model.types import DATE, DECIMAL, FLOAT, INTEGER, STRING
from tests.integration.cube.cube_contract import put

TABLE = Table(
    "sales",
    (
        Column("Day", DATE, nullable=True),
        Column("Country", STRING, nullable=True),
        Column("City", STRING),
        Column("Units", INTEGER, nullable=True),
        Column("Price", DECIMAL.sized(10, 2)),
        Column("Weight", FLOAT),
    ),
)
S = "Units.SUM"
DAYS = {day: date(2021, 5, day) for day in range(1, 6)}
PLACES = [("FR", "Lyon", 20), ("FR", "Paris", 30), ("DE", "Berlin", 50)]
TOTALS = ("sales", ("Country", "City"), (), True)


@pytest.fixture
def cube() -> Iterator[DuckDbCube]:
    opened = DuckDbCube((TABLE,))
    yield opened
    opened.close()


def rows(*found: tuple[int | None, str | None, str, int | None]) -> list[tuple[Any, ...]]:
    return [(None if day is None else DAYS[day], country, city, units, Decimal("1.10"), 0.5)
            for day, country, city, units in found]  # fmt: skip


def places(cube: DuckDbCube) -> None:
    put(cube, TABLE, *rows(*((1, *place) for place in PLACES)))


def ask(cube: DuckDbCube, formulas: Mapping[str, Formula], query: Query) -> tuple[pl.DataFrame, tuple[str, ...]]:
    table = replace(TABLE, calculated=calculated_measures(formulas, TABLE))
    return calculate(table, replace(query, measures=tuple(formulas)), cube.query_together)


def of(
    cube: DuckDbCube, formula: Formula, *levels: str, where: tuple[Condition, ...] = (), totals: bool = False
) -> list[Any]:
    """The values of a formula, row by row."""
    return ask(cube, {"X": formula}, Query("sales", (), levels, where, totals))[0]["X"].to_list()


def test_a_share_is_of_all_of_the_parent_or_of_a_level_and_what_is_shown_does_not_change_it(cube: DuckDbCube) -> None:
    places(cube)
    by = ("Country", "City")
    assert of(cube, Share(S), *by) == [0.5, 0.2, 0.3]
    assert of(cube, Share(S, of="Country"), *by) == of(cube, Share(S, of=Parent()), *by) == [1.0, 0.4, 0.6]
    paris = (Among("City", ("Paris",)),)
    assert of(cube, Share(S), *by, where=paris) == [0.3]
    assert of(cube, Share(S, of="Country"), *by, where=paris) == [0.6]
    assert of(cube, Share(S), "Country", where=(Among("City", ("Paris", "Berlin")),)) == [0.625, 0.375]
    assert of(cube, Share(S, of="Country"), *by, totals=True) == [None, 1.0, 1.0, 1.0, 0.4, 0.6]
    assert of(cube, Share(S), *by, totals=True, where=paris) == [0.3, 0.3, 0.3]


def test_a_rank_is_among_all_rows_or_within_a_level_and_equal_ones_share_it(cube: DuckDbCube) -> None:
    places(cube)
    by = ("Country", "City")
    assert of(cube, Rank(S), *by) == [1, 3, 2]
    assert of(cube, Rank(S, within="Country"), *by) == [1, 2, 1]
    assert of(cube, Rank(S), *by, where=(Among("City", ("Lyon",)),)) == [3]
    put(cube, TABLE, *rows((1, "IT", "Roma", 50), (1, "IT", "Pisa", None)))
    assert of(cube, Rank(S), *by) == [1, 4, 3, None, 1]


def test_the_period_before_is_that_of_the_calendar_and_no_earlier_one(cube: DuckDbCube) -> None:
    put(
        cube,
        TABLE,
        *rows((1, "FR", "a", 40), (2, "FR", "a", 50), (4, "FR", "a", 60), (5, "FR", "a", 0), (None, "FR", "a", 7)),
    )
    assert of(cube, Previous(S, "Day"), "Day") == [None, None, 40, None, 60]
    assert of(cube, Change(S, "Day"), "Day") == [None, None, 10, None, -60]
    assert of(cube, Growth(S, "Day"), "Day") == [None, None, 0.25, None, -1.0]
    assert of(cube, Running(S, "Day"), "Day") == [7, 47, 97, 157, 157]
    second = (Among("Day", (DAYS[2],)),)
    assert of(cube, Previous(S, "Day"), "Day", where=second) == [40]
    assert of(cube, Running(S, "Day"), "Day", where=second) == [50]
    assert of(cube, Previous(S, "Day"), "Country", "Day", where=(Compare("Day", ">=", DAYS[2]),)) == [40, None, 60]
    assert of(cube, Previous(S, "Day"), "Day", "City", totals=True)[:1] == [None]


def test_other_levels_stay_the_same_in_the_period_before_and_in_a_running_total(cube: DuckDbCube) -> None:
    put(cube, TABLE, *rows((1, "FR", "a", 1), (1, "FR", "b", 2), (2, "FR", "a", 4), (3, "FR", "b", 8)))
    assert of(cube, Previous(S, "Day"), "Day", "City") == [None, None, 1, None]
    assert of(cube, Running(S, "Day"), "Day", "City") == [1, 2, 5, 10]
    assert of(cube, Running(S, "Day"), "City", "Day") == [1, 5, 2, 10]


def test_the_month_before_is_null_where_it_has_no_rows_whatever_earlier_ones_have(cube: DuckDbCube) -> None:
    days = {date(2020, 12, 31): 40, date(2021, 1, 1): 20, date(2021, 1, 31): 30, date(2021, 3, 1): 60}
    put(cube, TABLE, *((day, "FR", "a", units, Decimal(1), 0.5) for day, units in days.items()))
    assert of(cube, Previous(S, "Day.Month"), "Day.Month") == [None, 40, None]
    assert of(cube, Change(S, "Day.Month"), "Day.Month") == [None, 10, None]
    assert of(cube, Growth(S, "Day.Month"), "Day.Month") == [None, 0.25, None]
    assert of(cube, Previous(S, "Day.Year"), "Day.Year") == [None, 40]
    assert of(cube, Previous(S, "Day.Quarter"), "Day.Quarter") == [None, 40]
    january = (Compare("Day", ">=", date(2021, 1, 31)), Compare("Day", "<=", date(2021, 1, 31)))
    assert of(cube, Previous(S, "Day.Month"), "Day.Month", where=january) == [40]
    assert of(cube, Running(S, "Day.Month"), "Day.Year", "Day.Month") == [40, 50, 110]


def test_what_is_calculated_is_the_same_whatever_groups_are_kept_and_may_keep_and_sort_them(cube: DuckDbCube) -> None:
    places(cube)
    formulas: dict[str, Formula] = {"Part": Share(S), "Place": Rank(S)}
    table = replace(TABLE, calculated=calculated_measures(formulas, TABLE))
    few = Question("sales", ("Part",), ("City",), having=(Compare("Part", ">", 0.25),), sort=(Order("Place"),))
    best = Question("sales", ("Part", "Place", S), ("City",), top=Top(1), others=True)
    for question, found in (
        (few, [("Berlin", 0.5), ("Paris", 0.3)]),
        (best, [("Berlin", 0.5, 1, 50, False), (None, None, None, 50, True)]),
    ):
        asked = ask_question(question.checked((table,)), question, together(cube), Bounds(), most_rows=9)
        assert asked.rows.rows() == found


def together(cube: DuckDbCube) -> Engine:
    return lambda queries, bounds: cube.query_together(queries, bounds=bounds)


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        (Ratio(S, 0), None),
        (Ratio(S, Plus("Units.COUNT", 1)), 5.0),
        (Ratio("Price.SUM", 3), float(Fraction(22, 30))),
        (Plus("Price.SUM", S), Decimal("12.20")),
        (Difference("Price.SUM", Decimal("0.205")), Decimal("1.995")),
        (Times("Price.SUM", "Price.MAX"), Decimal("2.4200")),
        (Times(S, Plus(S, -3)), 70),
        (Difference(2**62, Times(-1, 2**62)), None),
        (Plus("Weight.SUM", S), 11.0),
        (Previous("Price.SUM", "Day"), None),
        (Difference("Country.COUNT_DISTINCT", 1), 0),
    ],
)
def test_arithmetic_is_exact_where_its_operands_are(cube: DuckDbCube, formula: Formula, value: Any) -> None:
    put(cube, TABLE, *rows((1, "FR", "a", 10), (1, "FR", "a", None)))
    found, too_large = ask(cube, {"X": formula}, Query("sales", (), ("Day",)))
    assert found["X"].to_list() == [value]
    assert too_large == (("X",) if isinstance(formula, Difference) and formula.left == 2**62 else ())


def test_base_and_calculated_measures_come_in_one_answer_in_the_order_asked(cube: DuckDbCube) -> None:
    places(cube)
    formulas: dict[str, Formula] = {"Twice": Plus(S, S), "Half": Ratio("Twice", 4)}
    table = replace(TABLE, calculated=calculated_measures(formulas, TABLE))
    query = Query("sales", ("Half", S, "Day.MIN", "Twice"), ("Country",), totals=True)
    found = calculate(table, query, cube.query_together)[0]
    assert found.columns == ["Country", "Half", S, "Day.MIN", "Twice", "total_depth"]
    assert found.rows() == [
        (None, 50.0, 100, DAYS[1], 200, 0),
        ("DE", 25.0, 50, DAYS[1], 100, 1),
        ("FR", 25.0, 50, DAYS[1], 100, 1),
    ]


def test_without_rows_there_is_no_answer_but_the_total_of_a_question_without_levels(cube: DuckDbCube) -> None:
    assert of(cube, Plus(S, 1), "Country", totals=True) == []
    assert of(cube, Plus(S, 1), totals=True) == of(cube, Share(S)) == [None]


@pytest.mark.parametrize("formula", [Share(S, of="Country"), Previous(S, "Day"), Running(S, "Day"), Rank(S, "Country")])
def test_a_level_that_is_not_asked_is_named(cube: DuckDbCube, formula: Operand) -> None:
    with pytest.raises(QueryError, match=r"X is told by (Country|Day), which is not asked") as refused:
        of(cube, Plus(1, formula), "City")
    assert refused.value.next_step in ("group by Country too", "group by Day too")
