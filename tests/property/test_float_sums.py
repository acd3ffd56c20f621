"""Sums and means of floats are those of exact fractions, rounded once: on both ways to answer, in every order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import closing
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.cube import frames
from flows.cube.duckdb.engine import DuckDbCube
from flows.model.merge import ChangeSet
from flows.model.query import Query
from flows.model.tables import LINE, VERSION, Column, Table
from flows.model.types import FLOAT, STRING

TABLE = Table("t", (Column("Shop", STRING), Column("Price", FLOAT, nullable=True)))
QUERY = Query("t", ("Price.SUM", "Price.MEAN", "Price.COUNT"), ("Shop",), totals=True)
PRICES = st.integers(-(10**7), 10**7).map(lambda cents: cents / 100)
FLOATS = (
    PRICES
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([1e308, -1e308, 5e-324, 1e16, -1e16, 0.1, 2.0**-1022, 2.0**62, -0.0])
)
ROWS = st.lists(st.tuples(st.sampled_from("ab"), st.none() | PRICES)) | st.lists(
    st.tuples(st.sampled_from("ab"), st.none() | FLOATS)
)


def exact(values: Sequence[float]) -> tuple[float | None, float | None]:
    """The sum and the mean, as fractions have them."""
    if not values:
        return None, None
    total = sum(map(Fraction, values), Fraction())
    rounded = nearest(total)
    return rounded, rounded / len(values) if math.isfinite(rounded) else nearest(total / len(values))


def nearest(number: Fraction) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def check(rows: list[tuple[str, float | None]], cut: int) -> None:
    """The rows come in two commits, of which the second may widen the range of values."""
    schema = {"Shop": pl.String, "Price": pl.Float64}
    frame = pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        pl.lit(1, pl.Int64).alias(VERSION), pl.lit(2, pl.UInt32).alias(LINE)
    )
    groups = [(None, 0), *((shop, 1) for shop in sorted({shop for shop, _ in rows}))] if rows else []
    held = [[price for shop, price in rows if name in (None, shop) and price is not None] for name, _ in groups]
    expected = [(name, *exact(values), len(values), depth) for (name, depth), values in zip(groups, held, strict=True)]
    with closing(DuckDbCube((TABLE,))) as cube:
        for part in (frame[:cut], frame[cut:]):
            cube.apply(ChangeSet("t", frozenset(), part))
        assert cube.query(QUERY).rows() == expected
    assert frames.aggregate(TABLE, QUERY, frame).rows() == expected


@pytest.mark.parametrize("examples", [60, pytest.param(3_000, marks=pytest.mark.deep)])
def test_float_sums_are_exact_and_rounded_once(examples: int) -> None:
    settings(max_examples=examples, deadline=None)(given(ROWS, st.integers(0, 9))(check))()


def test_a_question_of_floats_has_one_answer() -> None:
    """Rows enough that several threads add them up, in an order of their own each time."""
    rows = 400_000
    values = pl.Series("Price", [(i * 7919 % 1_000_003) / 100 - 3_000 for i in range(rows)])
    frame = pl.DataFrame({"Shop": ["a", "b"] * (rows // 2), "Price": values, VERSION: [1] * rows}).with_columns(
        pl.lit(2, pl.UInt32).alias(LINE)
    )
    with closing(DuckDbCube((TABLE,))) as cube:
        cube.apply(ChangeSet("t", frozenset(), frame))
        answers = {tuple(cube.query(QUERY).rows()) for _ in range(12)}
        [answer] = answers
    assert answer[0][1] == math.fsum(values)
