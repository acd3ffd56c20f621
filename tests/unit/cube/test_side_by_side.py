"""Measures of several tables by levels that all have: each table says its own, and what has no such group is null."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest

from flows.cube.asking.side_by_side import ask_side_by_side
from flows.cube.bounds import Bounds
from flows.cube.duckdb.engine import DuckDbCube
from flows.errors import QueryError
from flows.model.calculated import CalculatedMeasure, Ratio
from flows.model.conditions import Among, Compare
from flows.model.joint_table import JointTable
from flows.model.merge import ChangeSet
from flows.model.query import Order
from flows.model.question import Question, Top
from flows.model.tables import CONTRIBUTORS_COUNT, Column, Table, TableJoin
from flows.model.types import BOOLEAN, DATE, FLOAT, INTEGER, STRING
from tests.cube_rows import rows_of

PRODUCTS = Table("products", (Column("ID", STRING), Column("Category", STRING)), ("ID",))
SALES = Table(
    "sales",
    (Column("Day", DATE), Column("Product", STRING), Column("City", STRING), Column("Amount", INTEGER)),
    joins=(TableJoin("Product", PRODUCTS, (("Product", "ID"),)),),
    calculated=(CalculatedMeasure("Each", Ratio("Amount.SUM", CONTRIBUTORS_COUNT), FLOAT),),
)
STOCK = Table(
    "stock",
    (Column("Day", DATE), Column("Article", STRING), Column("City", BOOLEAN), Column("Pieces", INTEGER)),
    joins=(TableJoin("Article", PRODUCTS, (("Article", "ID"),)),),
)
BOTH = JointTable((SALES, STOCK))
FIRST, SECOND, THIRD = (date(2021, 5, day) for day in (1, 2, 3))
ASKED = ("sales:Amount.SUM", "stock:Pieces.SUM")


@pytest.fixture(scope="module")
def cube() -> Iterator[DuckDbCube]:
    rows: dict[Table, list[tuple[Any, ...]]] = {
        PRODUCTS: [("phone", "mobile"), ("watch", "wearable")],
        SALES: [(FIRST, "phone", "Lyon", 4), (FIRST, "watch", "Lyon", 1), (SECOND, "ghost", "Paris", 2)],
        STOCK: [(FIRST, "phone", True, 10), (THIRD, "phone", True, 30), (THIRD, "cable", False, 7)],
    }
    with closing(DuckDbCube(tuple(rows))) as cube:
        for table, own in rows.items():
            cube.apply(ChangeSet(table.name, frozenset(), rows_of(table, own)))
        yield cube


def asked(cube: DuckDbCube, *by: str, where: Any = (), measures: tuple[str, ...] = ASKED, **steps: Any) -> list[Any]:
    question = Question(BOTH.name, measures, BOTH.drilled(by), **steps)
    question.check_steps(BOTH)
    conditions = {table.name: BOTH.own_conditions(table, where) for table in BOTH.tables}
    calls: list[int] = []

    def engine(queries: Any, bounds: Bounds) -> list[pl.DataFrame]:
        calls.append(len(queries))
        return cube.query_together(queries, bounds=bounds)

    found = ask_side_by_side(BOTH, question, conditions, engine, Bounds(), most_rows=100)
    assert len(calls) == 1  # of one state of both
    return found.rows.rows()


def shared(table: JointTable) -> set[str]:
    """The levels that all have, but for those of files, which every table has."""
    return {level.name for level in table.levels if "Source." not in level.name}


def test_measures_of_two_tables_stand_side_by_side_and_a_missing_side_is_null(cube: DuckDbCube) -> None:
    assert asked(cube, "Day") == [(FIRST, 5, 10), (SECOND, 2, None), (THIRD, None, 37)]
    assert asked(cube, "Day.Month") == [("2021-05", 7, 47)]
    assert asked(cube) == [(7, 47)]
    assert asked(cube, measures=("stock:Pieces.MAX", "sales:Each")) == [(30, 7 / 3)]


def test_levels_of_a_shared_reference_table_are_the_same_whatever_they_are_called(cube: DuckDbCube) -> None:
    assert asked(cube, "Product.Category") == [("mobile", 4, 40), ("no Product", 2, 7), ("wearable", 1, None)]
    assert asked(cube, "Article.Category") == [("mobile", 4, 40), ("no Article", 2, 7), ("wearable", 1, None)]
    by_key = [("cable", None, 7), ("ghost", 2, None), ("phone", 4, 40), ("watch", 1, None)]
    assert asked(cube, "Product") == asked(cube, "Article") == by_key
    levels = ["Day", "Day.Year", "Day.Quarter", "Day.Month", "Day.Week", "Day.Weekday"]
    assert shared(BOTH) == {*levels, "Product", "Product.Category", "Article", "Article.Category"}


def test_the_reference_table_itself_is_asked_beside_the_facts() -> None:
    with_products = JointTable((SALES, PRODUCTS))
    assert shared(with_products) == {"ID", "Category", "Product", "Product.Category"}
    assert with_products.own_levels(PRODUCTS, ["Product.Category", "Product"]) == ("Category", "ID")


def test_conditions_are_of_the_rows_of_all_tables(cube: DuckDbCube) -> None:
    assert asked(cube, "Day", where=(Compare("Day", "<=", SECOND),)) == [(FIRST, 5, 10), (SECOND, 2, None)]
    assert asked(cube, where=(Among("Article.Category", ("mobile",)),)) == [(4, 40)]
    assert asked(cube, where=(Among("Article.Category", ("no Article",)),)) == [(2, 7)]


def test_all_steps_are_on_the_rows_side_by_side(cube: DuckDbCube) -> None:
    by_pieces = (Order("stock:Pieces.SUM", descending=True),)
    assert asked(cube, "Day", sort=by_pieces) == [(THIRD, None, 37), (FIRST, 5, 10), (SECOND, 2, None)]
    assert asked(cube, "Day", sort=by_pieces, limit=1, offset=1) == [(FIRST, 5, 10)]
    assert asked(cube, "Day", having=(Compare("stock:Pieces.SUM", "<", 20),)) == [(FIRST, 5, 10)]
    assert asked(cube, "Day", measures=ASKED[:1], having=(Compare("stock:Pieces.SUM", ">", 20),)) == [(THIRD, None)]
    assert asked(cube, "Day", top=Top(1), others=True) == [(FIRST, 5, 10, False), (None, 2, 37, True)]
    assert asked(cube, "Day", "Product", totals=True)[:4] == [
        (None, None, 7, 47, 0), (FIRST, None, 5, 10, 1), (SECOND, None, 2, None, 1), (THIRD, None, None, 37, 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("level", "said"),
    [
        ("City", "City is of another type in sales and in stock"),
        ("Product.Size", "There is no level of that name"),
        ("Days", "did you mean Day"),
    ],
)
def test_levels_that_one_table_alone_has_are_refused(level: str, said: str) -> None:
    with pytest.raises(QueryError, match=said):
        BOTH.drilled((level,))


def test_a_refused_level_names_the_tables_and_what_all_have() -> None:
    shops = replace(STOCK, columns=(*STOCK.columns, Column("Shop", STRING)))
    with pytest.raises(QueryError, match=r"Shop is a level of stock, and sales has none such.*all have: .*Day"):
        JointTable((SALES, shops)).level("Shop")
    twice = replace(STOCK, joins=(*STOCK.joins, TableJoin("Other", PRODUCTS, (("Article", "ID"),))))
    with pytest.raises(QueryError, match=r"Product.Category of sales is Article.Category and Other.Category of stock"):
        JointTable((SALES, twice)).level("Product.Category")
