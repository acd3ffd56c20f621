"""What every engine has to do with joined tables: each answer is of one state of all of them. As `cube_contract`, of a
cube with the tables of JOINED."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from math import fsum
from typing import Any

import pytest

from flows.cube.asking.calculate import calculate
from flows.cube.port import Cube
from flows.model.calculated import Previous
from flows.model.calculated_checks import calculated_measures
from flows.model.conditions import Among, Begins, Compare, Condition
from flows.model.merge import ChangeSet
from flows.model.query import Query
from flows.model.row_query import RowQuery
from flows.model.tables import Column, Table, TableJoin
from flows.model.types import BOOLEAN, DATE, DECIMAL, FLOAT, INTEGER, STRING
from tests.cube_rows import all_rows, rows_of

SUPPLIERS = Table("suppliers", (Column("ID", INTEGER), Column("Country", STRING), Column("Score", FLOAT)), keys=("ID",))
PRODUCTS = Table(
    "products",
    (
        Column("Product", STRING),
        Column("Category", STRING, nullable=True),
        Column("Since", DATE),
        Column("Sold", BOOLEAN),
        Column("Supplier", INTEGER, nullable=True),
        Column("Weight", INTEGER),
        Column("Cost", DECIMAL.sized(9, 2), nullable=True),
    ),
    keys=("Product",),
    joins=(TableJoin("Supplier", SUPPLIERS, (("Supplier", "ID"),)),),
)
PRICES = Table(
    "prices",
    (Column("Shop", STRING), Column("Product", STRING), Column("Band", STRING)),
    keys=("Shop", "Product"),
)
ORDERS = Table(
    "orders",
    (Column("Shop", STRING), Column("Product", STRING, nullable=True), Column("Amount", INTEGER)),
    joins=(
        TableJoin("Product", PRODUCTS, (("Product", "Product"),)),
        TableJoin("Price", PRICES, (("Product", "Product"), ("Shop", "Shop"))),
    ),
)
JOINED = (ORDERS, PRODUCTS, SUPPLIERS, PRICES)
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
    ("phone", "mobile", TODAY, True, 1, 5, Decimal("0.10")),
    ("watch", "wearable", date(2020, 12, 31), True, 2, 6, Decimal("2.25")),
    ("cable", None, TODAY, False, 9, 7, None),
)
GHOST = ("ghost", "odd", TODAY, True, 1, 1, Decimal("1.00"))
MOST = 2**63 - 1


def put(cube: Cube, table: Table, *rows: tuple[Any, ...], version: int = 1, drop: tuple[int, ...] = ()) -> None:
    cube.apply(ChangeSet(table.name, frozenset(drop), rows_of(table, rows, version)))


def sums(cube: Cube, *levels: str, where: tuple[Condition, ...] = (), totals: bool = False) -> list[Any]:
    return cube.query(Query("orders", ("Amount.SUM",), levels, where, totals=totals)).rows()


def measured(cube: Cube, *measures: str, by: tuple[str, ...] = (), where: tuple[Condition, ...] = ()) -> list[Any]:
    return cube.query(Query("orders", measures, by, where)).rows()


class JoinContract:
    """Inherit it and bring a fixture `cube`."""

    @pytest.fixture
    def orders(self, cube: Cube) -> Cube:
        """The cube, with orders and what they refer to."""
        put(cube, ORDERS, *FACTS)
        put(cube, PRODUCTS, PHONE, WATCH, CABLE)
        put(cube, SUPPLIERS, (1, "Finland", 0.1), (2, "Japan", 0.2))
        put(cube, PRICES, ("a", "phone", "high"), ("b", "phone", "low"))
        return cube

    def test_the_levels_of_a_reference_table_group_the_facts_and_those_without_a_match_are_a_member(
        self, orders: Cube
    ) -> None:
        assert sums(orders, "Product.Category") == [(None, 32), ("mobile", 3), ("no Product", 24), ("wearable", 4)]
        assert sums(orders, "Product.Since") == [(None, 24), (date(2020, 12, 31), 4), (TODAY, 35)]
        assert sums(orders, "Product.Since.Year") == [(None, 24), ("2020", 4), ("2021", 35)]
        assert sums(orders, "Product.Sold") == [(None, 24), (False, 32), (True, 7)]
        assert sums(orders) == [(63,)]

    def test_joins_lie_behind_each_other(self, orders: Cube) -> None:
        assert sums(orders, "Product.Supplier.Country") == [
            ("Finland", 3), ("Japan", 4), ("no Product", 24), ("no Supplier", 32),
        ]  # fmt: skip
        found = sums(orders, "Product.Supplier.Country", "Product.Category", "Shop", totals=True)
        assert found[:5] == [
            (None, None, None, 63, 0), ("Finland", None, None, 3, 1), ("Japan", None, None, 4, 1),
            ("no Product", None, None, 24, 1), ("no Supplier", None, None, 32, 1),
        ]  # fmt: skip
        assert len(found) == 5 + 4 + 5

    def test_totals_tell_facts_without_a_match_from_levels_that_they_do_not_fix(self, orders: Cube) -> None:
        assert sums(orders, "Shop", "Price.Band", totals=True) == [
            (None, None, 63, 0), ("a", None, 29, 1), ("b", None, 34, 1),
            ("a", "high", 1, 2), ("a", "no Price", 28, 2), ("b", "low", 2, 2), ("b", "no Price", 32, 2),
        ]  # fmt: skip

    def test_a_key_of_several_columns_is_one_key(self, orders: Cube) -> None:
        assert sums(orders, "Price.Band") == [("high", 1), ("low", 2), ("no Price", 60)]

    def test_conditions_are_of_joined_levels_too_and_of_the_rows_behind(self, orders: Cube) -> None:
        for condition, total in (
            (Among("Product.Category", ("mobile", "no Product")), 27),
            (Among("Product.Category", (None,)), 32),
            (Begins("Product.Supplier.Country", "no "), 56),
            (Compare("Product.Since.Month", ">=", "2021-01"), 35),
        ):
            assert sums(orders, where=(condition,)) == [(total,)]
            page = orders.rows(RowQuery("orders", (condition,)))
            assert (page.rows["Amount"].sum(), page.count) == (total, page.rows.height)
            assert page.rows.columns == all_rows(orders, "orders").columns
            assert orders.rows(RowQuery("orders", (condition,), limit=1)).count == page.count

    def test_different_values_of_joined_levels_are_counted_without_what_has_no_match(self, orders: Cube) -> None:
        counts = tuple(f"{name}.COUNT_DISTINCT" for name in ("Product.Category", "Product.Since.Year", "Price.Band"))
        assert measured(orders, *counts) == [(2, 2, 2)]
        assert measured(orders, *counts, by=("Shop",)) == [("a", 2, 2, 1), ("b", 1, 1, 1)]
        assert measured(orders, "Product.Supplier.Country.COUNT_DISTINCT", by=("Product.Category",)) == [
            (None, 0), ("mobile", 1), ("no Product", 0), ("wearable", 1),
        ]  # fmt: skip

    def test_a_corrected_reference_labels_all_facts_anew(self, orders: Cube) -> None:
        put(orders, PRODUCTS, ("phone", "wearable", TODAY, True, 2, 5, None), GHOST, version=2)
        assert sums(orders, "Product.Category") == [(None, 32), ("no Product", 16), ("odd", 8), ("wearable", 7)]
        assert sums(orders, "Product.Supplier.Country")[0] == ("Finland", 8)
        put(orders, PRODUCTS, drop=(2,))
        assert sums(orders, "Product.Category")[:2] == [(None, 32), ("no Product", 27)]
        assert orders.row_count("orders") == len(FACTS)

    def test_a_condition_on_another_column_of_the_joined_table_holds_in_the_period_before_too(
        self, orders: Cube
    ) -> None:
        put(orders, PRODUCTS, ("tablet", "mobile", date(2020, 12, 2), True, 1, 5, None), version=2)
        put(orders, ORDERS, ("a", "tablet", 64), version=2)
        measured = {"Before": Previous("Amount.SUM", "Product.Since.Year")}
        table = replace(ORDERS, calculated=calculated_measures(measured, ORDERS))
        mobile, now = Among("Product.Category", ("mobile",)), Among("Product.Since.Month", ("2021-05",))
        some = Among("Product", ("phone", "tablet", "watch"))
        query = Query("orders", ("Amount.SUM", "Before"), ("Product.Since.Year",), (mobile, now, some))
        assert calculate(table, query, orders.query_together)[0].rows() == [("2021", 3, 64)]
        assert calculate(table, replace(query, where=(now,)), orders.query_together)[0].rows() == [("2021", 35, 68)]

    def test_without_any_reference_rows_all_facts_are_without_a_match(self, orders: Cube) -> None:
        orders.rebuild("products", [])
        assert sums(orders, "Product.Category", "Product.Supplier.Country") == [("no Product", "no Product", 63)]

    def test_a_number_of_a_reference_counts_once_for_each_row_that_has_it(self, orders: Cube) -> None:
        weights = measured(orders, *(f"Product.Weight.{word}" for word in ("SUM", "MEAN", "COUNT", "MIN", "MAX")))
        assert weights == [(23, 5.75, 4, 5, 7)]
        costs = measured(orders, "Product.Cost.SUM", "Product.Cost.MEAN", "Product.Cost.COUNT", "Product.Cost.MAX")
        assert costs == [(Decimal("2.45"), pytest.approx(2.45 / 3), 3, Decimal("2.25"))]
        assert measured(orders, "Product.Weight.SUM", "Amount.SUM", by=("Shop",)) == [("a", 11, 29), ("b", 12, 34)]
        of_none = measured(orders, "Product.Weight.SUM", "Product.Weight.COUNT", where=(Among("Product", ("ghost",)),))
        assert of_none == [(None, 0)]
        put(orders, PRODUCTS, GHOST, version=2)
        assert measured(orders, "Product.Weight.SUM", "Product.Cost.SUM") == [(24, Decimal("3.45"))]

    def test_numbers_of_a_reference_behind_another_one_add_up_exactly(self, orders: Cube) -> None:
        assert measured(orders, "Product.Supplier.Score.SUM") == [(fsum([0.1, 0.1, 0.2]),)]
        put(orders, SUPPLIERS, (1, "Finland", 1e16), (2, "Japan", 1.0), (9, "Peru", -2e16), version=2)
        assert measured(orders, "Product.Supplier.Score.SUM", "Product.Supplier.Score.MEAN") == [(1.0, 0.25)]
        by_country = measured(orders, "Product.Supplier.Score.SUM", by=("Product.Supplier.Country",))
        assert by_country == [("Finland", 2e16), ("Japan", 1.0), ("Peru", -2e16), ("no Product", None)]

    def test_a_sum_of_numbers_of_a_reference_never_wraps(self, orders: Cube) -> None:
        put(orders, PRODUCTS, ("phone", "mobile", TODAY, True, 1, MOST, None), version=2)
        assert measured(orders, "Product.Weight.SUM", "Product.Weight.MAX") == [(2 * MOST + 13, MOST)]

    def test_numbers_of_a_reference_have_totals(self, orders: Cube) -> None:
        query = Query("orders", ("Product.Weight.SUM",), ("Product.Category", "Shop"), totals=True)
        assert orders.query(query).rows()[:2] == [(None, None, 23, 0), (None, None, 7, 1)]

    def test_rows_without_a_match_are_as_many_as_their_member_has(self, orders: Cube) -> None:
        assert orders.unmatched("orders") == {"Product": 2, "Product.Supplier": 1, "Price": 4}
        assert orders.unmatched("products") == {"Supplier": 1}
        assert orders.unmatched("prices") == {}
        found = measured(orders, "contributors.COUNT", by=("Product.Supplier.Country",))
        assert [row for row in found if row[0].startswith("no ")] == [("no Product", 2), ("no Supplier", 1)]
        orders.rebuild("products", [])
        assert orders.unmatched("orders") == {"Product": 6, "Product.Supplier": 0, "Price": 4}
