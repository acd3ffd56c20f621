"""Derived columns that cannot be declared are refused, naming the column, what is wrong, and the fix."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import dataframely as dy
import polars as pl
import pytest

from flows.errors import DeclarationError
from flows.model.calendar import DailyBy
from flows.model.dataset import Dataset
from flows.model.derived import Derived
from flows.model.types import DATE, STRING

PRICE, QTY = pl.col("Price"), pl.col("Qty")
MONEY, WHOLE, TEXT, FLOAT = dy.Decimal(12, 2), dy.Int64(), dy.String(), dy.Float64()


class Orders(dy.Schema):
    ID = dy.Int64(primary_key=True)
    Price = dy.Decimal(8, 2)
    Qty = dy.Int64(nullable=True)
    Rate = dy.Float64()
    Day = dy.Date()
    Name = dy.String()


def declared(columns: Any, **options: Any) -> Dataset:
    return Dataset(Orders, "landing", columns=columns, **options)


def refusal(columns: Any, **options: Any) -> str:
    with pytest.raises(DeclarationError) as refused:
        declared(columns, **options)
    return str(refused.value)


OTHER_ROWS: dict[str, pl.Expr] = {
    "sum": QTY.sum(), "mean": QTY / QTY.mean(), "max": QTY.max(), "n_unique": QTY.n_unique(), "first": QTY.first(),
    "len": pl.len(), "over": QTY.sum().over("Name"), "sort": QTY.sort(), "sort_by": QTY.sort_by("ID"),
    "shift": QTY.shift(1), "diff": QTY.diff(), "cum_sum": QTY.cum_sum(), "rank": QTY.rank(),
    "filter": QTY.filter(QTY > 1),
    "gather": QTY.gather([0]), "slice": QTY.slice(0, 1), "fill_null(strategy=…)": QTY.fill_null(strategy="mean"),
    "interpolate": QTY.interpolate(), "random": QTY.shuffle(), "rolling": QTY.sum().rolling("Day", period="2d"),
    "explode": QTY.implode().explode(), "unique": QTY.unique(),
}  # fmt: skip
NOT_LISTED: dict[str, pl.Expr] = {
    "a Python function": QTY.map_elements(lambda value: value, return_dtype=pl.Int64),
    "a literal Series": QTY + pl.lit(pl.Series([1])), "several columns at once": pl.col("Price", "Qty").abs(),
    "alias": QTY.alias("Other"), "hash": QTY.hash(), "reverse": QTY.reverse(), "arg_sort": QTY.arg_sort(),
    "is_duplicated": QTY.is_duplicated(), "peak_min": QTY.peak_min(), "value_counts": pl.col("Name").value_counts(),
    "as_struct": pl.struct("Price", "Qty"), "element": pl.element(), "range": pl.int_range(0, 3),
    "set_sorted": QTY.set_sorted(), "repeat": pl.repeat(1, pl.len()), "fill_null(strategy=…)": QTY.forward_fill(),
    "rleid": QTY.rle_id(), "is_first_distinct": QTY.is_first_distinct(),
    "sum_horizontal": pl.sum_horizontal("Qty", "ID"),
    "a Python function ": pl.col("Qty").map_batches(lambda values: values),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHER_ROWS)
def test_what_looks_at_other_rows_is_refused_by_its_name_wherever_it_stands(name: str) -> None:
    for expression in (OTHER_ROWS[name], PRICE * 2 + OTHER_ROWS[name], pl.when(PRICE > 1).then(OTHER_ROWS[name])):
        said = refusal({"Made": Derived(expression, FLOAT)})
        assert "The dataset's columns.Made cannot be used" in said
        assert f"{name}, which looks at other rows" in said


@pytest.mark.parametrize("name", NOT_LISTED)
def test_what_is_not_on_the_list_is_refused_by_its_name(name: str) -> None:
    said = refusal({"Made": Derived(NOT_LISTED[name], FLOAT)})
    assert "The dataset's columns.Made cannot be used" in said and name.strip() in said


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"Made": Derived(pl.col("Prise") * QTY, MONEY)}, ["the column Prise", "did you mean Price"]),
        ({"Made": Derived(pl.when(QTY > 1).then("many"), TEXT)}, ["many", 'a text would be written pl.lit("many")']),
        ({"One": Derived(pl.col("Two"), MONEY), "Two": Derived(PRICE, MONEY)}, ["columns.One", "the column Two"]),
        ({"One": Derived(pl.col("One") + 1, MONEY)}, ["columns.One", "the column One"]),
        ({"Price": Derived(PRICE * 2, MONEY)}, ["columns.Price", "another name"]),
        ({"_line": Derived(PRICE, MONEY)}, ["columns._line", "another name; this one is taken"]),
        ({"Price.SUM": Derived(pl.col("Name"), TEXT)}, ["Price.SUM", "another name"]),
        ({"Made": Derived(PRICE, dy.Decimal(12, 2, primary_key=True))}, ["columns.Made", "no key"]),
        ({"Made": Derived(PRICE, dy.List(dy.Int64()))}, ["columns.Made", "Decimal"]),
        ({"Made": PRICE * QTY}, ["columns.Made", "Derived("]),
        ({"Made": Derived(5, WHOLE)}, ["columns.Made", "polars expression"]),  # type: ignore[arg-type]
        ({"Made": Derived(PRICE, int)}, ["columns.Made", "type of a schema's column"]),  # type: ignore[arg-type]
        ([PRICE], ["columns cannot be used", "mapping of names"]),
        ({"Made": Derived(PRICE / QTY, MONEY)}, ["a float as decimal", ".round(…)"]),
        ({"Made": Derived(pl.col("Rate"), WHOLE)}, ["a float as integer"]),
        ({"Made": Derived(pl.col("Name") + QTY, TEXT)}, ["the sum of a text and an exact number"]),
        ({"Made": Derived(pl.col("Day") < PRICE, dy.Bool())}, ["a day and an exact number side by side"]),
        ({"Made": Derived(pl.when(QTY > 1).then(pl.lit("x")).otherwise(1), TEXT)}, ["a text and an exact number side"]),
        ({"Made": Derived(pl.col("Day") + timedelta(hours=1), dy.Date())}, ["a timedelta of whole days"]),
        ({"Made": Derived(pl.col("Name").str.contains("("), dy.Bool())}, ["columns.Made", "regex"]),
        ({"Made": Derived(pl.col("Day").dt.truncate("1fortnight"), dy.Date())}, ["columns.Made", "fortnight"]),
        ({"Made": Derived(QTY.is_in(["a"]), dy.Bool())}, ["is_in() of an exact number with 'a'"]),
        ({"Made": Derived(QTY * 10**38, WHOLE)}, ["numbers of at most 38 digits"]),
        ({"Made": Derived(pl.lit(float("inf")), FLOAT)}, ["a literal without a finite value"]),
        ({"Made": Derived(pl.lit(None), FLOAT)}, ["no value as float"]),
        ({"Made": Derived(QTY**QTY, WHOLE)}, ["a written exponent"]),
        ({"Made": Derived(pl.col("Qty").cast(pl.Int8, wrap_numerical=True), WHOLE)}, ["cast"]),
    ],
)  # fmt: skip
def test_what_cannot_be_computed_or_named_is_refused_with_the_fix(columns: Any, words: list[str]) -> None:
    said = refusal(columns)
    assert all(word in said for word in words), said


def test_an_earlier_name_of_a_column_is_no_derived_one() -> None:
    assert "renamed" in refusal({"Made": Derived(PRICE, MONEY)}, renamed={"Made": "Price"})


def test_expressions_without_end_are_refused() -> None:
    long = QTY
    for _ in range(1_500):
        long = long + 1
    assert "columns.Made cannot be used" in refusal({"Made": Derived(long, WHOLE)})


def test_they_come_behind_the_schemas_columns_and_may_use_those_before_them() -> None:
    columns = {
        "filter": Derived(PRICE * QTY, dy.Decimal(20, 2, nullable=True)),
        "Large": Derived(pl.when(pl.col("filter") > 5).then(pl.lit("yes")), dy.String(nullable=True)),
        "Month": Derived(pl.col("Day").dt.month_start(), dy.Date()),
    }
    dataset = declared(columns, expect=DailyBy("07:00", "UTC", day="Month"))
    made = dataset.table.columns[len(Orders.columns()) :]
    assert [(each.name, each.nullable) for each in made] == [("filter", True), ("Large", True), ("Month", False)]
    assert made[1].type == STRING and made[2].type == DATE
    assert "filter.SUM" in [measure.name for measure in dataset.table.measures]
    assert dataset.header == tuple(Orders.columns())


def test_the_fingerprint_changes_with_an_expression_and_a_type_alone() -> None:
    plain, priced = declared({}), declared({"Made": Derived(PRICE * QTY, MONEY)})
    assert plain.fingerprint == Dataset(Orders, "landing").fingerprint
    again = declared({"Made": Derived(PRICE * QTY, dy.Decimal(12, 2))})
    assert priced == again and priced.fingerprint == again.fingerprint and hash(priced) == hash(again)
    assert replace(priced, landing="elsewhere").fingerprint == priced.fingerprint
    others = [Derived(QTY * PRICE, MONEY), Derived(PRICE * QTY, dy.Decimal(13, 2)), Derived(PRICE * 2, MONEY)]
    fingerprints = {declared({"Made": each}).fingerprint for each in others}
    assert len({plain.fingerprint, priced.fingerprint, *fingerprints}) == 5
    assert declared({"Made": others[0]}) != priced
