"""Derived columns are exact and look at one row alone: random expressions against fractions, and each function that
may be declared over rows in any order and in any parts."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import dataframely as dy
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flows.model.expressions.compile import FUNCTIONS, Computation, compile_expression
from flows.model.expressions.operators import BINARY
from flows.model.expressions.term import MOST, Refused
from flows.model.types.decimal import EXACT
from tests.property.expressions import COLUMNS, NUMBERS, ROWS, Drawn, NoValueError, Row, fitting, frame_of

TYPES: dict[str, dy.Column] = {
    "Decimal(38, 6)": dy.Decimal(38, 6, nullable=True),
    "Decimal(12, 2)": dy.Decimal(12, 2, nullable=True),
    "Int64": dy.Int64(nullable=True),
    "UInt16": dy.UInt16(nullable=True),
}


def has_place(value: Fraction, column: dy.Column) -> bool:
    if isinstance(column, dy.Decimal):
        units = value * 10**column.scale
        return units.denominator == 1 and bool(abs(units) < 10 ** (column.precision or 38))
    low, high = (0, 2**16 - 1) if isinstance(column, dy.UInt16) else (-(2**63), 2**63 - 1)
    return value.denominator == 1 and low <= value <= high


def meant(drawn: Drawn, row: Row, column: dy.Column) -> Fraction | str | None:
    """What a row's value is, or that it has none since it could not be computed or has no place."""
    try:
        value = fitting(drawn.of(row), drawn.scale)
    except NoValueError:
        return "failed"
    return value if value is None or has_place(value, column) else "failed"


def found(computation: Computation, rows: pl.DataFrame) -> list[Any]:
    values, failed = computation.compute("Found", rows)
    flags = [False] * rows.height if failed is None else failed.to_list()
    return ["failed" if flag else value for value, flag in zip(values.to_list(), flags, strict=True)]


@given(NUMBERS, ROWS, st.sampled_from(sorted(TYPES)))
@settings(max_examples=100, deadline=None)
def test_numbers_are_exact_to_the_last_digit_or_fail(drawn: Drawn, rows: list[Row], name: str) -> None:
    column = TYPES[name]
    try:
        computation = compile_expression(drawn.polars, column, COLUMNS)
    except Refused as refused:
        assume("38" not in refused.expected)
        raise
    values = found(computation, frame_of(rows))
    assert [v if v is None or v == "failed" else Fraction(v) for v in values] == [meant(drawn, r, column) for r in rows]


