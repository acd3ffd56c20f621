"""JSON lines: exact, strict, and the same whether lines are read at once or one by one."""

from __future__ import annotations

import gzip
import json
from datetime import date
from typing import Any

import dataframely as dy
import pandas as pd
import polars as pl
import pytest
from cubefeed import Dataset, DeclarationError, JsonLines, SkipRows
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.reading.jsonl.reader import FEW_LINES, JsonLinesReader
from flows.reading.port import Source
from flows.reading.readers import reader_of
from flows.validation.raw_rows import RawRows
from tests.unit.reading.checked_bodies import check_bodies, check_body


class Sale(dy.Schema):
    Order = dy.String(nullable=True)
    Day = dy.Date(nullable=True)
    Quantity = dy.Int64(nullable=True)
    Amount = dy.Float64(nullable=True)
    Paid = dy.Bool(nullable=True)


LINE = {"Order": "a", "Day": "2024-01-31", "Quantity": 3, "Amount": 1.5, "Paid": True}
ROW = {**LINE, "Day": date(2024, 1, 31)}


def dataset(**options: Any) -> Dataset:
    names = ("fields", "extra", "missing", "nulls", "true", "false", "date_format")
    reading = {name: options.pop(name) for name in names if name in options}
    return Dataset(**{"schema": Sale, "landing": "landing", "format": JsonLines(**reading), **options})


def text(*rows: dict[str, Any] | str) -> bytes:
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows).encode()


def both_ways(declared: Dataset, body: bytes) -> RawRows:
    """The rows of a file, which are the same whether alike lines are read at once or not."""
    assert isinstance(declared.format, JsonLines)
    at_once, single = (
        JsonLinesReader(declared, declared.format, alike=alike).parse([Source("f", body)]) for alike in (True, False)
    )
    assert at_once.frame.equals(single.frame)
    assert at_once.found == single.found
    assert at_once.data_rows == single.data_rows
    return at_once


def test_objects_are_rows_and_the_order_of_their_fields_means_nothing() -> None:
    rows, verdict = check_body(dataset(), text(LINE, dict(reversed(LINE.items())), dict.fromkeys(LINE)))
    assert verdict.accepted, verdict.reason
    assert rows == [ROW | {"_line": 1}, ROW | {"_line": 2}, dict.fromkeys(LINE) | {"_line": 3}]


def test_numbers_are_read_from_their_text_and_never_pass_a_float() -> None:
    body = text('{"Order":"a","Day":null,"Quantity":9007199254740993,"Amount":12345678901234567.89,"Paid":null}')
    for rows in (both_ways(dataset(), body * FEW_LINES), both_ways(dataset(), body)):
        assert rows.frame["Quantity"][0] == "9007199254740993"
        assert rows.frame["Amount"][0] == "12345678901234567.89"


def test_a_path_leads_into_objects_and_a_tuple_names_keys_with_dots() -> None:
    paths = {"Order": "order.no", "Amount": "order.price.net", "Day": ("order.day",), "Quantity": "n", "Paid": "p"}
    line = {"order": {"no": "x", "price": {"net": 2.5}}, "order.day": "2024-01-31", "n": 1, "p": False}
    for count in (1, FEW_LINES):
        rows, verdict = check_body(dataset(fields=paths), text(*[line] * count))
        assert verdict.accepted, verdict.reason
        assert rows[-1] == {
            "Order": "x", "Day": date(2024, 1, 31), "Quantity": 1, "Amount": 2.5, "Paid": False, "_line": count,
        }  # fmt: skip


@pytest.mark.parametrize("count", [1, 2 * FEW_LINES])
@pytest.mark.parametrize("value", ['{"EUR": 1.5}', "{}", '{"EUR": {}}'])
def test_an_object_in_the_place_of_a_value_is_a_finding_and_no_missing_field(count: int, value: str) -> None:
    line = json.dumps(LINE).replace("1.5", value)
    lenient = dataset(extra="ignore", missing="null")
    found = both_ways(lenient, text(*[line] * count)).found[0]
    assert found.counts == {"float": count}
    assert [(each.column, each.expected) for each in found.findings[:1]] == [
        ("Amount", "a single value, no array or object")
    ]


