"""Questions by the levels of joined tables, on the embedded engine: each answer is of one state of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import date
from typing import Any

import pytest

from flows.cube import frames
from flows.cube.duckdb.engine import DuckDbCube
from flows.errors import QueryError
from flows.model.conditions import Among, Begins, Compare, Condition
from flows.model.merge import ChangeSet
from flows.model.query import Query
from flows.model.row_query import RowQuery
from flows.model.tables import Column, Table, TableJoin
from flows.model.types import BOOLEAN, DATE, INTEGER, STRING
from tests.cube_rows import all_rows, rows_of

SUPPLIERS = Table("suppliers", (Column("ID", INTEGER), Column("Country", STRING)), keys=("ID",))
PRODUCTS = Table(
    "products",
    (
        Column("Product", STRING),
        Column("Category", STRING, nullable=True),
        Column("Since", DATE),
        Column("Sold", BOOLEAN),
        Column("Supplier", INTEGER, nullable=True),
        Column("Weight", INTEGER),
    ),
    keys=("Product",),
    joins=(TableJoin("Supplier", SUPPLIERS, (("Supplier", "ID"),)),),
)
PRICES = Table(
    "prices",
    (Column("Shop", STRING), Column("Product", STRING), Column("Band", STRING)),
    keys=("Shop", "Product"),
)
SALES = Table(
    "sales",
    (Column("Shop", STRING), Column("Product", STRING, nullable=True), Column("Amount", INTEGER)),
    joins=(
        TableJoin("Product", PRODUCTS, (("Product", "Product"),)),
        TableJoin("Price", PRICES, (("Product", "Product"), ("Shop", "Shop"))),
    ),
)
TODAY = date(2021, 5, 1)
FACTS = [
    ("a", "phone", 1),
    ("b", "phone", 2),
    ("a", "watch", 4),
    ("a", "ghost", 8),
    ("a", None, 16),
    ("b", "cable", 32),
]
PHONE, WATCH, CABLE = (
    ("phone", "mobile", TODAY, True, 1, 5),
    ("watch", "wearable", date(2020, 12, 31), True, 2, 6),
    ("cable", None, TODAY, False, 9, 7),
)


def put(cube: DuckDbCube, table: Table, *rows: tuple[Any, ...], version: int = 1, drop: tuple[int, ...] = ()) -> None:
    cube.apply(ChangeSet(table.name, frozenset(drop), rows_of(table, rows, version)))


def sums(cube: DuckDbCube, *levels: str, where: tuple[Condition, ...] = (), totals: bool = False) -> list[Any]:
    return cube.query(Query("sales", ("Amount.SUM",), levels, where, totals=totals)).rows()


@pytest.fixture
def cube() -> Iterator[DuckDbCube]:
    with closing(DuckDbCube((SALES, PRODUCTS, SUPPLIERS, PRICES))) as cube:
        put(cube, SALES, *FACTS)
        put(cube, PRODUCTS, PHONE, WATCH, CABLE)
        put(cube, SUPPLIERS, (1, "Finland"), (2, "Japan"))
        put(cube, PRICES, ("a", "phone", "high"), ("b", "phone", "low"))
        yield cube


def test_the_levels_of_a_reference_table_group_the_facts_and_those_without_a_match_are_a_member(
    cube: DuckDbCube,
) -> None:
    assert sums(cube, "Product.Category") == [(None, 32), ("mobile", 3), ("no Product", 24), ("wearable", 4)]
    assert sums(cube, "Product.Since") == [(None, 24), (date(2020, 12, 31), 4), (TODAY, 35)]
    assert sums(cube, "Product.Since.Year") == [(None, 24), ("2020", 4), ("2021", 35)]
    assert sums(cube, "Product.Sold") == [(None, 24), (False, 32), (True, 7)]
    assert sums(cube) == [(63,)]


def test_the_levels_are_those_of_the_reference_table_but_for_its_key_and_its_numbers() -> None:
    joined = [level.name for level in SALES.levels if level.name.startswith("Product.")]
    periods = [f"Product.Since.{part}" for part in ("Year", "Quarter", "Month", "Week", "Weekday")]
    assert joined == ["Product.Category", "Product.Since", *periods, "Product.Sold", "Product.Supplier.Country"]


def test_joins_lie_behind_each_other(cube: DuckDbCube) -> None:
    assert sums(cube, "Product.Supplier.Country") == [
        ("Finland", 3), ("Japan", 4), ("no Product", 24), ("no Supplier", 32),
    ]  # fmt: skip
    found = sums(cube, "Product.Supplier.Country", "Product.Category", "Shop", totals=True)
    assert found[:5] == [
        (None, None, None, 63, 0), ("Finland", None, None, 3, 1), ("Japan", None, None, 4, 1),
        ("no Product", None, None, 24, 1), ("no Supplier", None, None, 32, 1),
    ]  # fmt: skip
    assert len(found) == 5 + 4 + 5


def test_totals_tell_facts_without_a_match_from_levels_that_they_do_not_fix(cube: DuckDbCube) -> None:
    assert sums(cube, "Shop", "Price.Band", totals=True) == [
        (None, None, 63, 0), ("a", None, 29, 1), ("b", None, 34, 1),
        ("a", "high", 1, 2), ("a", "no Price", 28, 2), ("b", "low", 2, 2), ("b", "no Price", 32, 2),
    ]  # fmt: skip


def test_a_key_of_several_columns_is_one_key(cube: DuckDbCube) -> None:
    assert sums(cube, "Price.Band") == [("high", 1), ("low", 2), ("no Price", 60)]


def test_conditions_are_of_joined_levels_too_and_of_the_rows_behind(cube: DuckDbCube) -> None:
    for condition, total in (
        (Among("Product.Category", ("mobile", "no Product")), 27),
        (Among("Product.Category", (None,)), 32),
        (Begins("Product.Supplier.Country", "no "), 56),
        (Compare("Product.Since.Month", ">=", "2021-01"), 35),
    ):
        assert sums(cube, where=(condition,)) == [(total,)]
        page = cube.rows(RowQuery("sales", (condition,)))
        assert (page.rows["Amount"].sum(), page.count) == (total, page.rows.height)
        assert page.rows.columns == all_rows(cube, "sales").columns
        assert cube.rows(RowQuery("sales", (condition,), limit=1)).count == page.count


def test_a_corrected_reference_labels_all_facts_anew(cube: DuckDbCube) -> None:
    put(cube, PRODUCTS, ("phone", "wearable", TODAY, True, 2, 5), ("ghost", "odd", TODAY, True, 1, 1), version=2)
    assert sums(cube, "Product.Category") == [(None, 32), ("no Product", 16), ("odd", 8), ("wearable", 7)]
    assert sums(cube, "Product.Supplier.Country")[0] == ("Finland", 8)
    put(cube, PRODUCTS, drop=(2,))
    assert sums(cube, "Product.Category")[:2] == [(None, 32), ("no Product", 27)]
    assert cube.row_count("sales") == len(FACTS)


def test_without_any_reference_rows_all_facts_are_without_a_match(cube: DuckDbCube) -> None:
    cube.rebuild("products", [])
    assert sums(cube, "Product.Category", "Product.Supplier.Country") == [("no Product", "no Product", 63)]


def test_what_has_only_the_rows_of_the_facts_refuses_joined_levels(cube: DuckDbCube) -> None:
    for query in (
        Query("sales", ("Amount.SUM",), ("Product.Category",)),
        Query("sales", ("Amount.SUM",), where=(Among("Product.Supplier.Country", ("Japan",)),)),
    ):
        with pytest.raises(QueryError, match=r"Product\.\S+ is of a joined table, which cannot be asked here"):
            frames.aggregate(SALES, query, all_rows(cube, "sales"))


def test_the_tables_that_a_question_reads_are_known() -> None:
    assert SALES.tables_of(["Shop", "Product"]) == {"sales"}
    assert SALES.tables_of(["Product.Category", "Price.Band"]) == {"sales", "products", "prices"}
    assert SALES.tables_of(["Product.Supplier.Country"]) == {"sales", "products", "suppliers"}