c = pl.col
MORE: dict[str, dy.Column] = {
    "P": dy.Decimal(12, 2, nullable=True), "N": dy.Int32(nullable=True), "F": dy.Float64(nullable=True),
    "T": dy.String(nullable=True), "U": dy.String(nullable=True), "D": dy.Date(nullable=True),
    "W": dy.Datetime(nullable=True), "M": dy.Datetime(time_zone="Europe/Berlin", nullable=True),
    "B": dy.Bool(nullable=True), "A": dy.Bool(nullable=True), "E": dy.Date(nullable=True),
}  # fmt: skip
"""Columns of every type."""
LONG, DAY, TRUE, INT, FLOAT, TEXT = dy.Decimal(38, 4), dy.Date(), dy.Bool(), dy.Int64(), dy.Float64(), dy.String()
EXAMPLES: dict[str, tuple[pl.Expr, dy.Column]] = {
    "Plus": (c("T") + c("U"), TEXT), "Minus": (c("P") - c("N"), LONG), "Multiply": (c("P") * c("N"), LONG),
    "TrueDivide": (c("F") / (c("F").abs() + 1), FLOAT), "FloorDivide": (c("N") // 7, INT),
    "Modulus": (c("N") % 7, INT), "And": (c("A") & c("B"), TRUE), "Or": (c("A") | c("B"), TRUE),
    "Xor": (c("A") ^ c("B"), TRUE), "Eq": (c("T") == c("U"), TRUE), "NotEq": (c("D") != c("E"), TRUE),
    "Lt": (c("P") < c("N"), TRUE), "LtEq": (c("F") <= 1.5, TRUE), "Gt": (c("D") > date(2021, 5, 1), TRUE),
    "GtEq": (c("W") >= datetime(2021, 5, 1), TRUE), "EqValidity": (c("T").eq_missing(c("U")), TRUE),  # noqa: DTZ001
    "NotEqValidity": (c("N").ne_missing(3), TRUE),
    "Negate": (-c("F"), FLOAT), "Abs": (c("F").abs(), FLOAT), "Sign": (c("N").sign(), INT),
    "Floor": (c("F").floor(), FLOAT), "Ceil": (c("F").ceil(), FLOAT), "Round": (c("F").round(1), FLOAT),
    "Exp": ((c("F") / 1000).exp(), FLOAT), "Log": ((c("F") ** 2 + 1).log(2), FLOAT),
    "Pow.Sqrt": (c("F").abs().sqrt(), FLOAT),
    "Pow.Generic": (c("N").cast(pl.Float64) ** 2, FLOAT), "MinHorizontal": (pl.min_horizontal("D", "E"), DAY),
    "MaxHorizontal": (pl.max_horizontal("F", "N"), FLOAT), "FillNull": (c("T").fill_null("?"), TEXT),
    "Coalesce": (pl.coalesce("T", "U", pl.lit("none")), TEXT), "Boolean.IsNull": (c("T").is_null(), TRUE),
    "Boolean.IsNotNull": (c("M").is_not_null(), TRUE), "Boolean.Not": (~c("B"), TRUE),
    "Boolean.IsBetween": (c("N").is_between(1, 5, closed="left"), TRUE),
    "Boolean.IsIn": (c("T").is_in(["a", "b"]), TRUE),
    "Boolean.AnyHorizontal": (pl.any_horizontal("A", "B"), TRUE),
    "Boolean.AllHorizontal": (pl.all_horizontal("A", "B"), TRUE),
    "StringExpr.Uppercase": (c("T").str.to_uppercase(), TEXT),
    "StringExpr.Lowercase": (c("T").str.to_lowercase(), TEXT),
    "StringExpr.StripChars": (c("T").str.strip_chars(), TEXT),
    "StringExpr.StripCharsStart": (c("T").str.strip_chars_start("a"), TEXT),
    "StringExpr.StripCharsEnd": (c("T").str.strip_chars_end("a"), TEXT),
    "StringExpr.StripPrefix": (c("T").str.strip_prefix("a"), TEXT),
    "StringExpr.StripSuffix": (c("T").str.strip_suffix(c("U")), TEXT),
    "StringExpr.StartsWith": (c("T").str.starts_with(c("U")), TRUE),
    "StringExpr.EndsWith": (c("T").str.ends_with("a"), TRUE), "StringExpr.Slice": (c("T").str.slice(1, 2), TEXT),
    "StringExpr.Head": (c("T").str.head(2), TEXT), "StringExpr.Tail": (c("T").str.tail(2), TEXT),
    "StringExpr.ZFill": (c("T").str.zfill(5), TEXT), "StringExpr.PadStart": (c("T").str.pad_start(5, "*"), TEXT),
    "StringExpr.PadEnd": (c("T").str.pad_end(5), TEXT), "StringExpr.Contains": (c("T").str.contains("[a-c]$"), TRUE),
    "StringExpr.Replace": (c("T").str.replace_all("a", "b", literal=True), TEXT),
    "StringExpr.Extract": (c("T").str.extract("(b+)"), TEXT), "StringExpr.LenChars": (c("T").str.len_chars(), INT),
    "StringExpr.ConcatHorizontal": (pl.concat_str("T", "U", separator="-"), TEXT),
    "StringExpr.Format": (pl.format("é{}/{}", "T", "U"), TEXT),
    "TemporalExpr.Year": (c("D").dt.year(), INT), "TemporalExpr.IsoYear": (c("D").dt.iso_year(), INT),
    "TemporalExpr.Quarter": (c("W").dt.quarter(), INT), "TemporalExpr.Month": (c("M").dt.month(), INT),
    "TemporalExpr.Week": (c("D").dt.week(), INT), "TemporalExpr.WeekDay": (c("D").dt.weekday(), INT),
    "TemporalExpr.Day": (c("M").dt.day(), INT), "TemporalExpr.OrdinalDay": (c("D").dt.ordinal_day(), INT),
    "TemporalExpr.Hour": (c("M").dt.hour(), INT), "TemporalExpr.Minute": (c("W").dt.minute(), INT),
    "TemporalExpr.Second": (c("W").dt.second(), INT),
    "TemporalExpr.TotalDays": ((c("D") - c("E")).dt.total_days(), INT),
    "TemporalExpr.TotalHours": ((c("D") - c("E")).dt.total_hours(), INT),
    "TemporalExpr.TotalMinutes": ((c("W") - c("W")).dt.total_minutes(), INT),
    "TemporalExpr.TotalSeconds": ((c("M") - c("M")).dt.total_seconds(), INT),
    "TemporalExpr.Date": (c("M").dt.date(), DAY), "TemporalExpr.Truncate": (c("D").dt.truncate("1mo"), DAY),
    "TemporalExpr.MonthStart": (c("D").dt.month_start(), DAY), "TemporalExpr.MonthEnd": (c("D").dt.month_end(), DAY),
    "TemporalExpr.ConvertTimeZone": (c("M").dt.convert_time_zone("Asia/Tokyo").dt.day(), INT),
}  # fmt: skip
"""A use of each function that may be declared."""


def _moment(hours: int) -> datetime:
    return datetime(2021, 1, 1, tzinfo=UTC) + timedelta(hours=hours, seconds=hours % 3_600)


def sample(seed: int, rows: int) -> pl.DataFrame:
    """Rows with values of every type, some of them null."""
    source = random.Random(seed)
    texts = ("", "a", "b", "abba", "Übermut", " a ", "cab", "-7")
    kinds: dict[str, Any] = {
        "P": lambda: Decimal(source.randrange(-(10**6), 10**6)) / 100,
        "N": lambda: source.randrange(-50, 50),
        "F": lambda: source.uniform(-100, 100),
        "T": lambda: source.choice(texts),
        "U": lambda: source.choice(texts),
        "D": lambda: date(2020, 12, 20) + timedelta(days=source.randrange(900)),
        "E": lambda: date(2020, 12, 20) + timedelta(days=source.randrange(900)),
        "W": lambda: _moment(source.randrange(9_000)).replace(tzinfo=None),
        "M": lambda: _moment(source.randrange(9_000)),
        "A": lambda: source.random() < 0.5,
        "B": lambda: source.random() < 0.5,
    }
    made = {name: [None if source.random() < 0.2 else kinds[name]() for _ in range(rows)] for name in MORE}
    return pl.DataFrame({name: pl.Series(made[name], dtype=column.dtype) for name, column in MORE.items()})


def test_each_function_that_may_be_declared_has_an_example() -> None:
    assert set(EXAMPLES) == {*FUNCTIONS, *BINARY}


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_a_function_looks_at_one_row_alone_and_says_what_polars_says_of_it(name: str) -> None:
    expression, column = EXAMPLES[name]
    computation, rows, source = compile_expression(expression, column, MORE), sample(7, 60), random.Random(name)
    whole = found(computation, rows)
    order = source.sample(range(rows.height), rows.height)
    assert found(computation, rows[order]) == [whole[place] for place in order]
    cut = source.randrange(rows.height)
    assert [*found(computation, rows[:cut]), *found(computation, rows[cut:])] == whole
    assert found(computation, rows[:0]) == []
    assert "failed" not in whole and len(set(whole)) > 1
    expected = rows.select(expression.cast(column.dtype)).to_series().to_list()
    assert whole == expected


PRICE, RATE, SMALL = c("Price"), c("Rate"), c("Small")
WRAPS = Decimal(2**64).scaleb(-4)
"""Its square is nothing at all in 128 bits."""
LARGE = Decimal(9 * 10**37).scaleb(-4)
"""Twice as much leaves 128 bits, and less the same again it is back."""
BEYOND = Decimal(55 * 10**36).scaleb(-4)
"""Twice as much has more than 38 digits, and stays in 128 bits."""


@pytest.mark.parametrize(
    ("expression", "column", "row", "expected"),
    [
        ((PRICE / SMALL).round(2), dy.Decimal(12, 2), {"Price": "1.01", "Small": 2}, "0.50"),
        ((PRICE / SMALL).round(2), dy.Decimal(12, 2), {"Price": "-1.03", "Small": 2}, "-0.52"),
        (
            (PRICE / SMALL).round(2, mode="half_away_from_zero"),
            dy.Decimal(12, 2),
            {"Price": "1.01", "Small": 2},
            "0.51",
        ),
        ((PRICE / SMALL).round(2), dy.Decimal(12, 2), {"Price": "2.00", "Small": 3}, "0.67"),
        ((PRICE / SMALL).round(2), dy.Decimal(12, 2), {"Price": "2.00", "Small": 0}, None),
        (PRICE.round(1), dy.Decimal(12, 2), {"Price": "0.25"}, "0.20"),
        (PRICE.round(1), dy.Decimal(12, 2), {"Price": "-0.35"}, "-0.40"),
        (PRICE * PRICE, dy.Decimal(12, 2), {"Price": "1.15"}, "failed"),
        (PRICE * PRICE, dy.Decimal(12, 4), {"Price": "1.15"}, "1.3225"),
        (RATE * RATE, dy.Decimal(38, 8), {"Rate": WRAPS}, "failed"),
        (RATE + RATE, dy.Decimal(38, 4), {"Rate": BEYOND}, "failed"),
        ((RATE + RATE) - RATE, dy.Decimal(38, 4), {"Rate": BEYOND}, "failed"),
        ((RATE + SMALL) - SMALL, dy.Decimal(38, 4), {"Rate": Decimal(MOST).scaleb(-4, EXACT), "Small": 1}, "failed"),
        ((RATE + RATE) - RATE, dy.Decimal(38, 4), {"Rate": LARGE}, "failed"),
        (pl.when(RATE + RATE > 0).then(1).otherwise(2), dy.Int64(), {"Rate": LARGE}, "failed"),
        (pl.when(SMALL > 5).then(RATE + RATE).otherwise(RATE), dy.Decimal(38, 4), {"Rate": LARGE, "Small": 5}, LARGE),
        (RATE, dy.Decimal(38, 6), {"Rate": Decimal((2**128 * 25 + 99) // 100).scaleb(-4, EXACT)}, "failed"),
        (RATE.cast(pl.Decimal(38, 6), strict=False), dy.Decimal(38, 6), {"Rate": LARGE}, None),
        (c("Qty") * 2, dy.Int64(), {"Qty": 2**62}, "failed"),
        (c("Qty") - 1, dy.Int64(), {"Qty": -(2**63)}, "failed"),
        (c("Qty").abs(), dy.Int64(), {"Qty": -(2**63)}, "failed"),
        (c("Qty") // SMALL, dy.Int64(), {"Qty": -7, "Small": 2}, -4),
        (c("Qty") % 0, dy.Int64(), {"Qty": 7}, None),
        (c("Qty") / SMALL, dy.Float64(), {"Qty": 1, "Small": 3}, 1 / 3),
        (c("Qty") / SMALL, dy.Float64(), {"Qty": 1, "Small": 0}, None),
        (c("Qty").cast(pl.Float64).exp(), dy.Float64(), {"Qty": 1_000}, "failed"),
        (1 / c("Qty").cast(pl.Float64).exp(), dy.Float64(), {"Qty": 1_000}, "failed"),
        (c("Qty").cast(pl.Float64).sqrt().is_null(), dy.Bool(), {"Qty": -1}, "failed"),
        (c("Qty"), dy.Float32(), {"Qty": 3}, 3.0),
        (SMALL - 1, dy.UInt8(), {"Small": 0}, "failed"),
        (SMALL.cast(pl.String) + "€", dy.Enum(["1€", "2€"]), {"Small": 2}, "2€"),
        (SMALL.cast(pl.String) + "€", dy.Enum(["1€", "2€"]), {"Small": 3}, "failed"),
        (PRICE.cast(pl.String), dy.String(), {"Price": "1.50"}, "1.50"),
        (pl.coalesce(PRICE * RATE, SMALL), dy.Decimal(38, 6), {"Small": 3}, "3"),
        (PRICE * 0.1 + SMALL, dy.Decimal(12, 3), {"Price": "0.10", "Small": 1}, "1.01"),
    ],
)
def test_what_is_exact_what_fails_and_what_is_null(
    expression: pl.Expr, column: dy.Column, row: dict[str, Any], expected: Any
) -> None:
    given: Row = {name: Fraction(row[name]) if name in row else None for name in COLUMNS}
    [value] = found(compile_expression(expression, column, COLUMNS), frame_of([given]))
    exact = isinstance(column, dy.Decimal) and expected not in (None, "failed")
    assert value == (Decimal(expected) if exact else expected)