@pytest.mark.parametrize("count", [1, FEW_LINES])
def test_a_missing_field_is_not_null_unless_it_is_declared(count: int) -> None:
    less = text(*[{name: value for name, value in LINE.items() if name != "Paid"}] * count)
    _, verdict = check_body(dataset(), less)
    assert verdict.findings[0].rule == "missing" and verdict.findings[0].column == "Paid"
    assert 'JsonLines(missing="null")' in str(verdict.findings[0].expected)
    rows, verdict = check_body(dataset(missing="null"), less)
    assert verdict.accepted and rows[0]["Paid"] is None
    assert [each.text for each in verdict.tolerated] == [f"field Paid missing in {count} row{'s' if count > 1 else ''}"]


@pytest.mark.parametrize("count", [1, FEW_LINES])
def test_other_fields_are_refused_or_ignored_and_counted(count: int) -> None:
    more = text(*[{**LINE, "customer": {"name": "x", "tags": ["a", 1]}}] * count)
    _, verdict = check_body(dataset(), more)
    assert verdict.findings[0].rule == "extra" and verdict.findings[0].raw == "customer.name, customer.tags"
    rows, verdict = check_body(dataset(extra="ignore"), more)
    assert verdict.accepted and len(rows) == count
    values = f"{count} value{'s' if count > 1 else ''}"
    assert [each.text for each in verdict.tolerated] == [
        f"field customer.name ignored ({values})", f"field customer.tags ignored ({values})",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "rule", "column", "raw"),
    [
        ("[1, 2]", "json", None, "[1, 2]"),
        ("7", "json", None, "7"),
        ("", "json", None, ""),
        ('{"Order": "a"', "json", None, '{"Order": "a"'),
        ('{"Order": "a"} {"Order": "b"}', "json", None, '{"Order": "a"} {"Order": "b"}'),
        (json.dumps(LINE)[:-1] + ', "Quantity": 4}', "duplicate_key", None, "Quantity"),
        (json.dumps(LINE).replace("1.5", "NaN"), "json", None, "NaN"),
        (json.dumps(LINE).replace("1.5", "-Infinity"), "json", None, "-Infinity"),
        (json.dumps(LINE).replace("1.5", "01"), "json", None, None),
        (json.dumps(LINE).replace("1.5", "+1"), "json", None, None),
        (json.dumps(LINE).replace("1.5", ".5"), "json", None, None),
        (json.dumps(LINE).replace("1.5", "1e999"), "float", "Amount", "1e999"),
        (json.dumps(LINE).replace(": 3", ": 3.0"), "integer", "Quantity", "3.0"),
        (json.dumps(LINE).replace(": 3", ": true"), "integer", "Quantity", "true"),
        (json.dumps(LINE).replace(": 3", ": [3]"), "integer", "Quantity", "[3]"),
        (json.dumps(LINE).replace('"a"', "7"), "string", "Order", "7"),
        (json.dumps(LINE).replace('"a"', "true"), "string", "Order", "true"),
        (json.dumps(LINE).replace('"a"', '"\\ud800"'), "encoding", "Order", "\\ud800"),
        (json.dumps(LINE).replace('"a"', '"\\u0000"'), "nul", "Order", "\0"),
        (json.dumps(LINE).replace("true", '"yes"'), "boolean", "Paid", "yes"),
        ("[" * 20_000 + "]" * 20_000, "nesting", None, None),
    ],
)
def test_a_line_that_is_no_row_is_a_finding_there_and_the_rest_goes_on(
    line: str, rule: str, column: str | None, raw: str | None
) -> None:
    body = text(LINE, line, LINE)
    good, verdict = check_body(dataset(bad_rows=SkipRows(up_to=0.5)), body)
    assert [row["_line"] for row in good] == [1, 3]
    finding = verdict.findings[0]
    assert (finding.rule, finding.line, finding.column) == (rule, 2, column)
    assert raw is None or finding.raw == raw
    many = both_ways(dataset(), body * FEW_LINES)
    assert many.data_rows == [3 * FEW_LINES]


def test_a_line_that_is_no_utf_8_is_a_finding_there() -> None:
    body = text(LINE) + b'{"Order": "\xff"}\n' + text(LINE)
    good, verdict = check_body(dataset(bad_rows=SkipRows(up_to=0.5)), body)
    assert [row["_line"] for row in good] == [1, 3]
    assert [(each.rule, each.line) for each in verdict.findings] == [("encoding", 2)]


