"""Exact decimals, closed sets and moments with a zone, in the formats that have types of their own."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import dataframely as dy
import polars as pl
import pytest
from cubefeed import Dataset, Excel, JsonLines, Parquet

from flows.model.formats import Format
from tests.unit.reading.checked_bodies import check_body
from tests.unit.reading.test_excel import workbook

NOON = datetime(2024, 1, 31, 12, tzinfo=UTC)


class Payment(dy.Schema):
    Kind = dy.Enum(["cash", "card"])
    Amount = dy.Decimal(10, 2)
    At = dy.Datetime(time_zone="Europe/Paris")


GOOD: dict[str, Any] = {"Kind": "cash", "Amount": Decimal("1.25"), "At": NOON}


def write_parquet(row: dict[str, Any]) -> bytes:
    to = io.BytesIO()
    pl.DataFrame([row], schema_overrides={"Amount": pl.Decimal(18, 4)}).write_parquet(to)
    return to.getvalue()


def write_json(row: dict[str, Any]) -> bytes:
    return f'{{"Kind": "{row["Kind"]}", "Amount": {row["Amount"]}, "At": "{row["At"].isoformat()}"}}\n'.encode()


def write_workbook(row: dict[str, Any]) -> bytes:
    local = datetime(2024, 1, 31, 13)  # noqa: DTZ001 - a cell has no zone: this is noon in UTC
    return workbook({"Payments": [list(row), [row["Kind"], float(row["Amount"]), local]]})


CASES = [
    (Parquet(), write_parquet),
    (JsonLines(datetime_format="%Y-%m-%dT%H:%M:%S%z"), write_json),
    (Excel(), write_workbook),
]


@pytest.mark.parametrize(("declared", "write"), CASES, ids=["parquet", "json", "workbook"])
def test_values_are_exact_and_those_that_are_not_are_findings(declared: Format, write: Any) -> None:
    dataset = Dataset(schema=Payment, landing="landing", format=declared)
    rows, verdict = check_body(dataset, write(GOOD))
    assert verdict.accepted, verdict.reason
    assert rows == [GOOD | {"_line": rows[0]["_line"]}]
    for column, value, rule in (("Kind", "cheque", "enum"), ("Amount", Decimal("1.005"), "decimal")):
        _, verdict = check_body(dataset, write(GOOD | {column: value}))
        (finding,) = verdict.findings
        assert (finding.rule, finding.column) == (rule, column)
        assert str(finding.raw).rstrip("0") == str(value)
