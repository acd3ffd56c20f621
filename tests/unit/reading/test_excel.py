"""Workbooks: typed cells as they are typed, and nothing that their reader passes over is lost unseen."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import dataframely as dy
import pandas as pd
import pytest
import xlsxwriter  # type: ignore[import-untyped]  # it has no types
from cubefeed import Dataset, DeclarationError, Excel, Header, Limits, SkipRows

from flows.reading.excel import sheet_text
from flows.reading.readers import reader_of
from tests.unit.reading.checked_bodies import check_bodies, check_body

NOON = datetime(2024, 1, 31, 12, 30)  # noqa: DTZ001 - the files' times have no zone


class Sale(dy.Schema):
    Order = dy.String(nullable=True)
    Day = dy.Date(nullable=True)
    At = dy.Datetime(nullable=True)
    Quantity = dy.Int64(nullable=True)
    Amount = dy.Float64(nullable=True)
    Paid = dy.Bool(nullable=True)


HEADER = tuple(Sale.columns())
CELLS: tuple[Any, ...] = ("007", date(2024, 1, 31), NOON, 12.0, 0.1, True)
ROW = dict(zip(HEADER, ("007", date(2024, 1, 31), NOON, 12, 0.1, True), strict=True))


def dataset(**options: Any) -> Dataset:
    names = ("sheet", "header", "preamble", "date_format", "decimal", "nulls")
    reading = {name: options.pop(name) for name in names if name in options}
    return Dataset(**{"schema": Sale, "landing": "landing", "format": Excel(**reading), **options})


def workbook(
    sheets: Mapping[str, Sequence[Sequence[Any]]],
    *,
    first: tuple[int, int] = (0, 0),
    change: Callable[[Any, Any], object] | None = None,
) -> bytes:
    """A workbook with these rows; `change` is called with it and its first sheet."""
    to = io.BytesIO()
    with xlsxwriter.Workbook(to, {"in_memory": True}) as book:
        styles = {
            date: book.add_format({"num_format": "yyyy-mm-dd"}),
            datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
            time: book.add_format({"num_format": "hh:mm"}),
        }
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for down, row in enumerate(rows):
                for right, value in enumerate(row):
                    place = (first[0] + down, first[1] + right)
                    if type(value) in styles:
                        sheet.write_datetime(*place, value, styles[type(value)])
                    elif isinstance(value, str):
                        sheet.write_string(*place, value)
                    elif value is not None:
                        sheet.write(*place, value)
        if change is not None:
            change(book, book.worksheets()[0])
    return to.getvalue()


def sales(*rows: Sequence[Any], **options: Any) -> bytes:
    return workbook({"Sales": [HEADER, *rows]}, **options)


def with_cell(place: int, value: Any) -> tuple[Any, ...]:
    return (*CELLS[:place], value, *CELLS[place + 1 :])


def with_member(body: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """The same workbook with another text in one of its parts."""
    to = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as before, zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as after:
        for member in before.namelist():
            after.writestr(member, change(before.read(member)) if member == name else before.read(member))
        if name not in before.namelist():
            after.writestr(name, change(b""))
    return to.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


def test_cells_are_what_they_are_typed_as_and_the_line_is_the_number_of_the_row() -> None:
    rows, verdict = check_body(dataset(), sales(CELLS, (None,) * 6, CELLS))
    assert verdict.accepted, verdict.reason
    assert rows == [ROW | {"_line": 2}, ROW | {"_line": 4}]
    assert [each.text for each in verdict.tolerated] == ["1 row without a value left out"]


def test_a_table_may_begin_anywhere_in_its_sheet() -> None:
    rows, verdict = check_body(dataset(), sales(CELLS, first=(4, 2)))
    assert verdict.accepted and rows == [ROW | {"_line": 6}]


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        (0, "007", "007"),
        (0, None, None),
        (1, datetime(2024, 1, 31), date(2024, 1, 31)),  # noqa: DTZ001
        (1, "2024-02-01", date(2024, 2, 1)),
        (2, date(2024, 1, 31), datetime(2024, 1, 31)),  # noqa: DTZ001
        (2, "2024-01-31 12:30:00", NOON),
        (3, "12", 12),
        (3, -3, -3),
        (3, 2**53, 2**53),
        (4, 7, 7.0),
        (4, 1e300, 1e300),
        (5, "true", True),
        (5, False, False),
    ],
)
def test_a_cell_is_read_by_its_type_and_text_as_text_is(place: int, value: Any, expected: object) -> None:
    rows, verdict = check_body(dataset(), sales(with_cell(place, value)))
    assert verdict.accepted, verdict.reason
    assert rows[0][HEADER[place]] == expected


@pytest.mark.parametrize(
    ("place", "value", "rule", "raw"),
    [
        (0, 7, "string", "7"),
        (0, date(2024, 1, 31), "string", "2024-01-31"),
        (0, True, "string", "True"),
        (1, NOON, "date", "2024-01-31T12:30:00"),
        (1, 45322, "date", "45322"),
        (1, time(12), "date", "12:00:00"),
        (2, 45322.5, "datetime", "45322.5"),
        (3, 12.5, "integer", "12.5"),
        (3, 1e16, "integer", "1e+16"),
        (3, True, "integer", "true"),
        (3, "007", "integer", "007"),
        (4, date(2024, 1, 31), "float", "2024-01-31"),
        (5, 1, "boolean", "1"),
    ],
)
def test_a_cell_of_another_type_is_a_finding_with_its_row_and_column(
    place: int, value: Any, rule: str, raw: str
) -> None:
    good, verdict = check_body(dataset(bad_rows=SkipRows(up_to=0.6)), sales(CELLS, with_cell(place, value)))
    assert [row["_line"] for row in good] == [2]
    (finding,) = verdict.findings
    assert (finding.rule, finding.line, finding.column, finding.raw) == (rule, 3, HEADER[place], raw)


TENTHS = 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1  # 0.9999999999999999


def test_numbers_have_the_digits_that_workbooks_have() -> None:
    class Price(dy.Schema):
        Net = dy.Decimal(10, 2)

    declared = Dataset(schema=Price, landing="landing", format=Excel())
    rows, verdict = check_body(declared, workbook({"P": [["Net"], [0.1 + 0.2], [12], [1234567.89], [TENTHS]]}))
    assert verdict.accepted, verdict.reason
    assert [row["Net"] for row in rows] == [Decimal("0.30"), Decimal(12), Decimal("1234567.89"), Decimal(1)]


@pytest.mark.parametrize(
    ("formula", "value", "rule", "raw"),
    [
        ("=1/0", "#DIV/0!", "formula_error", "#DIV/0!"),
        ("=Z9", "#REF!", "formula_error", "#REF!"),
        ("=A1+1", "", "formula", "=A1+1"),
    ],
)
def test_a_formula_that_has_failed_or_that_nobody_computed_is_a_finding(
    formula: str, value: str, rule: str, raw: str
) -> None:
    body = sales(CELLS, CELLS, change=lambda _, sheet: sheet.write_formula(2, 3, formula, None, value))
    good, verdict = check_body(dataset(bad_rows=SkipRows(up_to=0.5)), body)
    assert [row["_line"] for row in good] == [2]
    (finding,) = verdict.findings
    assert (finding.rule, finding.line, finding.column, finding.raw) == (rule, 3, "Quantity", raw)


def test_what_a_formula_has_computed_is_a_value_and_text_that_looks_like_an_error_is_text() -> None:
    def change(_: Any, sheet: Any) -> None:
        sheet.write_formula(1, 3, "=6*7", None, 42)
        sheet.write_formula(1, 0, '=""', None, "empty")

    body = sales(CELLS, with_cell(0, "#REF!"), change=change)
    body = with_member(body, SHEET, lambda text: text.replace(b"<v>empty</v>", b"<v></v>"))
    rows, verdict = check_body(dataset(), body)
    assert verdict.accepted, verdict.reason
    assert rows[0]["Quantity"] == 42 and rows[0]["Order"] is None and rows[1]["Order"] == "#REF!"


def test_merged_cells_of_rows_are_findings_and_those_of_the_header_refuse_the_file() -> None:
    body = sales(CELLS, CELLS, CELLS, change=lambda _, sheet: sheet.merge_range(2, 3, 3, 3, 5))
    good, verdict = check_body(dataset(bad_rows=SkipRows(up_to=0.9)), body)
    assert [row["_line"] for row in good] == [2]
    assert [(each.rule, each.line, each.column) for each in verdict.findings] == [
        ("merged", 3, "Quantity"), ("merged", 4, "Quantity"),
    ]  # fmt: skip
    title = workbook(
        {"Sales": [["Sales"], HEADER, CELLS]}, change=lambda _, sheet: sheet.merge_range(0, 0, 0, 5, "Sales of May")
    )
    assert check_body(dataset(preamble=1), title)[1].accepted
    header = sales(CELLS, change=lambda _, sheet: sheet.merge_range(0, 6, 0, 7, "Note"))
    assert check_body(dataset(header=Header(by="name", extra="ignore")), header)[1].accepted
    names = dict(enumerate((*HEADER[:4], "Amount", None)))
    narrow = workbook({"Sales": [list(names.values()), CELLS]}, change=lambda _, s: s.merge_range(0, 4, 0, 5, "Amount"))
    _, verdict = check_body(dataset(header=Header(by="name", extra="ignore", missing="null")), narrow)
    assert (verdict.findings[0].rule, verdict.findings[0].line) == ("merged", 1)


@pytest.mark.parametrize(
    ("sheets", "sheet", "read", "tolerated"),
    [
        (["Sales"], None, True, []),
        (["Sales", "Notes"], None, False, []),
        (["Sales", "Notes"], "Sales", True, ["sheet Sales read, others left out: Notes"]),
        (["Sales 2024", "Notes"], "Sales *", True, ["sheet Sales 2024 read, others left out: Notes"]),
        (["Sales 1", "Sales 2"], "Sales *", False, []),
        (["Notes"], "Sales", False, []),
    ],
)
def test_the_sheet_is_the_only_one_or_the_one_that_is_named(
    sheets: list[str], sheet: str | None, read: bool, tolerated: list[str]
) -> None:
    body = workbook({name: [HEADER, CELLS] for name in sheets})
    _, verdict = check_body(dataset(sheet=sheet), body)
    assert verdict.accepted is read and [each.text for each in verdict.tolerated] == tolerated
    if not read:
        assert verdict.findings[0].rule == "sheet" and verdict.findings[0].raw == ", ".join(sheets)


def test_a_hidden_sheet_is_read_only_where_it_is_named() -> None:
    body = workbook(
        {"Notes": [["x"]], "Sales": [HEADER, CELLS]},
        change=lambda book, sheet: (book.worksheets()[1].activate(), sheet.hide()),
    )
    assert check_body(dataset(), body)[1].accepted
    assert check_body(dataset(sheet="Notes"), body)[1].findings[0].rule == "header"


def test_what_stands_above_the_header_is_declared_and_counted() -> None:
    body = workbook({"Sales": [["Sales of May"], [], ["printed", 5], HEADER, CELLS]})
    _, verdict = check_body(dataset(), body)
    assert verdict.findings[0].rule == "header" and verdict.findings[0].line == 1
    for preamble in (2, "header"):
        rows, verdict = check_body(dataset(preamble=preamble), body)
        assert verdict.accepted and rows == [ROW | {"_line": 5}]
        assert [each.words for each in verdict.tolerated] == ["2 rows above the header left out: 'Sales of May'"]
    _, verdict = check_body(dataset(preamble="header"), workbook({"Sales": [["a"], ["b"]]}))
    assert "the header among the first" in str(verdict.findings[0].expected)


def test_columns_go_as_the_header_says() -> None:
    mixed = workbook({"Sales": [[*reversed(HEADER), "Note"], [*reversed(CELLS), "x"]]})
    _, verdict = check_body(dataset(header=Header(by="name")), mixed)
    assert "extra: Note" in str(verdict.reason)
    rows, verdict = check_body(dataset(header=Header(by="name", extra="ignore")), mixed)
    assert rows == [ROW | {"_line": 2}]
    assert [each.text for each in verdict.tolerated] == ["column Note ignored (1 value)"]
    less = workbook({"Sales": [HEADER[:-1], CELLS[:-1]]})
    assert "missing: Paid" in str(check_body(dataset(header=Header(by="name")), less)[1].reason)
    rows, verdict = check_body(dataset(header=Header(by="name", missing="null")), less)
    assert rows[0]["Paid"] is None
    assert [each.text for each in verdict.tolerated] == ["column Paid missing in 1 row"]
    nameless = workbook({"Sales": [HEADER, (*CELLS, "x")]})
    assert "a name for column G" in str(check_body(dataset(), nameless)[1].reason)
    rows, _ = check_body(dataset(header=None), workbook({"Sales": [CELLS]}))
    assert rows == [ROW | {"_line": 1}]


@pytest.mark.parametrize(
    ("body", "rule", "raw"),
    [
        (b"", "binary", "b''"),
        (b"<html>", "binary", "b'<html>'"),
        (b"PAR1", "binary", "Parquet"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "binary", "an old workbook (.xls)"),
        (b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "encrypted", "a workbook with a password"),
        (sales(CELLS)[:-30], "workbook", ""),
        (with_member(sales(CELLS), "xl/vbaProject.bin", lambda _: b"x"), "macros", "a workbook with macros (.xlsm)"),
        (with_member(sales(CELLS), "xl/workbook.bin", lambda _: b"x"), "binary", "(.xlsb)"),
        (with_member(sales(CELLS), "xl/workbook.xml", lambda _: b"<x"), "workbook", "xl/workbook.xml: "),
        (with_member(sales(CELLS), SHEET, lambda _: b""), "workbook", ""),
        (workbook({"Sales": []}), "empty", "a sheet without values"),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_what_is_no_such_workbook_is_refused_in_plain_words(body: bytes, rule: str, raw: str) -> None:
    _, verdict = check_body(dataset(), body)
    assert verdict.findings[0].rule == rule, verdict.reason
    assert raw.replace(",", "") in str(verdict.findings[0].raw).replace(",", "")


def test_a_part_that_unpacks_to_more_than_it_says_is_refused() -> None:
    body = bytearray(sales(*[CELLS] * 50))
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        size = archive.getinfo(SHEET).file_size
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = body.find(signature)
        while body[place + offset : place + offset + 4] != size.to_bytes(4, "little"):
            place = body.find(signature, place + 1)
        body[place + offset : place + offset + 4] = (size // 2).to_bytes(4, "little")
    _, verdict = check_body(dataset(), bytes(body))
    assert verdict.findings[0].rule == "workbook" and "not as large as it says" in str(verdict.findings[0].raw)


def test_cells_far_from_each_other_are_refused_before_all_between_them_are_made() -> None:
    body = sales(CELLS, change=lambda _, sheet: sheet.write_string(1_048_575, 16_383, "x"))
    _, verdict = check_body(dataset(), body)
    assert verdict.findings[0].rule == "size"
    assert verdict.findings[0].raw == "13 cells as far as column XFD and row 1048576"


def test_a_workbook_larger_than_the_dataset_allows_is_refused_before_it_is_unpacked() -> None:
    bomb = with_member(sales(CELLS), "xl/media/a.bmp", lambda _: bytes(5_000_000))
    assert len(bomb) < 20_000
    _, verdict = check_body(dataset(limits=Limits(file_bytes=4_000_000)), bomb)
    assert verdict.findings[0].rule == "size"
    _, verdict = check_body(dataset(limits=Limits(read_memory_bytes=1_000_000)), bomb)
    assert verdict.findings[0].rule == "memory"


def test_a_sheet_written_with_prefixes_is_looked_at_cell_by_cell() -> None:
    plain = b'<worksheet><row r="2"><c r="A2" t="e"><v>#N/A</v></c></row>'
    prefixed = b'<x:worksheet><x:row r="2"><x:c s="1" r="B2" t="e"><x:v>#N/A</x:v></x:c></x:row>'
    assert sheet_text._box_at_most(plain) == 10 and sheet_text._box_at_most(prefixed) is None
    assert [(each.row, each.column) for each in sheet_text.read_sheet(plain)] == [(1, 0)]
    assert [(each.row, each.column, each.raw) for each in sheet_text.read_sheet(prefixed)] == [(1, 1, "#N/A")]


@pytest.mark.parametrize(("number", "letters"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (16_383, "XFD")])
def test_columns_have_letters(number: int, letters: str) -> None:
    assert sheet_text.column_letters(number) == letters
    assert sheet_text.column_number(letters.encode()) == number


def test_files_of_a_batch_are_each_judged_alone() -> None:
    bodies = {"a": sales(CELLS), "b": b"x", "c": sales(with_cell(3, "x")), "d": sales(CELLS)}
    rows, verdicts = check_bodies(dataset(), bodies)
    assert {path: verdict.accepted for path, verdict in verdicts.items()} == {
        "a": True, "b": False, "c": False, "d": True,
    }  # fmt: skip
    assert rows["_file"].to_list() == [0, 3]


def test_prepare_gets_the_values_as_text() -> None:
    seen: list[dict[str, Any]] = []

    def prepare(frame: pd.DataFrame) -> pd.DataFrame:
        seen.extend({str(name): value for name, value in row.items()} for row in frame.to_dict("records"))
        return frame.rename(columns={"No": "Order"})

    source = ("No", *HEADER[1:])
    prepared = dataset(prepare=prepare, source_columns=source)
    rows, verdict = check_body(prepared, workbook({"Sales": [source, with_cell(2, NOON.replace(minute=0))]}))
    assert verdict.accepted, verdict.reason
    assert rows == [ROW | {"At": NOON.replace(minute=0), "_line": 2}]
    assert seen == [
        {
            "No": "007", "Day": "2024-01-31", "At": "2024-01-31 12:00:00", "Quantity": "12", "Amount": "0.1",
            "Paid": "true", "_line": 2,
        }
    ]  # fmt: skip


def test_text_is_read_with_the_declared_forms_and_typed_cells_without() -> None:
    declared = dataset(date_format="%d.%m.%Y", decimal=",", nulls=("-",))
    text = ("007", "31.01.2024", NOON, "-", "0,1", True)
    rows, verdict = check_body(declared, sales(CELLS, text))
    assert verdict.accepted, verdict.reason
    assert rows == [ROW | {"_line": 2}, ROW | {"Quantity": None, "_line": 3}]


def test_refused_rows_are_kept_as_json() -> None:
    body = sales(CELLS, with_cell(3, "x"), with_cell(0, "ä"))
    kept = reader_of(dataset()).cut(body, [3])
    assert json.loads(kept) == {
        "_line": 3, "Order": "007", "Day": "2024-01-31", "At": "2024-01-31 12:30:00", "Quantity": "x", "Amount": 0.1,
        "Paid": True,
    }  # fmt: skip


def test_a_preamble_that_is_looked_for_needs_a_header_with_names() -> None:
    with pytest.raises(DeclarationError, match=r"format\.preamble"):
        Excel(header=None, preamble="header")
    assert Excel(sheet="S*").fingerprint == "Excel(sheet='S*')"


@pytest.mark.parametrize(
    ("form", "day", "taken"),
    [
        ("%Y-%m", date(2024, 7, 15), False),
        ("%Y-%m", date(2024, 7, 1), True),
        ("%d.%m.%y", date(1950, 7, 15), False),
        ("%d.%m.%y", date(1970, 7, 15), True),
    ],
)
def test_a_day_that_the_form_of_texts_cannot_say_is_a_finding_and_no_other_day(
    form: str, day: date, *, taken: bool
) -> None:
    rows, verdict = check_body(dataset(date_format=form), sales(with_cell(1, day)))
    assert verdict.accepted is taken
    assert [row["Day"] for row in rows] == [day] * taken


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.1 + 0.2, Decimal("0.30")),
        (1234567890123.45, Decimal("1234567890123.45")),
        (123456789012345.5, Decimal("123456789012345.50")),
        (99999999999999.99, None),
        (1.005, None),
    ],
)
def test_cents_that_a_float_does_not_hold_are_findings(value: float, expected: Decimal | None) -> None:
    class Price(dy.Schema):
        Amount = dy.Decimal(18, 2)

    body = workbook({"Prices": [["Amount"], [value]]})
    rows, verdict = check_body(Dataset(schema=Price, landing="landing", format=Excel()), body)
    assert verdict.accepted is (expected is not None)
    assert [row["Amount"] for row in rows] == [expected] * verdict.accepted


@pytest.mark.parametrize("names", [("A", "B"), ("B", "A")])
def test_a_row_that_could_be_the_header_is_none(names: tuple[str, str]) -> None:
    class Pair(dy.Schema):
        A = dy.String()
        B = dy.String()

    declared = Dataset(schema=Pair, landing="landing", format=Excel(header=Header(by="name"), preamble="header"))
    _, verdict = check_body(declared, workbook({"Pairs": [["Pairs"], ["A", "B"], names, ["1", "2"]]}))
    assert [(each.rule, each.line, each.raw) for each in verdict.findings] == [("repeated_header", 3, ", ".join(names))]