def test_what_is_written_in_quotes_is_read_as_the_dataset_says() -> None:
    quoted = {"Order": "007", "Day": "31.01.2024", "Quantity": "3", "Amount": "1.50", "Paid": "ja"}
    rows, verdict = check_body(
        dataset(date_format="%d.%m.%Y", true=("ja",), false=("nein",), nulls=("-",)),
        text(quoted, quoted | {"Quantity": "-", "Paid": True}, quoted | {"Paid": False, "Order": "null"}),
    )
    assert verdict.accepted, verdict.reason
    assert rows[0] == {**ROW, "Order": "007", "_line": 1}
    assert rows[1]["Quantity"] is None and rows[1]["Paid"] is True
    assert rows[2]["Paid"] is False and rows[2]["Order"] == "null"


def test_text_with_escapes_and_of_all_planes_is_what_it_says() -> None:
    orders = ["ä", "😀", 'a"b', "back\\slash", "line\nend", "\t", "{", ",", '","Day":"x', ""]
    body = text(*[LINE | {"Order": order} for order in orders])
    for found in (both_ways(dataset(), body), both_ways(dataset(), body * FEW_LINES)):
        assert found.frame["Order"].to_list()[: len(orders)] == orders
    raw = "".join(json.dumps(LINE | {"Order": order}, ensure_ascii=False) + "\r\n" for order in orders).encode()
    assert both_ways(dataset(), raw).frame["Order"].to_list() == orders


def test_a_mark_at_the_beginning_and_no_line_end_at_the_end_change_nothing() -> None:
    rows, verdict = check_body(dataset(), b"\xef\xbb\xbf" + text(LINE, LINE)[:-1])
    assert verdict.accepted and [row["_line"] for row in rows] == [1, 2]


def test_compressed_and_other_files_of_a_batch_are_each_judged_alone() -> None:
    bodies = {"a": gzip.compress(text(LINE)), "b": b"", "c": text(LINE), "d": b"PK\x03\x04", "e": text(LINE, "[]")}
    rows, verdicts = check_bodies(dataset(), bodies)
    assert {path: verdict.accepted for path, verdict in verdicts.items()} == {
        "a": True, "b": False, "c": True, "d": False, "e": False,
    }  # fmt: skip
    assert rows["_file"].to_list() == [0, 2]


def test_prepare_gets_every_value_as_text() -> None:
    seen: list[dict[str, Any]] = []

    def prepare(frame: pd.DataFrame) -> pd.DataFrame:
        seen.extend({str(name): value for name, value in row.items()} for row in frame.to_dict("records"))
        return frame.assign(Order="x").drop(columns="No")

    source = ("No", *(name for name in LINE if name != "Order"))
    prepared = dataset(prepare=prepare, source_columns=source)
    line = {"No": 7, **{name: value for name, value in LINE.items() if name != "Order"}}
    rows, verdict = check_body(prepared, text(line))
    assert verdict.accepted, verdict.reason
    assert seen == [{**line, "No": "7", "Quantity": "3", "Amount": "1.5", "Paid": "true", "_line": 1}]
    assert rows == [ROW | {"Order": "x", "_line": 1}]


def test_refused_lines_are_kept_as_they_stand_in_the_file() -> None:
    assert reader_of(dataset()).cut(text(LINE, "[]", LINE), [2]) == b"[]\n"


def test_a_path_to_a_column_that_there_is_not_is_no_declaration() -> None:
    with pytest.raises(DeclarationError, match=r"format\.fields"):
        dataset(fields={"Nowhere": "x.y"})


def test_two_columns_of_one_field_are_no_declaration() -> None:
    with pytest.raises(DeclarationError, match=r"format\.fields"):
        JsonLines(fields={"A": "x.y", "B": ("x", "y")})


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8")),
    st.lists(st.integers(), max_size=2),
)
OBJECTS = st.fixed_dictionaries({}, optional=dict.fromkeys((*LINE, "other"), VALUES))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(OBJECTS, min_size=1, max_size=4), st.booleans(), st.sampled_from([(",", ":"), (", ", ": ")]))
def test_random_objects_give_the_same_rows_and_findings_at_once_and_one_by_one(
    objects: list[dict[str, Any]], escaped: bool, separators: tuple[str, str]
) -> None:
    lines = [json.dumps(each, ensure_ascii=escaped, separators=separators) for each in objects]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flows.reading.jsonl.reader.FEW_LINES", 2)
        for declared in (dataset(), dataset(extra="ignore", missing="null")):
            rows = both_ways(declared, text(*lines * 2))
            assert rows.frame.height + rows.found[0].refused == rows.data_rows[0]


def test_cells_are_text() -> None:
    assert set(both_ways(dataset(), text(LINE)).frame.drop("_file", "_line").dtypes) == {pl.String}
