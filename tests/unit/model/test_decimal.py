"""Exact decimals: how they are read, refused, shown and compared."""

from __future__ import annotations

import json
from decimal import Decimal

import dataframely as dy
import polars as pl
import pytest

from flows.errors import DeclarationError, QueryError
from flows.model.condition_values import parse_value
from flows.model.dataset import Dataset
from flows.model.formats import Csv
from flows.model.tables import FILE, LINE
from flows.model.totals import TOO_LARGE, Value, difference, from_json, is_same, to_json
from flows.model.types import DECIMAL
from flows.store.key_range import key_range, may_hold
from flows.store.ledger import SegmentFacts
from flows.text.escape import spreadsheet
from flows.text.numbers import format_change, format_number
from flows.validation.casts import cast_rows

MOST = Decimal("9" * 38)


def read(column: dy.Decimal, *cells: str, csv: Csv | None = None) -> list[Decimal | None]:
    schema = type("Money", (dy.Schema,), {"Amount": column})
    text = pl.DataFrame({"Amount": cells, FILE: 0, LINE: range(len(cells))})
    typed = cast_rows(schema, (csv or Csv()).cells, text)
    assert typed.frame.schema["Amount"] == column.dtype
    return typed.frame["Amount"].to_list()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.005", None),  # a cast alone makes 1.00 of it
        ("1.500", "1.5"),
        ("-0.05", "-0.05"),
        (".5", "0.5"),
        ("-.50", "-0.5"),
        ("0", "0"),
        ("-0.00", "0"),
        ("99999999.99", "99999999.99"),
        *((text, None) for text in (
            "100000000.00", "1e2", "1E2", "+1", "007", "00.5", "5.", ".", "-", "1,5", "1,234.00", " 1", "1 ", "--1",
            "\u0661", "NaN", "inf", "0x1", "1.5.1", "\u22125",
        )),
    ],
)  # fmt: skip
def test_a_text_is_a_decimal_only_if_it_says_exactly_one(text: str, value: str | None) -> None:
    assert read(dy.Decimal(10, 2, nullable=True), text) == [None if value is None else Decimal(value)]


def test_a_decimal_comma_is_the_only_mark_where_it_is_declared() -> None:
    csv = Csv(delimiter=";", decimal=",")
    assert read(dy.Decimal(10, 2, nullable=True), "1,50", "1.50", "-7", csv=csv) == [Decimal("1.50"), None, Decimal(-7)]


@pytest.mark.parametrize(
    ("mark", "text", "named"),
    [(".", "1.005", False), (",", "1,005", False), (".", "1,005.50", True), (".", "1,5", True)],
)
def test_a_number_with_too_many_digits_is_not_taken_for_one_of_another_form(mark: str, text: str, named: bool) -> None:
    cells = Csv(delimiter=";", decimal=mark).cells
    assert bool(list(DECIMAL.sized(10, 2).options([text], cells))) is named


def test_all_digits_that_there_are_room_for_are_kept() -> None:
    assert read(dy.Decimal(nullable=True), str(MOST), f"-{MOST}", f"1{'0' * 38}") == [MOST, MOST.copy_negate(), None]
    small = f"0.{'0' * 37}1"
    assert read(dy.Decimal(38, 38, nullable=True), small, "1") == [Decimal(small), None]
    assert read(dy.Decimal(5, 0, nullable=True), "12", "12.0", "12.5") == [Decimal(12), Decimal(12), None]


@pytest.mark.parametrize("column", [dy.Decimal(39, 2), dy.Decimal(0), dy.Decimal(2, 3)])
def test_digits_that_no_decimal_has_are_refused_at_the_start(column: dy.Decimal) -> None:
    with pytest.raises(DeclarationError, match="a Decimal of 1 to 38 digits"):
        Dataset(type("Money", (dy.Schema,), {"Amount": column}), "landing")


def test_a_condition_is_one_of_the_values_or_none() -> None:
    table = Dataset(type("Money", (dy.Schema,), {"Amount": dy.Decimal(4, 2, primary_key=True)}), "landing").table
    level = table.level("Amount")
    assert parse_value(level, "1.5") == Decimal("1.50")
    for text in ("1.005", "100", "1e1", "x"):
        with pytest.raises(QueryError, match="with at most 2 digits before the point and 2 behind it"):
            parse_value(level, text)
    assert DECIMAL.sized(38, 0).holds(MOST) and not DECIMAL.sized(38, 0).holds(Decimal("NaN"))


@pytest.mark.parametrize("value", [Decimal("1.50"), Decimal("0E-8"), MOST, 7, 0.5, None, TOO_LARGE])
def test_a_total_comes_back_from_json_as_it_was(value: Value) -> None:
    written = json.loads(json.dumps(to_json(value)))
    assert "E" not in str(written)
    assert from_json(written) == value
    assert type(from_json(written)) is type(value)


def test_a_difference_of_totals_is_exact_where_both_are() -> None:
    assert difference(MOST, Decimal(1)) == Decimal("9" * 37 + "8")
    assert difference(Decimal("0.30"), Decimal("0.10")) == Decimal("0.20")
    assert difference(Decimal("0.30"), 1) == Decimal("-0.70")
    assert difference(Decimal("0.5"), 0.25) == 0.25
    assert difference(TOO_LARGE, Decimal(1)) is difference(Decimal(1), None) is None
    assert not is_same(MOST, Decimal("9" * 37 + "8"))
    assert is_same(0.1 + 0.2, Decimal("0.30")) and is_same(Decimal("0.30"), 0.1 + 0.2)
    assert not is_same(Decimal("0.30"), 0.31) and not is_same(None, 0.0) and not is_same(1, 2)


def test_decimals_are_shown_with_all_their_digits() -> None:
    assert format_number(Decimal("1234567.50")) == "1,234,567.50"
    assert format_number(Decimal("0E-8")) == "0.00000000"
    assert format_change(Decimal("0.10"), Decimal("-0.20")) == "+0.10 (+50 %)"
    assert spreadsheet(Decimal("-1E-8")) == "-0.00000001"


def test_a_segment_that_may_hold_a_key_is_found_by_its_number_and_not_by_its_text() -> None:
    table = Dataset(type("Money", (dy.Schema,), {"Amount": dy.Decimal(6, 2, primary_key=True)}), "landing").table

    def rows(*values: str) -> pl.DataFrame:
        return pl.DataFrame({"Amount": pl.Series(values).cast(pl.Decimal(6, 2)), "_version": 1})

    low, high = key_range(table, rows("9.00", "10.00"))
    segment = SegmentFacts(1, "d", "f", "", 0, 2, "", low, high)
    assert may_hold(segment, rows("9.50")["Amount"])
    assert may_hold(segment, rows("-1.00", "100.00")["Amount"])
    assert not may_hold(segment, rows("10.01")["Amount"])
    assert not may_hold(segment, rows("-9.50")["Amount"])
