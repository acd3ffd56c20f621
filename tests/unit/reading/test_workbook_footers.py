"""What stands below the rows of a workbook is declared, counted, and held against them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import dataframely as dy
import pytest
from cubefeed import Dataset, DeclarationError, Excel, Trailer

from flows.model.findings import Verdict
from tests.unit.reading.checked_bodies import check_body
from tests.unit.reading.test_excel import workbook

TOTAL = Trailer("TOTAL, (?P<Amount>.+)")


class Payment(dy.Schema):
    ID = dy.Int64(primary_key=True)
    Amount = dy.Decimal(12, 2)
    Rate = dy.Float64(nullable=True)


def read(below: list[list[Any]], *footer: str | Trailer, decimal: str = ".", change: Any = None) -> tuple[Any, Verdict]:
    """The amounts of three rows above these, and the verdict."""
    rows = [[1, 0.1, 0.1], [2, 0.2, 0.2], [3, 1000.3, 0.3]]
    body = workbook({"Payments": [["ID", "Amount", "Rate"], *rows, *below]}, change=change)
    declared = Dataset(schema=Payment, landing="landing", format=Excel(footer=footer, decimal=decimal))
    found, verdict = check_body(declared, body)
    return [row["Amount"] for row in found], verdict


AMOUNTS = [Decimal("0.10"), Decimal("0.20"), Decimal("1000.30")]


@pytest.mark.parametrize("decimal", [".", ","])
def test_a_total_is_left_out_and_equals_the_sum_of_the_rows(decimal: str) -> None:
    below: list[list[Any]] = [["TOTAL", 0.1 + 0.2 + 1000.3], [], ["printed on 3 May"]]
    amounts, verdict = read(below, TOTAL, "printed .*", decimal=decimal)
    assert verdict.accepted, verdict.reason
    assert amounts == AMOUNTS
    assert [each.words for each in verdict.tolerated] == ["2 footer rows left out, row 5: 'TOTAL, 1000.6'"]


@pytest.mark.parametrize(
    ("below", "line", "words"),
    [
        ([["TOTAL", 1000.61]], 5, "1000.6 as the sum of Amount, not 1000.61"),
        ([["TOTAL", "1000.6x"]], 5, "1000.6 as the sum of Amount, not 1000.6x"),
        ([], None, "one row that matches TOTAL"),
        ([["TOTAL", 1000.6], ["TOTAL", 1000.6]], 6, "one row that matches TOTAL"),
    ],
)
def test_a_total_that_disagrees_or_is_missing_refuses_the_file(below: list[list[Any]], line: int, words: str) -> None:
    _, verdict = read(below, TOTAL)
    (finding,) = verdict.findings
    assert (finding.rule, finding.line) == ("trailer", line)
    assert words in str(finding.expected)


def test_a_number_of_rows_and_a_sum_of_floats_are_checked_too() -> None:
    says = Trailer("(?P<rows>.+) payments, (?P<Rate>.+)")
    assert read([["3 payments", None, 0.1 + 0.2 + 0.3]], says)[1].accepted
    assert not read([["4 payments", None, 0.6]], says)[1].accepted
    assert not read([["3 payments", None, 0.600001]], says)[1].accepted


def test_a_row_that_looks_like_the_footer_is_a_row_where_others_follow() -> None:
    _, verdict = read([["TOTAL", 5], [9, 9.5]], "TOTAL, .*")
    assert [(finding.line, finding.column, finding.raw) for finding in verdict.findings] == [(5, "ID", "TOTAL")]


def test_a_formula_of_the_footer_that_nobody_computed_is_no_matter_of_the_rows() -> None:
    def change(_: Any, sheet: Any) -> None:
        sheet.write_formula(4, 1, "=SUM(B2:B4)", None, "")

    assert read([["TOTAL"]], "TOTAL.*", change=change)[1].accepted
    _, verdict = read([["TOTAL"]], TOTAL, change=change)
    assert [finding.rule for finding in verdict.findings] == ["trailer"]


@pytest.mark.parametrize("footer", ["TOTAL.*", ("(",), (Trailer("TOTAL, (?P<Other>.+)"),)])
def test_a_footer_that_cannot_be_is_refused_at_the_start(footer: Any) -> None:
    with pytest.raises(DeclarationError, match=r"format\.footer"):
        Dataset(schema=Payment, landing="landing", format=Excel(footer=footer))
