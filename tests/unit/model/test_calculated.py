"""Which calculated measures a dataset may declare, and what is said of those that it may not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

import dataframely as dy
import polars as pl
import pytest

from flows.errors import DeclarationError
from flows.model.calculated import Change, Difference, Plus, Previous, Rank, Ratio, Running, Share, Times
from flows.model.dataset import Dataset


class Sales(dy.Schema):
    Day = dy.Date(primary_key=True)
    Shop = dy.String()
    Revenue = dy.Decimal(12, 2)
    Units = dy.Int64()


def declared(measures: Any) -> Dataset:
    return Dataset(Sales, "landing", measures=measures)


def test_measures_are_computed_of_others_in_whatever_order_they_are_declared() -> None:
    table = declared(
        {
            "Twice": Plus("Price", "Price"),
            "Price": Ratio("Revenue.SUM", "Units.SUM"),
            "Last": Previous("Day.MAX", "Day"),
            "Exact": Difference(Times("Revenue.SUM", Decimal("0.19")), "Units.SUM"),
            "Place": Rank("Exact"),
        }
    ).table
    assert {each.name: each.type.kind for each in table.calculated} == {
        "Twice": "float", "Price": "float", "Last": "date", "Exact": "decimal", "Place": "integer",
    }  # fmt: skip
    assert table.type_of_measure("Exact").frame == pl.Decimal(38, 4)
    assert declared({"Twice": Plus("Units.SUM", "Units.SUM")}).fingerprint == declared({}).fingerprint


@pytest.mark.parametrize(
    ("measures", "words"),
    [
        ({"A": Ratio("Revenue.SUMM", 1)}, "make measures['A'] computed of measures that there are; did you mean Re"),
        ({"A": Plus("B", 1), "B": Plus("A", 1)}, "computed of others than itself"),
        ({"A": Plus("A", 1)}, "got=A → A"),
        ({"A": Share("Units.SUM", of="Shops")}, "of a level that there is; did you mean Shop?"),
        ({"A": Share("Units.SUM", of=cast(Any, 3))}, "a share of a level, Total() or Parent()"),
        ({"A": Running("Units.SUM", along="Units")}, "of a level that there is"),
        ({"A": Change("Units.SUM", "Shop")}, "of a level of days"),
        ({"A": Plus("Day.MAX", 1)}, "computed of numbers"),
        ({"A": Plus("Units.SUM", float("nan"))}, "finite numbers"),
        ({"A": Plus("Units.SUM", True)}, "finite numbers"),
        ({"A": "Units.SUM"}, "Ratio(…)"),
        ({"A": Ratio}, "Ratio(…)"),
        ({"Units.SUM": Plus(1, 1)}, "measures['Units.SUM'] of another name: a measure is called so"),
        ({"Shop": Plus(1, 1)}, "of another name: a level is called so"),
        ({"Units": Plus(1, 1)}, "of another name: a column is called so"),
        ({"total_depth": Plus(1, 1)}, "of another name: the depth of totals is called so"),
        ({"": Plus(1, 1)}, "names, which are texts"),
        ([Plus(1, 1)], "a mapping of names to formulas"),
    ],
)  # fmt: skip
def test_what_cannot_be_computed_is_refused_at_the_start(measures: Any, words: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        declared(measures)
    assert words in str(refused.value)
