"""What a table has of those joined to it: levels, numbers, and from where each comes."""

from __future__ import annotations

from flows.model.query import Query
from tests.integration.cube.join_contract import ORDERS, PRODUCTS, SUPPLIERS


def test_the_levels_are_those_of_the_reference_table_but_for_its_key_and_its_numbers() -> None:
    joined = [level.name for level in ORDERS.levels if level.name.startswith("Product.")]
    periods = [f"Product.Since.{part}" for part in ("Year", "Quarter", "Month", "Week", "Weekday")]
    sources = [f"Product.{join}Source.{fact}" for join in ("", "Supplier.") for fact in ("File", "Loaded")]
    columns = ["Product.Category", "Product.Since", *periods, "Product.Sold"]
    assert joined == [*columns, *sources[:2], "Product.Supplier.Country", *sources[2:]]


def test_numbers_of_reference_tables_are_measures_of_the_facts_and_not_on_the_page() -> None:
    assert [number.name for number in ORDERS.joined_numbers] == [
        "Product.Supplier", "Product.Weight", "Product.Cost", "Product.Supplier.Score",
    ]  # fmt: skip
    words = [name.removeprefix("Product.Cost.") for name in ORDERS.measure_names if name.startswith("Product.Cost.")]
    assert words == ["SUM", "MEAN", "COUNT", "MIN", "MAX"]
    assert [measure.name for measure in ORDERS.shown] == ["Amount.SUM", "Amount.MEAN", "contributors.COUNT"]


def test_the_tables_that_a_question_reads_are_known() -> None:
    assert ORDERS.references_of(["Shop", "Product"], ["Amount.SUM"]) == ()
    assert ORDERS.references_of(["Product.Category", "Price.Band"]) == ("Product", "Price")
    assert ORDERS.references_of(["Product.Supplier.Country"]) == ("Product", "Product.Supplier")
    assert ORDERS.references_of((), ["Product.Weight.SUM", "Product.Supplier.Score.MAX"]) == (
        "Product", "Product.Supplier",
    )  # fmt: skip
    assert ORDERS.references_of(Query("orders", ("Product.Since.Year.COUNT_DISTINCT",)).touched_levels(ORDERS)) == (
        "Product",
    )
    assert ORDERS.references["Product"] is PRODUCTS and ORDERS.references["Product.Supplier"] is SUPPLIERS
