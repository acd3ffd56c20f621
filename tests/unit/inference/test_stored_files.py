"""What `init` makes of files that say their own columns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter  # type: ignore[import-untyped]  # it ships no types

from flows.datasets import find_dataset
from flows.errors import CubefeedError
from flows.model.formats import Excel, JsonLines, Parquet
from flows.model.header import Header
from flows.model.numbers import Numbers
from tests.unit.inference.stored import checked_rows, init


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()


def rows(name: str) -> list[tuple[object, ...]]:
    """The rows of one file as the declaration has them."""
    return checked_rows(name).select(list(find_dataset("data.py:DATA").schema.columns())).rows()


def test_parquet_files_are_declared_as_they_are_stored() -> None:
    noon = datetime.fromisoformat("2024-05-01T12:00:00")
    columns = {
        "Order No": [1, 2], "Day": [date(2024, 5, 1)] * 2, "Amount": [Decimal("1.50"), None], "Tags": [["a"], []],
        "At": [noon, noon], "Seen": [noon.replace(tzinfo=UTC)] * 2, "Customer ID": [7, 8], "Due": ["31.05.2024"] * 2,
    }  # fmt: skip
    frame = pl.DataFrame(columns, schema_overrides={"Amount": pl.Decimal(10, 2)})
    frame.write_parquet("data/a.parquet")
    frame.with_columns(pl.lit("web").alias("Channel"), pl.col("Order No") + 2).write_parquet("data/b.parquet")
    done = init()
    assert done.exit_code == 0, done.output
    assert "it holds List(String), which no column does" in done.output
    aliases = {"Order No": "Order_No", "Customer ID": "Customer_ID"}
    assert find_dataset("data.py:DATA").format == Parquet(
        header=Header(by="name", missing="null", extra="ignore", aliases=aliases), date_format="%d.%m.%Y"
    )
    first, _ = rows("a.parquet")
    assert first[:3] == (1, date(2024, 5, 1), Decimal("1.50"))
    assert first[3:] == (noon, noon.replace(tzinfo=UTC), 7, date(2024, 5, 31), None)
    assert "DATA = Dataset(" in Path("data.py").read_text() and "pattern" not in Path("data.py").read_text()


def test_numbers_that_parquet_files_hold_as_text_are_read_as_they_are_written() -> None:
    pl.DataFrame({"No": [1, 2], "Amount": ["1.234,50", "7,25"], "Rate": ["n/a", "12"]}).write_parquet("data/a.parquet")
    done = init()
    assert done.exit_code == 0, done.output
    numbers = Numbers(thousands=".")
    assert find_dataset("data.py:DATA").format == Parquet(decimal=",", numbers=numbers, nulls=("", "n/a"))
    assert rows("a.parquet") == [(1, Decimal("1234.50"), None), (2, Decimal("7.25"), 12)]


def test_json_lines_are_declared_by_the_paths_to_their_values() -> None:
    text = '{"id": 1, "order": {"price": 12345678901234.57, "open": true}, "zip": "01067"}\n'
    Path("data/a.jsonl").write_text(text + '{"id": 2, "order": {"price": 3.25, "open": false}, "l": [1]}\n')
    done = init()
    assert done.exit_code == 0, done.output
    assert find_dataset("data.py:DATA").format == JsonLines(
        fields={"order_price": "order.price", "order_open": "order.open"}, missing="null", extra="ignore"
    )
    assert rows("a.jsonl") == [(1, Decimal("12345678901234.57"), True, "01067"), (2, Decimal("3.25"), False, None)]


def test_json_lines_without_anything_to_say_need_one_word() -> None:
    Path("data/a.jsonl").write_text("".join(json.dumps({"id": place, "n": place / 4}) + "\n" for place in range(3)))
    assert init().exit_code == 0
    assert "    format=JsonLines(),\n" in Path("data.py").read_text()


def write_workbook(name: str, *, sheets: Sequence[str] = ("Orders",), channel: bool = False) -> None:
    with xlsxwriter.Workbook(f"data/{name}") as book:
        days = book.add_format({"num_format": "dd.mm.yyyy"})
        for title in sheets:
            sheet = book.add_worksheet(title)
            sheet.write(0, 0, "Orders of May")
            for place, text in enumerate(("Order No.", "Day", "Zip", "Amount", *(["Channel"] if channel else []))):
                sheet.write(2, place, text)
            for row in (3, 4):
                sheet.write(row, 0, row + 10 * channel)
                sheet.write_datetime(row, 1, datetime.fromisoformat("2024-05-01"), days)
                sheet.write_string(row, 2, "01067")
                sheet.write(row, 3, row + 0.25)
                if channel:
                    sheet.write(row, 4, "web")


def test_workbooks_are_declared_as_their_cells_are_typed() -> None:
    write_workbook("may.xlsx")
    assert init().exit_code == 0
    aliases = {"Order No.": "Order_No"}
    assert find_dataset("data.py:DATA").format == Excel(header=Header(aliases=aliases), preamble="header")
    write_workbook("june.xlsx", channel=True)
    done = init()
    assert done.exit_code == 0, done.output
    by_name = Header(by="name", missing="null", aliases=aliases)
    assert find_dataset("data.py:DATA").format == Excel(header=by_name, preamble="header")
    assert rows("june.xlsx")[0] == (13, date(2024, 5, 1), "01067", Decimal("3.25"), "web")
    assert rows("may.xlsx")[0] == (3, date(2024, 5, 1), "01067", Decimal("3.25"), None)


def test_one_of_several_sheets_is_named() -> None:
    write_workbook("may.xlsx", sheets=("May", "Notes"))
    done = init()
    assert "name one sheet with --sheet" in str(done.exception)
    assert init("--sheet", "May").exit_code == 0
    assert 'sheet="May"' in Path("data.py").read_text()


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"a.csv": b'{"id": 1}\n', "b.csv": b"id\n1\n", "c.csv": b"id\n2\n"},
            "files=JsonLines: a.csv; Csv: b.csv and 1 more",
        ),
        ({"a.jsonl": b'{"id": 1}\n{"id": \n'}, "The file cannot be read"),
        ({"a.parquet": b"PAR1PAR1"}, "The file cannot be read"),
    ],
)
def test_what_cannot_be_one_dataset_is_said(files: dict[str, bytes], expected: str) -> None:
    for name, body in files.items():
        Path(f"data/{name}").write_bytes(body)
    done = init()
    assert isinstance(done.exception, CubefeedError)
    assert expected in str(done.exception)
