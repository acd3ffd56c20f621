"""What `init` makes of files of several formats: July comes as a workbook."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import xlsxwriter  # type: ignore[import-untyped]  # it ships no types
from cubefeed import Csv, Excel, JsonLines, Trailer

from flows.datasets import find_dataset
from flows.model.header import Header
from tests.unit.inference.stored import checked_rows, init

type Row = tuple[int, date, str, Decimal]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()


def loaded() -> list[tuple[object, ...]]:
    """The rows of all files as the declaration has them."""
    return checked_rows().select("Order", "Day", "Shop", "Amount").rows()


def month(number: int) -> list[Row]:
    first = 1000 * number
    return [
        (
            first + place,
            date(2024, number, 1 + place % 28),
            f"Shop {place % 3}",
            Decimal(first + place) + Decimal("0.25"),
        )
        for place in range(40)
    ]


def write_csv(name: str, rows: list[Row]) -> None:
    lines = [f"{number};{day:%d.%m.%Y};{shop};{_german(amount)}" for number, day, shop, amount in rows]
    total = _german(sum((amount for *_, amount in rows), Decimal()))
    Path(f"data/{name}").write_text("\n".join(["Order;Day;Shop;Amount", *lines, f"TOTAL;;;{total}"]) + "\n")


def _german(amount: Decimal) -> str:
    return f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))


def write_workbook(
    name: str, rows: list[Row], names: tuple[str, ...] = ("Order", "Day", "Shop", "Amount"), *, total: bool = False
) -> None:
    with xlsxwriter.Workbook(f"data/{name}") as book:
        sheet, days = book.add_worksheet(), book.add_format({"num_format": "yyyy-mm-dd"})
        for column, text in enumerate(names):
            sheet.write(0, column, text)
        for line, (number, day, shop, amount) in enumerate(rows, start=1):
            values = {"Order": number, "Shop": shop, "Amount": float(amount), "Clerk": "Ann"}
            for column, text in enumerate(names):
                if text == "Day":
                    sheet.write_datetime(line, column, datetime(day.year, day.month, day.day), days)  # noqa: DTZ001
                else:
                    sheet.write(line, column, values[text])
        if total:
            sheet.write(len(rows) + 1, 0, "TOTAL")
            sheet.write(len(rows) + 1, names.index("Amount"), float(sum(amount for *_, amount in rows)))


def test_a_workbook_among_text_files_is_declared_and_right_to_the_cent() -> None:
    write_csv("2024-05.csv", month(5))
    write_csv("2024-06.csv", month(6))
    write_workbook("2024-07.xlsx", month(7), total=True)
    done = init()
    assert done.exit_code == 0, done.output
    assert loaded() == [*month(5), *month(6), *month(7)]
    dataset = find_dataset("data.py:DATA")
    assert list(dataset.formats) == ["*.csv", "*.xlsx"]
    assert dataset.formats["*.xlsx"] == Excel(footer=(Trailer("TOTAL, (?P<Amount>[^,]+)"),))
    assert dataset.table.keys == ("Order",)
    text = Path("data.py").read_text()
    assert '    format={\n        "*.csv": Csv(\n            delimiter=";",' in text


def test_columns_in_another_order_and_one_more_are_read_by_their_names() -> None:
    write_csv("may.csv", month(5))
    write_workbook("none.xlsx", month(7), names=("Day", "Clerk", "Order", "Amount", "Shop"))
    done = init("--key", "Order")
    assert done.exit_code == 0, done.output
    assert loaded() == [*month(5), *month(7)]
    formats = find_dataset("data.py:DATA").formats
    assert isinstance(formats["*.csv"], Csv) and isinstance(formats["*.xlsx"], Excel)
    assert formats["*.csv"].header == Header(by="name", missing="null")
    assert formats["*.xlsx"].header == Header(by="name")


def test_a_number_that_is_whole_in_one_format_has_decimals_in_the_other() -> None:
    Path("data/a.csv").write_text("Order,Day,Shop,Amount\n1,2024-05-01,A,7\n2,2024-05-02,B,8\n")
    Path("data/b.jsonl").write_text("".join(_json_lines()))
    done = init()
    assert done.exit_code == 0, done.output
    assert [amount for *_, amount in loaded()] == [Decimal(7), Decimal(8), Decimal("9.50"), Decimal("12.25")]
    assert find_dataset("data.py:DATA").formats["*.jsonl"] == JsonLines()


def _json_lines() -> Iterator[str]:
    for number, amount in ((3, "9.50"), (4, "12.25")):
        yield json.dumps({"Order": number, "Day": "2024-05-03", "Shop": "A"})[:-1] + f', "Amount": {amount}}}\n'


def test_an_order_that_two_formats_have_with_other_values_is_no_key() -> None:
    write_csv("may.csv", month(5))
    write_workbook("july.xlsx", [(number - 2000, *rest) for number, *rest in month(7)])  # type: ignore[misc]
    done = init()
    assert done.exit_code == 0, done.output
    assert find_dataset("data.py:DATA").table.keys == ()
    assert "Order repeats with other values in 80 of 80 rows" in done.output.replace("\n", " ")
