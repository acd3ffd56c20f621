"""Joins that cannot work are refused at the start, naming the field and the fix."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import dataframely as dy
import pytest

from flows.datasets import load_datasets
from flows.errors import DeclarationError
from flows.model.dataset import Dataset
from flows.model.joins import Join
from flows.settings import Settings


class Products(dy.Schema):
    ID = dy.String(primary_key=True)
    Category = dy.String()
    Maker = dy.String(nullable=True)
    Weight = dy.Float64()


class Makers(dy.Schema):
    Name = dy.String(primary_key=True)
    Country = dy.String()


class Stock(dy.Schema):
    Day = dy.Date(primary_key=True)
    Product = dy.String(primary_key=True)
    Pieces = dy.Int64()


class Loose(dy.Schema):
    ID = dy.String()


MAKERS = Dataset(Makers, "makers")
PRODUCTS = Dataset(Products, "products", joins=(Join(MAKERS, {"Maker": "Name"}),))


def declared(*joins: Join, **options: Any) -> Dataset:
    return Dataset(Stock, "stock", joins=joins, **options)


def test_the_columns_of_a_reference_are_levels() -> None:
    table = declared(Join(PRODUCTS, on={"Product": "ID"})).table
    joined = [level.name for level in table.levels if level.name.startswith("Product.")]
    assert joined == [
        "Product.Category", "Product.Maker", "Product.Source.File", "Product.Source.Loaded",
        "Product.Maker.Country", "Product.Maker.Source.File", "Product.Maker.Source.Loaded",
    ]  # fmt: skip
    assert [measure.name for measure in table.shown] == ["Pieces.SUM", "Pieces.MEAN", "contributors.COUNT"]


@pytest.mark.parametrize(
    ("joins", "field", "fix"),
    [
        ([Join(PRODUCTS, {"Product": "Category"})], "joins.Product.on", "the whole key of products, which is ID"),
        ([Join(PRODUCTS, {})], "joins..name", "letters and digits"),
        ([Join(PRODUCTS, {}, "P")], "joins.P.on", "the whole key of products, which is ID"),
        ([Join(PRODUCTS, {"Article": "ID"})], "joins.Article.on", "which are Day, Product, Pieces"),
        ([Join(PRODUCTS, {"Day": "ID"})], "joins.Day.on", "the types that they have in products"),
        ([Join(Dataset(Loose, "l"), {"Product": "ID"})], "joins.Product.on", "none: it needs one"),
        ([Join(PRODUCTS, {"Product": "ID"}, "no'")], "joins.no'.name", "letters and digits"),
        ([Join(PRODUCTS, {"Product": "ID"})] * 2, "joins", "another name: Product.Category is something else"),
        ([PRODUCTS], "joins", "Join(…)"),
        ([Join(Products, {"Product": "ID"})], "joins.to", "Dataset(…)"),  # type: ignore[arg-type]  # not type-checked
    ],
)
def test_a_join_that_would_find_no_row_or_several_is_refused(joins: list[Any], field: str, fix: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        declared(*joins)
    assert f"The dataset's {field} cannot be used" in refused.value.what
    assert fix in str(refused.value.next_step)


def test_more_than_two_joins_behind_each_other_are_refused() -> None:
    class Boxes(dy.Schema):
        Product = dy.String(primary_key=True)
        Kind = dy.String()

    stock = Dataset(Boxes, "boxes", joins=(Join(PRODUCTS, {"Product": "ID"}),))
    with pytest.raises(DeclarationError, match="2 behind each other at most"):
        declared(Join(stock, {"Product": "Product"}))


def test_a_reference_has_to_be_loaded_too_and_as_it_is_declared(tmp_path: Path) -> None:
    file = tmp_path / "shop.py"
    file.write_text(
        "import dataframely as dy\n"
        "from cubefeed import Dataset, Join\n"
        "class Products(dy.Schema):\n    ID = dy.String(primary_key=True)\n    Category = dy.String()\n"
        "class Sales(dy.Schema):\n    Product = dy.String()\n    Amount = dy.Int64()\n"
        "PRODUCTS = Dataset(Products, 'products')\n"
        "SALES = Dataset(Sales, 'sales', joins=(Join(PRODUCTS, on={'Product': 'ID'}),))\n"
    )
    both = Settings(state=tmp_path / "state", datasets=f"{file}:SALES,{file}:PRODUCTS")
    assert [dataset.name for dataset in load_datasets(both)] == ["sales", "products"]
    with pytest.raises(DeclarationError, match=r"sales is joined to a dataset that is not loaded here.*name products"):
        load_datasets(replace(both, datasets=f"{file}:SALES"))
