"""Parquet files: columns by name, and values without loss."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import dataframely as dy
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cubefeed import Dataset, Header, Limits, Parquet, SkipRows

from flows.reading.port import Source
from flows.reading.readers import reader_of
from tests.unit.reading.checked_bodies import check_bodies, check_body

NOON = datetime(2024, 1, 31, 12)  # noqa: DTZ001 - the files' times have no zone
ZONED = pa.timestamp("us", "UTC")
BERLIN = pa.timestamp("us", "Europe/Berlin")
OFFSETS = "%Y-%m-%dT%H:%M:%S%z"


class Sale(dy.Schema):
    Order = dy.String(primary_key=True)
    Day = dy.Date(nullable=True)
    At = dy.Datetime(nullable=True)
    Quantity = dy.Int32(nullable=True, min=0)
    Amount = dy.Float64(nullable=True)
    Paid = dy.Bool(nullable=True)


ROW = {"Order": "a", "Day": date(2024, 1, 31), "At": NOON, "Quantity": 3, "Amount": 1.5, "Paid": True}


def dataset(**options: Any) -> Dataset:
    reading = {name: options.pop(name) for name in ("header", "whole_floats", "date_format") if name in options}
    return Dataset(**{"schema": Sale, "landing": "landing", "format": Parquet(**reading), **options})


def parquet(table: pa.Table, **options: Any) -> bytes:
    to = io.BytesIO()
    pq.write_table(table, to, **options)
    return to.getvalue()


def sales(*rows: dict[str, Any], **columns: Any) -> bytes:
    """A file of rows in which these columns are others."""
    table = pa.Table.from_pylist([ROW | row for row in rows or ({},)])
    for name, values in columns.items():
        place = table.column_names.index(name)
        table = table.set_column(place, name, values)
    return parquet(table)


def test_typed_values_are_taken_as_they_are_and_the_line_is_the_number_of_the_row() -> None:
    rows, verdict = check_body(dataset(), sales({"Order": "a"}, {"Order": "b", "Day": None, "Amount": None}))
    assert verdict.accepted and verdict.rows == 2
    assert rows == [ROW | {"_line": 1}, ROW | {"Order": "b", "Day": None, "Amount": None, "_line": 2}]


def test_row_groups_are_read_one_after_the_other() -> None:
    rows = [ROW | {"Order": str(number), "Quantity": number} for number in range(10)]
    rows[7]["Quantity"] = 1 << 40
    body = parquet(pa.Table.from_pylist(rows), row_group_size=3)
    good, verdict = check_body(dataset(bad_rows=SkipRows(up_to=0.5)), body)
    assert [row["_line"] for row in good] == [1, 2, 3, 4, 5, 6, 7, 9, 10]
    assert [each.words for each in verdict.findings] == [f"line 8, Quantity: integer, got '{1 << 40}'"]


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("Quantity", pa.array([7], pa.int64()), 7),
        ("Quantity", pa.array([7], pa.uint8()), 7),
        ("Quantity", pa.array(["7"]), 7),
        ("Quantity", pa.array([Decimal("7.00")]), 7),
        ("Quantity", pa.nulls(1), None),
        ("Amount", pa.array([7], pa.int16()), 7.0),
        ("Amount", pa.array([0.5], pa.float32()), 0.5),
        ("Amount", pa.array([Decimal("12.34")]), 12.34),
        ("Day", pa.array([datetime(2024, 1, 31)], pa.timestamp("ns")), date(2024, 1, 31)),  # noqa: DTZ001
        ("Day", pa.array(["2024-01-31"]), date(2024, 1, 31)),
        ("At", pa.array([NOON], pa.timestamp("s")), NOON),
        ("Order", pa.array(["x"]).dictionary_encode(), "x"),
        ("Order", pa.array(["x"], pa.large_string()), "x"),
    ],
)
def test_another_type_is_taken_where_it_holds_the_same_value(column: str, values: Any, expected: object) -> None:
    rows, verdict = check_body(dataset(), sales(**{column: values}))
    assert verdict.accepted, verdict.reason
    assert rows[0][column] == expected


@pytest.mark.parametrize(
    ("column", "values", "rule", "raw"),
    [
        ("Quantity", pa.array([3_000_000_000], pa.int64()), "integer", "3000000000"),
        ("Quantity", pa.array([2**64 - 1], pa.uint64()), "integer", "18446744073709551615"),
        ("Quantity", pa.array([Decimal("7.50")]), "integer", "7.50"),
        ("Quantity", pa.array(["007"]), "integer", "007"),
        ("Quantity", pa.array([-1], pa.int8()), "min", "-1"),
        ("Amount", pa.array([2**53 + 1], pa.int64()), "float", str(2**53 + 1)),
        ("Amount", pa.array([float("nan")]), "float", "NaN"),
        ("Amount", pa.array([float("inf")]), "float", "inf"),
        ("Day", pa.array([NOON], pa.timestamp("us")), "date", "2024-01-31 12:00:00.000000"),
        ("Day", pa.array(["31.01.2024"]), "date", "31.01.2024"),
        ("At", pa.array([1], pa.timestamp("ns")), "datetime", "1970-01-01 00:00:00.000000001"),
        ("At", pa.array([1 << 50], pa.timestamp("ms")), "datetime", "+37648-05-06 22:07:22.624"),
        ("Order", pa.array([None], pa.string()), "nullability", None),
    ],
)
def test_a_value_that_has_no_place_is_a_finding_with_its_row_and_column(
    column: str, values: Any, rule: str, raw: str | None
) -> None:
    rows, verdict = check_body(dataset(), sales(**{column: values}))
    assert rows == [] and not verdict.accepted and verdict.refused == 1
    (finding,) = [each for each in verdict.findings if each.rule == rule]
    assert (finding.line, finding.column, finding.raw) == (1, column, raw)


@pytest.mark.parametrize(
    ("column", "values", "raw", "expected"),
    [
        ("Quantity", pa.array([1.0]), "Quantity: Float64", "Parquet(whole_floats=True)"),
        ("Quantity", pa.array([True]), "Quantity: Boolean", "integer, as it is declared, or text"),
        ("Order", pa.array([7]), "Order: Int64", "string, as it is declared"),
        ("Order", pa.array([b"a"]), "Order: Binary", "a column of single values or text"),
        ("Order", pa.array([["a"]]), "Order: List(String)", "a column of single values or text"),
        ("At", pa.array([NOON], ZONED), "At: Datetime(time_unit='us', time_zone='UTC')", "without a time zone"),
        ("At", pa.array([date(2024, 1, 31)]), "At: Date", "datetime without a time zone"),
        ("Amount", pa.array([NOON]), "Amount: Datetime", "float, as it is declared, or text"),
    ],
)
def test_a_column_of_another_kind_refuses_the_file(column: str, values: Any, raw: str, expected: str) -> None:
    _, verdict = check_body(dataset(), sales(**{column: values}))
    (finding,) = verdict.findings
    assert finding.rule == "type" and raw in str(finding.raw) and expected in str(finding.expected)


def test_floats_are_whole_numbers_where_that_is_declared_and_each_is_one() -> None:
    floats = dataset(whole_floats=True, bad_rows=SkipRows(up_to=0.5))
    body = sales({"Order": "a"}, {"Order": "b"}, {"Order": "c"}, Quantity=pa.array([7.0, 7.5, None]))
    rows, verdict = check_body(floats, body)
    assert [row["Quantity"] for row in rows] == [7, None]
    assert [each.words for each in verdict.findings] == ["line 2, Quantity: integer, got '7.5'"]


def test_columns_go_by_name_and_others_are_refused_or_ignored_and_named() -> None:
    more = pa.Table.from_pylist([{"Channel": "web", **dict(reversed(ROW.items()))}])
    _, verdict = check_body(dataset(), parquet(more))
    assert 'extra: Channel; Header(by="name", extra="ignore") takes it' in str(verdict.reason)
    rows, verdict = check_body(dataset(header=Header(by="name", extra="ignore")), parquet(more))
    assert rows == [ROW | {"_line": 1}]
    assert [each.words for each in verdict.tolerated] == ["column Channel ignored (1 row)"]


def test_a_missing_column_is_refused_or_null() -> None:
    less = pa.Table.from_pylist([{name: value for name, value in ROW.items() if name != "Paid"}])
    _, verdict = check_body(dataset(), parquet(less))
    assert "missing: Paid" in str(verdict.reason)
    rows, verdict = check_body(dataset(header=Header(by="name", missing="null")), parquet(less))
    assert verdict.accepted and rows[0]["Paid"] is None
    assert [each.words for each in verdict.tolerated] == ["column Paid missing in 1 row"]


def test_files_of_a_batch_whose_types_differ_are_each_judged_alone() -> None:
    wide, text = sales({"Order": "w"}, Quantity=pa.array([7])), sales({"Order": "t"}, Quantity=pa.array(["8"]))
    wrong = sales(Quantity=pa.array([1 << 40]))
    rows, verdicts = check_bodies(dataset(), {"w": wide, "t": text, "x": wrong, "y": b"no Parquet", "z": wide[:-9]})
    assert rows["Quantity"].to_list() == [7, 8]
    assert {path: verdict.accepted for path, verdict in verdicts.items()} == {
        "w": True, "t": True, "x": False, "y": False, "z": False,
    }  # fmt: skip
    assert [verdicts[path].findings[0].rule for path in "yz"] == ["binary", "parquet"]


def test_text_with_bytes_that_are_no_utf_8_is_refused() -> None:
    bad = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")])
    _, verdict = check_body(dataset(), sales(Order=bad))
    assert verdict.findings[0].rule == "parquet" and "UTF-8" in str(verdict.findings[0].raw)


def test_a_short_file_that_holds_endless_text_is_refused_before_it_is_unfolded() -> None:
    rows = 20_000
    table = pa.Table.from_pylist([ROW] * rows)
    table = table.set_column(0, "Order", pa.array(["x" * 1000] * rows))
    body = parquet(table)
    assert len(body) < 20_000
    _, verdict = check_body(dataset(limits=Limits(file_bytes=10_000_000)), body)
    assert verdict.findings[0].rule == "size"


def test_what_a_file_costs_is_known_from_its_end() -> None:
    body = parquet(pa.Table.from_pylist([ROW] * 100_000))
    small = dataset(limits=Limits(read_memory_bytes=10_000_000))
    _, verdict = check_body(small, body)
    assert verdict.findings[0].rule == "memory" and "100,000 lines" in str(verdict.findings[0].raw)


def test_prepare_gets_the_values_as_text_and_what_it_returns_is_read_again() -> None:
    seen: list[dict[str, Any]] = []

    def prepare(frame: pd.DataFrame) -> pd.DataFrame:
        seen.extend({str(name): value for name, value in row.items()} for row in frame.to_dict("records"))
        return frame.rename(columns={"No": "Order"})

    source = ("No", *(name for name in ROW if name != "Order"))
    prepared = dataset(prepare=prepare, source_columns=source)
    body = parquet(pa.Table.from_pylist([{"No": "a", **ROW}]).drop_columns("Order"))
    rows, verdict = check_body(prepared, body)
    assert verdict.accepted, verdict.reason
    assert rows == [ROW | {"_line": 1}]
    assert seen[0] == {
        "No": "a", "Day": "2024-01-31", "At": "2024-01-31 12:00:00", "Quantity": "3", "Amount": "1.5", "Paid": "true",
        "_line": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("values", "options", "expected"),
    [
        (pa.array([date(2024, 7, 15)]), {"date_format": "%Y-%m"}, "2024-07-15"),
        (pa.array([date(1950, 7, 15)]), {"date_format": "%d.%m.%y"}, "1950-07-15"),
        (pa.array([date(2024, 7, 1)]), {"date_format": "%Y-%m"}, "2024-07"),
        (pa.array([NOON], ZONED), {}, "2024-01-31 12:00:00+00:00"),
        (pa.array([NOON], ZONED), {"datetime_format": "%d.%m.%Y %H:%M%z"}, "31.01.2024 12:00+00:00"),
        (pa.array([datetime(1880, 1, 1)], BERLIN), {"datetime_format": OFFSETS}, "1880-01-01 00:53:28+00:53:28"),  # noqa: DTZ001
    ],
)
def test_prepare_gets_times_in_the_first_form_or_in_full_where_that_would_lose_something(
    values: pa.Array[Any], options: dict[str, str], expected: str
) -> None:
    seen: list[str] = []

    class Month(dy.Schema):
        Text = dy.String()

    def prepare(frame: pd.DataFrame) -> pd.DataFrame:
        seen.extend(frame["Text"])
        return frame

    form = Parquet(**options)  # type: ignore[arg-type]  # each is a text
    declared = Dataset(schema=Month, landing="landing", format=form, prepare=prepare, source_columns=("Text",))
    _, verdict = check_body(declared, parquet(pa.table({"Text": values})))
    assert verdict.accepted and seen == [expected]


def test_days_that_no_calendar_holds_are_findings() -> None:
    days = pa.array([2**31 - 1, -(2**31), 3_000_000, 0], pa.int32()).cast(pa.date32())
    body = parquet(
        pa.Table.from_pylist([{**ROW, "Order": str(place)} for place in range(4)]).set_column(1, "Day", days)
    )
    rows, verdict = check_body(dataset(bad_rows=SkipRows(up_to=0.9)), body)
    assert [row["Day"] for row in rows] == [date(1970, 1, 1)]
    assert [(each.line, each.rule, each.raw) for each in verdict.findings] == [
        (1, "date", None), (2, "date", None), (3, "date", "+10183-09-21"),
    ]  # fmt: skip


@pytest.mark.slow
def test_a_footer_that_says_two_numbers_of_rows_is_refused() -> None:
    rows = [ROW | {"Order": str(number)} for number in range(50)]
    body = parquet(pa.Table.from_pylist(rows), row_group_size=10)
    ten, three = b"\x14", b"\x06"  # as Thrift writes them
    lies = [body[:place] + three + body[place + 1 :] for place in range(len(body)) if body[place : place + 1] == ten]
    verdicts = [check_body(dataset(), lie)[1] for lie in lies]
    assert all(verdict.rows == 50 for verdict in verdicts if verdict.accepted)
    told = "3 rows by one number of the footer, 10 by another"
    assert told in {verdict.findings[0].raw for verdict in verdicts if not verdict.accepted}


def test_a_zone_that_nobody_knows_is_refused_in_plain_words() -> None:
    _, verdict = check_body(dataset(), sales(At=pa.array([NOON], pa.timestamp("us", "+05:30"))))
    assert verdict.findings[0].raw == "At: timestamp[us, tz=+05:30]"
    assert "such as Europe/Berlin" in str(verdict.findings[0].expected)


def test_refused_rows_are_kept_as_json() -> None:
    body = sales({"Order": "a"}, {"Order": "ä", "Quantity": -1})
    kept = reader_of(dataset()).cut(body, [2])
    assert json.loads(kept) == {
        "_line": 2, "Order": "ä", "Day": "2024-01-31", "At": "2024-01-31 12:00:00", "Quantity": -1, "Amount": 1.5,
        "Paid": True,
    }  # fmt: skip


def test_values_from_the_path_stand_beside_typed_ones() -> None:
    declared = dataset(from_path=r"(?P<Day>\d{4}-\d\d-\d\d)\.parquet")
    body = parquet(pa.Table.from_pylist([ROW]).drop_columns("Day"))
    rows, verdict = check_body(declared, body, "2024-01-31.parquet")
    assert verdict.accepted and rows[0]["Day"] == date(2024, 1, 31)


def test_frames_of_no_rows_are_files_of_no_rows() -> None:
    body = parquet(pa.Table.from_pylist([ROW]).slice(0, 0))
    rows, verdict = check_body(dataset(), body)
    assert verdict.accepted and verdict.rows == 0 and rows == []


def test_the_pattern_is_the_formats_own_unless_it_is_named() -> None:
    assert dataset().pattern == "*.parquet"
    assert dataset(pattern="day_*.pq").pattern == "day_*.pq"


def test_the_fingerprint_says_what_is_declared() -> None:
    assert Parquet().fingerprint == "Parquet()"
    assert Parquet(whole_floats=True).fingerprint == "Parquet(whole_floats=True)"
    assert dataset().fingerprint != dataset(whole_floats=True).fingerprint


def test_parse_gives_declared_types() -> None:
    rows = reader_of(dataset()).parse([Source("f", sales())])
    assert rows.frame.schema["Quantity"] == pl.Int32


class Exact(dy.Schema):
    Amount = dy.Decimal(6, 2)
    At = dy.Datetime(time_zone="Europe/Berlin")
    Channel = dy.Enum(["web", "shop"])


FIRST = {"Amount": Decimal("1.50"), "At": datetime(2024, 1, 31, 12, tzinfo=UTC), "Channel": "web"}


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("Amount", pa.array([Decimal("12.3400")]), Decimal("12.34")),
        ("Amount", pa.array([7]), Decimal(7)),
        ("Amount", pa.array(["7.5"]), Decimal("7.5")),
        ("At", pa.array([FIRST["At"]], pa.timestamp("us", "Asia/Tokyo")), FIRST["At"]),
        ("At", pa.array([FIRST["At"]], pa.timestamp("ns", "UTC")), FIRST["At"]),
        ("At", pa.array(["2024-01-31 13:00:00"]), FIRST["At"]),
        ("Channel", pa.array(["shop"]).dictionary_encode(), "shop"),
    ],
)
def test_decimals_moments_and_sets_are_taken_where_nothing_is_lost(column: str, values: Any, expected: object) -> None:
    table = pa.Table.from_pylist([FIRST])
    table = table.set_column(table.column_names.index(column), column, values)
    [row], verdict = check_body(dataset(schema=Exact), parquet(table))
    assert verdict.accepted
    assert row == FIRST | {column: expected, "_line": 1}


@pytest.mark.parametrize(
    ("column", "values", "rule"),
    [
        ("Amount", pa.array([Decimal("1.005")]), "decimal"),
        ("Amount", pa.array([12345]), "decimal"),
        ("At", pa.array([1], pa.timestamp("ns", "UTC")), "moment"),
        ("At", pa.array(["2024-03-31 02:30:00"]), "moment"),
        ("Channel", pa.array(["Web"]).dictionary_encode(), "enum"),
        ("Amount", pa.array([1.5]), "type"),
        ("At", pa.array([datetime(2024, 1, 31)]), "type"),  # noqa: DTZ001 - a time of no zone
    ],
)
def test_decimals_moments_and_sets_are_refused_where_something_would_be(column: str, values: Any, rule: str) -> None:
    table = pa.Table.from_pylist([FIRST])
    table = table.set_column(table.column_names.index(column), column, values)
    _, verdict = check_body(dataset(schema=Exact), parquet(table))
    assert not verdict.accepted
    assert [each.rule for each in verdict.findings] == [rule]
