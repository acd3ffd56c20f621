"""Answers as files for other programs: each value in its own type, in each form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from flows.web.forms import MEDIA_TYPES, Form, accepted
from tests.integration.web.served_cube import CLOCK, NOON, TRADES, ServedCube, served_trades

ALL = "&".join(f"by={level.name}" for level in TRADES.column_levels) + "&measure=Amount.SUM&measure=Pieces.SUM"
AMOUNT = Decimal("12345678901234567.89")


@pytest.fixture(scope="module")
def trades() -> Iterator[ServedCube]:
    with served_trades() as served:
        yield served


def test_an_arrow_stream_has_every_value_in_its_own_type(trades: ServedCube) -> None:
    answer = trades.get(f"/api/query?{ALL}&format=arrow")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPES[Form.arrow] and answer.headers["X-Total-Count"] == "3"
    table = pa.ipc.open_stream(answer.content).read_all()
    assert {name: str(kind) for name, kind in zip(table.schema.names, table.schema.types, strict=True)} == {
        "Key": "int64", "Name": "large_string", "Day": "date32[day]", "At": "timestamp[us, tz=Europe/Berlin]",
        "Clock": "timestamp[us]", "Sound": "bool", "Amount.SUM": "decimal128(38, 2)", "Pieces.SUM": "int64",
    }  # fmt: skip
    facts = json.loads(table.schema.metadata[b"cubefeed"])
    assert facts["count"] == 3 and facts["dataset"] == "trades"
    assert facts["measures"]["Amount.SUM"] == {"kind": "decimal", "format": "€ {:,.2f}"}
    first, _, last = table.to_pylist()
    assert first == {
        "Key": 1, "Name": "=1+1", "Day": date(2021, 5, 1), "At": NOON.astimezone(ZoneInfo("Europe/Berlin")),
        "Clock": CLOCK, "Sound": True, "Amount.SUM": AMOUNT, "Pieces.SUM": 7,
    }  # fmt: skip
    assert set(last.values()) == {3, None}


def test_an_empty_answer_has_its_columns(trades: ServedCube) -> None:
    answer = trades.get("/api/query?measure=Amount.SUM&by=Day.Month&where=Key=9&format=arrow")
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table.num_rows == 0 and [str(kind) for kind in table.schema.types] == ["large_string", "decimal128(38, 2)"]


def test_the_form_is_that_of_the_parameter_and_else_of_the_header(trades: ServedCube) -> None:
    asked = "/api/query?measure=Amount.SUM"
    assert trades.get(asked, Accept=MEDIA_TYPES[Form.arrow]).headers["content-type"] == MEDIA_TYPES[Form.arrow]
    assert trades.get(f"{asked}&format=json", Accept=MEDIA_TYPES[Form.arrow]).json()["count"] == 1
    refused = trades.get(f"{asked}&format=xml").json()
    assert refused["field"] == "format" and "arrow" in refused["allowed"] and refused["got"] == "xml"


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("", Form.json), ("*/*", Form.json), ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", Form.json),
        (MEDIA_TYPES[Form.arrow], Form.arrow), ("Text/CSV ; q=0.5, application/json;q=0.4", Form.csv),
        ("text/csv;q=0.4,application/json", Form.json), ("text/csv;q=0", Form.json), ("text/csv;q=x", Form.json),
    ],
)  # fmt: skip
def test_a_header_names_the_form_by_its_weights(header: str, form: Form) -> None:
    assert accepted(header) is form
