"""What a line below the rows says of them is checked, to the last digit."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import dataframely as dy
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.errors import DeclarationError
from flows.model.dataset import Dataset
from flows.model.findings import FileFindings
from flows.model.formats import CellText, Csv
from flows.model.numbers import Numbers
from flows.model.trailer import Trailer
from flows.model.types.exact_sum import exact_sum, number_words, read_number
from flows.reading.csv.parse import parse
from flows.reading.port import Source
from flows.validation.validate import validate


class Payment(dy.Schema):
    ID = dy.String()
    Amount = dy.Float64(nullable=True)


TOTAL = Trailer(r"TOTAL;(?P<Amount>[^;]*)")
GERMAN: dict[str, Any] = {"delimiter": ";", "decimal": ",", "numbers": Numbers(thousands=".", brackets=True)}


def found(rows: str, trailer: str, says: Trailer = TOTAL, **options: Any) -> FileFindings:
    dataset = Dataset(schema=Payment, landing="landing", format=Csv(footer=(says,), **(GERMAN | options)))
    text = parse(dataset, [Source("f.csv", f"ID;Amount\n{rows}{trailer}\n".encode())])
    (verdict,) = validate(dataset, text).verdicts
    assert verdict.accepted is not bool(verdict.findings)
    return text.found[0]


def test_a_sum_that_agrees_to_the_last_digit_is_silent() -> None:
    assert found("a;0,1\nb;0,2\nc;(1.000,3)\nd;\n", "TOTAL;-1.000,00").refusal is None
    assert found("a;0,1\nb;0,2\n", "TOTAL; 0,30 ").refusal is None
    assert found("", "TOTAL;0").refusal is None


def test_another_sum_is_a_finding_with_both() -> None:
    (finding,) = found("a;1.234,56\nb;0,1\n", "TOTAL;1.234,67").findings
    assert (finding.rule, finding.line, finding.raw) == ("trailer", 4, "TOTAL;1.234,67")
    assert finding.expected == "1234.66 as the sum of Amount, not 1.234,67"


def test_a_text_among_the_numbers_is_no_zero() -> None:
    refusal = found("a;1\nb;x\n", "TOTAL;1").refusal
    assert refusal is not None and "the sum of Amount, in which 1 cell without a number cannot be added up" in refusal


def test_a_sum_that_is_no_number_is_a_finding() -> None:
    assert found("a;1\n", "TOTAL;one").refusal is not None


def test_the_number_of_rows_may_be_written_as_numbers_are() -> None:
    rows = Trailer(r"ROWS;(?P<rows>.*)")
    assert found("a;1\nb;2\n", "ROWS;0002", rows).refusal is None
    assert found("a;1\nb;2\n", "ROWS;3", rows).refusal is not None


def test_a_group_may_stand_for_a_column_of_any_name() -> None:
    class Named(dy.Schema):
        rows = dy.Int64()
        Net = dy.Int64(alias="Net (EUR)")

    says = Trailer("T;(?P<rows>.*);(?P<net>.*)", sums={"rows": "rows", "net": "Net (EUR)"})
    dataset = Dataset(schema=Named, landing="landing", format=Csv(delimiter=";", footer=(says,)))
    for trailer, accepted in (("T;3;30", True), ("T;3;31", False), ("T;2;30", False)):
        body = f"rows;Net (EUR)\n1;10\n2;20\n{trailer}\n"
        assert (parse(dataset, [Source("f.csv", body.encode())]).found[0].refusal is None) is accepted


def test_files_of_a_batch_are_compared_each_with_its_own_trailer() -> None:
    dataset = Dataset(schema=Payment, landing="landing", format=Csv(footer=(TOTAL,), **GERMAN))
    sources = [Source("f.csv", f"ID;Amount\na;{n}\nTOTAL;2\n".encode()) for n in (1, 2, 3)]
    assert [each.refusal is None for each in parse(dataset, sources).found] == [False, True, False]


@pytest.mark.parametrize("trailer", [Trailer("(?P<Amont>.*)"), Trailer("(?P<Amount>.*)", sums={"Amount": "Price"})])
def test_a_sum_of_no_column_is_refused_at_the_start(trailer: Trailer) -> None:
    with pytest.raises(DeclarationError, match=r"format\.footer"):
        Dataset(schema=Payment, landing="landing", format=Csv(footer=(trailer,)))


def test_sums_of_no_group_are_refused() -> None:
    with pytest.raises(DeclarationError, match=r"format\.footer"):
        Trailer("(?P<a>.*)", sums={"b": "Amount"})


LONG = "123456789012345678901234567890.123456789012345678901234567890"


@pytest.mark.parametrize("texts", [["1e3", "-2E-2"], ["5.", ".5", "-.25"], [LONG, "-1", LONG], ["0.1"] * 10, []])
def test_no_digit_of_a_sum_is_lost(texts: list[str]) -> None:
    total, others = exact_sum(pl.Series("n", texts, pl.String), CellText(nulls=("",)))
    assert (total, others) == (sum(map(Fraction, texts), Fraction(0)), 0)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9)))
def test_sums_are_those_of_exact_arithmetic(values: list[Decimal]) -> None:
    texts = pl.Series("n", [str(value) for value in values], pl.String)
    total, others = exact_sum(texts, CellText())
    assert (total, others) == (sum(map(Fraction, values), Fraction(0)), 0)
    assert read_number(number_words(total), CellText()) == total


def test_what_is_no_number_is_counted() -> None:
    texts = pl.Series("n", ["1", "x", "nan", "1_0", "", "inf", None, "1,5"])
    assert exact_sum(texts, CellText(nulls=("",))) == (Fraction(1), 5)
