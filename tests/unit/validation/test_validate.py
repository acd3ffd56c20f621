"""Casting, checking and judging: what the zoo's files do not show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import dataframely as dy
import pandas as pd
import polars as pl
import pytest

from flows.model.dataset import Dataset
from flows.model.findings import MAX_FINDINGS, FileFindings, Finding, Verdict
from flows.model.formats import Csv
from flows.model.policies import RejectFile, SkipRows
from flows.model.precedence import ByColumn
from flows.model.tables import FILE, LINE
from flows.reading.csv.dialect import csv_of
from flows.reading.csv.parse import parse
from flows.reading.port import Source
from flows.validation.rules import checks_of
from flows.validation.validate import CheckedRows, validate


class Sales(dy.Schema):
    ID = dy.Int64(primary_key=True)
    Day = dy.Date()
    Quantity = dy.Int16(nullable=True, min=0, max=100)


class Ruled(dy.Schema):
    Low = dy.Int64(nullable=True, check={"even": lambda cell: cell % 2 == 0})
    High = dy.Int64(nullable=True)
    Code = dy.String(nullable=True, regex="^[a-z]+$", max_length=3)

    @dy.rule()
    def low_is_below_high(cls) -> pl.Expr:  # noqa: N805 - dataframely passes the schema
        return pl.col("Low").fill_null(0) <= pl.col("High").fill_null(0)


class Unique(dy.Schema):
    Tag = dy.String(unique=True)


class Balanced(dy.Schema):
    Group = dy.String()
    Amount = dy.Int64()

    @dy.rule()
    def groups_add_up_to_zero(cls) -> pl.Expr:  # noqa: N805 - dataframely passes the schema
        return pl.col("Amount").sum().over("Group") == 0


class States(dy.Schema):
    Sensor = dy.Int64(primary_key=True)
    At = dy.Int64(nullable=True)
    State = dy.String(nullable=True)


def declare(schema: type[dy.Schema] = Sales, **options: Any) -> Dataset:
    return Dataset(schema=schema, landing="landing", **({"bad_rows": SkipRows(1.0)} | options))


def check(dataset: Dataset, *files: str) -> CheckedRows:
    header = csv_of(dataset).delimiter.join(dataset.header)
    return validate(dataset, parse(dataset, [Source("f.csv", f"{header}\n{rows}".encode()) for rows in files]))


def values(checked: CheckedRows) -> list[tuple[Any, ...]]:
    return checked.rows.drop(FILE, LINE).rows()


def brief(found: Verdict | FileFindings) -> list[tuple[str, int | None, str | None]]:
    return [(finding.rule, finding.line, finding.column) for finding in found.findings]


def test_good_rows_have_the_schemas_types_and_know_their_file_and_line() -> None:
    checked = check(declare(), "1,2021-05-01,3\n2,2021-05-02,\n", "1,2021-05-03,7\n")
    assert checked.rows.schema == {
        "ID": pl.Int64, "Day": pl.Date, "Quantity": pl.Int16, FILE: pl.UInt32, LINE: pl.UInt32,
    }  # fmt: skip
    assert checked.rows.rows() == [
        (1, date(2021, 5, 1), 3, 0, 2),
        (2, date(2021, 5, 2), None, 0, 3),
        (1, date(2021, 5, 3), 7, 1, 2),
    ]


def test_no_rows_and_no_files_are_fine() -> None:
    assert check(declare(), "").verdicts == (Verdict(),)
    assert check(declare()).rows.schema == check(declare(), "1,2021-05-01,3\n").rows.schema


def test_validating_twice_gives_the_same_and_leaves_the_text_as_it_was() -> None:
    dataset = declare()
    text = parse(dataset, [Source("f.csv", b"ID,Day,Quantity\n1,x,3\n\n")])
    assert validate(dataset, text).verdicts == validate(dataset, text).verdicts
    assert brief(text.found[0]) == [("blank_line", 3, None)]


def test_a_cell_that_cannot_be_read_never_becomes_a_null() -> None:
    checked = check(declare(), "1,2021-05-01,many\n2,2021-05-01,\n")
    assert values(checked) == [(2, date(2021, 5, 1), None)]
    assert checked.verdicts[0].findings == (
        Finding("integer", 2, "Quantity", "many", "Int16 in plain digits, such as 7 or -7"),
    )


def test_keys_are_judged_per_file() -> None:
    checked = check(declare(), "1,2021-05-01,1\n", "1,2021-05-01,2\n1,2021-05-01,3\n", "1,2021-05-01,4\n")
    assert [row[2] for row in values(checked)] == [1, 4]
    assert brief(checked.verdicts[1]) == [("primary_key", 2, None), ("primary_key", 3, None)]


def test_repeats_collapse_to_the_first_and_others_of_their_key_still_conflict() -> None:
    checked = check(declare(), "1,2021-05-01,1\n2,2021-05-01,1\n1,2021-05-01,1\n1,2021-05-01,9\n2,2021-05-01,1\n")
    (verdict,) = checked.verdicts
    assert values(checked) == [(2, date(2021, 5, 1), 1)]
    assert brief(verdict) == [("primary_key", 2, None), ("primary_key", 5, None)]
    assert (verdict.rows, verdict.collapsed, verdict.refused, verdict.refused_lines) == (1, 2, 2, (2, 5))


def test_rules_have_their_short_names_and_say_what_they_expect() -> None:
    checked = check(declare(Ruled), "3,4,abcd\n4,3,ABC\n")
    assert [(f.rule, f.line, f.column, f.raw, f.expected) for f in checked.verdicts[0].findings] == [
        ("even", 2, "Low", "3", "the column's rule check__even"),
        ("max_length", 2, "Code", "abcd", "max_length=3"),
        ("regex", 3, "Code", "ABC", "regex=^[a-z]+$"),
        ("low_is_below_high", 3, None, None, "the schema's rule low_is_below_high"),
    ]


def test_a_rule_over_columns_is_silent_where_one_of_them_could_not_be_read() -> None:
    checked = check(declare(Ruled), "2,x,abc\n2,,abc\n")
    assert brief(checked.verdicts[0]) == [("integer", 2, "High"), ("low_is_below_high", 3, None)]


def test_uniqueness_is_judged_per_file() -> None:
    checked = check(declare(Unique), "a\nb\n", "a\n", "c\nc\n")
    assert values(checked) == [("a",), ("b",), ("a",)]
    assert brief(checked.verdicts[2]) == [("unique", 2, "Tag"), ("unique", 3, "Tag")]


def test_rules_over_groups_of_rows_are_judged_per_file() -> None:
    checked = check(declare(Balanced), "a,1\na,-1\nb,5\n", "a,2\na,-2\n", "b,-5\n")
    assert values(checked) == [("a", 1), ("a", -1), ("a", 2), ("a", -2)]
    assert [verdict.counts for verdict in checked.verdicts] == [
        {"groups_add_up_to_zero": 1}, {}, {"groups_add_up_to_zero": 1},
    ]  # fmt: skip


def test_the_ready_made_checks_of_a_schema_are_made_once() -> None:
    assert checks_of(Sales) is checks_of(Sales)
    assert [checks_of(schema).row_wise for schema in (Sales, Ruled, Unique, Balanced)] == [True, True, False, False]


def test_one_finding_refuses_the_file_under_reject_file() -> None:
    checked = check(declare(bad_rows=RejectFile()), "1,2021-05-01,1\n2,2021-05-01,-1\n", "3,2021-05-01,1\n")
    bad, good = checked.verdicts
    assert values(checked) == [(3, date(2021, 5, 1), 1)]
    assert (bad.accepted, bad.rows, bad.refused, bad.refused_lines) == (False, 0, 2, None)
    assert bad.reason == "findings: min 1"
    assert good == Verdict(rows=1)


def test_the_share_of_refused_rows_is_judged_per_file_and_counts_the_gates_too() -> None:
    half = "1,2021-05-01,1\n2,2021-05-01,1\n3,2021-05-01,-1\n4\n"
    checked = check(declare(bad_rows=SkipRows(0.5)), half, half + "5\n", "6,2021-05-01,1\n")
    assert [verdict.accepted for verdict in checked.verdicts] == [True, False, True]
    assert checked.verdicts[0].refused_lines == (4, 5)
    assert checked.verdicts[1].reason == (
        "3 of 5 rows (60.00%) are refused, at most 50.00% may be; findings: min 1, ragged 2"
    )
    assert checked.verdicts[1].refused == 5
    assert checked.rows[FILE].to_list() == [0, 0, 2]


def test_findings_of_gate_and_checks_stand_in_line_order_up_to_the_limit() -> None:
    checked = check(declare(), "1,2021-05-01,-1\nx\n" * MAX_FINDINGS)
    (verdict,) = checked.verdicts
    assert brief(verdict)[:3] == [("min", 2, "Quantity"), ("ragged", 3, None), ("ragged", 5, None)]
    assert len(verdict.findings) == MAX_FINDINGS
    assert verdict.counts == {"min": 1, "ragged": MAX_FINDINGS}
    assert verdict.refused + verdict.collapsed == 2 * MAX_FINDINGS


def test_all_physical_lines_of_a_refused_row_are_named() -> None:
    dataset = declare(Ruled, format=Csv(multiline=True))
    checked = check(dataset, '2,4,"a\n\nb"\n2,4,abc\n')
    assert checked.verdicts[0].refused_lines == (2, 3, 4)


@pytest.mark.parametrize("column", [dy.Float32(), dy.UInt8(), dy.Int32(), dy.Integer(), dy.Float(), dy.UInt32()])
def test_each_number_type_is_cast_to_itself(column: dy.Column) -> None:
    checked = check(declare(type("One", (dy.Schema,), {"X": column})), "7\n1e40\n-1e400\n99999999999999999999x\n")
    assert checked.rows.schema["X"] == column.dtype
    assert checked.rows["X"].to_list()[:1] == [7]
    assert {finding.rule for finding in checked.verdicts[0].findings} <= {"integer", "float"}
    assert checked.verdicts[0].refused >= 2


def test_percent_f_means_microseconds_in_six_digits() -> None:
    csv = Csv(datetime_format="%Y-%m-%d %H:%M:%S.%f")
    checked = check(
        declare(type("One", (dy.Schema,), {"X": dy.Datetime()}), format=csv),
        "2021-05-01 10:00:00.000005\n2021-05-01 10:00:00.5\n",
    )
    assert values(checked) == [(datetime.fromisoformat("2021-05-01 10:00:00.000005"),)]
    assert brief(checked.verdicts[0]) == [("datetime", 3, "X")]


def test_a_time_finer_than_its_column_is_refused() -> None:
    csv = Csv(datetime_format="%Y-%m-%d %H:%M:%S.%f")
    column = dy.Datetime(time_unit="ms")
    checked = check(declare(type("One", (dy.Schema,), {"X": column}), format=csv), "2021-05-01 10:00:00.000005\n")
    assert brief(checked.verdicts[0]) == [("datetime", 2, "X")]


# prepare


def prepared(prepare: Callable[[pd.DataFrame], Any], *files: str, **options: Any) -> CheckedRows:
    return check(declare(prepare=prepare, source_columns=("id", "day", "n"), **options), *files)


def rename(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.rename(columns={"id": "ID", "day": "Day", "n": "Quantity"})


def test_prepare_gets_text_and_its_text_is_checked() -> None:
    seen: list[pd.DataFrame] = []

    def prepare(frame: pd.DataFrame) -> pd.DataFrame:
        seen.append(frame)
        return rename(frame)

    checked = prepared(prepare, "1,2021-05-01,007\n2,2021-05-01,7\n", "", "3,2021-05-01,8\n")
    assert [list(frame["n"]) for frame in seen] == [["007", "7"], ["8"]]
    assert list(seen[0][LINE]) == [2, 3]
    assert checked.rows.rows() == [(2, date(2021, 5, 1), 7, 0, 3), (3, date(2021, 5, 1), 8, 2, 2)]
    assert brief(checked.verdicts[0]) == [("integer", 2, "Quantity")]


def test_prepare_may_drop_rows_and_make_several_of_one() -> None:
    def prepare(frame: pd.DataFrame) -> pd.DataFrame:
        kept = rename(frame[frame["id"] != "TOTAL"])
        return pd.concat([kept, kept.assign(ID=kept["ID"] + "0")])

    checked = prepared(prepare, "1,2021-05-01,1\nTOTAL,,1\n2,2021-05-01,-1\n")
    assert [(row[0], row[-1]) for row in checked.rows.rows()] == [(1, 2), (10, 2)]
    assert (checked.verdicts[0].refused, checked.verdicts[0].refused_lines) == (2, (4,))


def test_prepare_may_return_values_instead_of_text() -> None:
    def prepare(frame: pd.DataFrame) -> pd.DataFrame:
        days = pd.to_datetime(frame["day"], format="%d.%m.%Y")
        return pd.DataFrame({LINE: frame[LINE], "ID": frame["id"].astype("int64"), "Day": days, "Quantity": [1, None]})

    checked = prepared(prepare, "1,01.05.2021,x\n2,02.05.2021,x\n", format=Csv(date_format="%d/%m/%Y"))
    assert values(checked) == [(2, date(2021, 5, 2), None)]
    assert [(f.rule, f.line, f.raw) for f in checked.verdicts[0].findings] == [("integer", 2, "1.0")]


def test_a_value_that_loses_something_as_text_is_refused() -> None:
    def prepare(frame: pd.DataFrame) -> pd.DataFrame:
        return rename(frame).assign(Day=pd.Timestamp("2021-05-01 10:00"))

    checked = prepared(prepare, "1,x,1\n")
    assert [(f.rule, f.raw) for f in checked.verdicts[0].findings] == [("date", "2021-05-01T10:00:00")]


def test_values_are_written_as_the_dataset_writes_them() -> None:
    schema = type("Two", (dy.Schema,), {"Price": dy.Float64(nullable=True), "Open": dy.Bool()})

    def prepare(frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({LINE: frame[LINE], "Price": [1.5, float("nan")], "Open": [True, False]})

    csv = Csv(delimiter=";", decimal=",", true=("ja",), false=("nein",))
    checked = check(declare(schema, prepare=prepare, source_columns=("x",), format=csv), "a\nb\n")
    assert values(checked) == [(1.5, True), (None, False)]


def fail(frame: pd.DataFrame) -> pd.DataFrame:
    if frame["id"].iloc[0] == "bad":
        raise KeyError("no such thing")
    return rename(frame)


def test_an_exception_in_prepare_refuses_its_file_only() -> None:
    checked = prepared(fail, "1,2021-05-01,1\n", "bad,2021-05-01,1\n", "3,2021-05-01,1\n")
    assert [verdict.accepted for verdict in checked.verdicts] == [True, False, True]
    raised = f"KeyError: 'no such thing' (test_validate.py, line {fail.__code__.co_firstlineno + 2})"
    assert checked.verdicts[1].findings == (Finding("prepare", raw=raised, expected="no exception"),)
    assert checked.verdicts[1].reason == f"prepare: {raised}; expected no exception"
    assert (checked.verdicts[1].refused, checked.verdicts[1].refused_lines) == (1, None)
    assert checked.rows[FILE].to_list() == [0, 2]


@pytest.mark.parametrize(
    ("prepare", "raw"),
    [
        (lambda frame: frame, "missing: ID, Day, Quantity; extra: id, day, n"),
        (lambda frame: rename(frame).drop(columns=[LINE]), "missing: _line"),
        (lambda frame: rename(frame).assign(Note=""), "extra: Note"),
        (lambda frame: pd.concat([rename(frame), rename(frame)["ID"]], axis=1), "twice: ID"),
        (lambda frame: rename(frame).assign(_line=9), "_line 9"),
        (lambda frame: None, "it returned NoneType"),
    ],
)
def test_what_prepare_returns_must_have_the_schemas_columns(prepare: Callable[..., Any], raw: str) -> None:
    (verdict,) = prepared(prepare, "1,2021-05-01,1\n").verdicts
    assert [(finding.rule, finding.raw) for finding in verdict.findings] == [("prepare", raw)]
    assert not verdict.accepted


def test_where_a_column_decides_a_key_may_repeat_and_rows_that_are_the_same_collapse_to_the_last() -> None:
    dataset = declare(States, precedence=ByColumn("At"), bad_rows=RejectFile())
    checked = check(dataset, "1,10,on\n2,10,on\n1,12,off\n1,10,on\n1,,on\n1,,on\n1,12,on\n", "1,10,on\n")
    assert [verdict.accepted for verdict in checked.verdicts] == [True, True]
    assert [(verdict.rows, verdict.collapsed) for verdict in checked.verdicts] == [(5, 2), (1, 0)]
    first = checked.rows.filter(pl.col(FILE) == 0)
    assert first.select("Sensor", "At", "State", LINE).rows() == [
        (2, 10, "on", 3), (1, 12, "off", 4), (1, 10, "on", 5), (1, None, "on", 7), (1, 12, "on", 8),
    ]  # fmt: skip


def test_where_a_column_decides_a_key_is_needed_all_the_same_and_texts_that_cannot_be_read_are_told_apart() -> None:
    dataset = declare(States, precedence=ByColumn("At"))
    (verdict,) = check(dataset, ",10,on\n1,x,on\n1,y,on\n1,x,on\n1,3,on\n").verdicts
    assert (verdict.rows, verdict.refused, verdict.collapsed) == (1, 3, 1)
    assert {finding.raw for finding in verdict.findings if finding.column == "At"} == {"x", "y"}
    assert [finding.column for finding in verdict.findings if finding.rule == "nullability"] == ["Sensor"]


def test_of_rows_that_prepare_makes_of_one_line_the_greatest_of_a_key_stays() -> None:
    def doubled(rows: pd.DataFrame) -> pd.DataFrame:
        earlier = rows.assign(At=rows["At"].astype(int) - 1, State="before")
        return pd.concat([rows, earlier, rows.assign(Sensor=9)])

    dataset = declare(States, precedence=ByColumn("At"), prepare=doubled, source_columns=("Sensor", "At", "State"))
    checked = check(dataset, "1,10,on\n1,20,off\n")
    kept = checked.rows.select("Sensor", "At", "State", LINE).sort(LINE, "Sensor").rows()
    assert kept == [(1, 10, "on", 2), (9, 10, "on", 2), (1, 20, "off", 3), (9, 20, "off", 3)]
    assert checked.verdicts[0].collapsed == 2
