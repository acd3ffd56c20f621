"""`cubefeed init`: from sample files to a declaration that takes them, or to a question."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli import sample_declaration
from flows.cli.main import app
from flows.datasets import find_dataset
from flows.errors import CubefeedError
from flows.model.formats import Cells, Csv
from flows.model.numbers import Numbers
from tests.zip_files import zipped

APRIL = """sep=;
Orders of April

Order No.;Day;Product;Price;Quantity;Note
1001;03.04.2024;Müller;12,50;3;
1002;13.04.2024;Straße;2,50;1;x
TOTAL;;;15,00;;
""".replace("\n", "\r\n").encode("cp1252")
MAY = """Order No.;Day;Price;Product;Quantity;Note;Channel
1003;03.05.2024;7,10;Bär;3;;web
1004;13.05.2024;2,50;Öl;1;;
TOTAL;;9,60;;;;
""".encode("utf-8-sig")
DECLARED = '''"""Shop, understood from 2 files with 4 rows by `cubefeed init`: yours to change."""

import dataframely as dy
from cubefeed import Csv, Dataset, Header, Trailer


class Shop(dy.Schema):
    Order_No = dy.Int64(primary_key=True)  # 4 of 4 values: whole numbers
    Day = dy.Date()  # 4 of 4 values: written as %d.%m.%Y
    Price = dy.Decimal(18, 2)  # 4 of 4 values: numbers with at most 2 decimals
    Product = dy.String()  # 4 of 4 values: text
    Quantity = dy.Int64()  # 4 of 4 values: whole numbers
    Note = dy.String(nullable=True)  # 1 of 4 values: text
    Channel = dy.String(nullable=True)  # 1 of 4 values: text


SHOP = Dataset(
    schema=Shop,
    landing="shop",
    format=Csv(
        delimiter=";",  # 2 of 2 files
        decimal=",",  # 4 values
        encoding=("utf-8", "cp1252"),  # tried in this order
        date_format="%d.%m.%Y",  # 4 values
        sep_line=True,  # 1 of 2 files
        header=Header(by="name", missing="null", aliases={"Order No.": "Order_No"}),  # 2 different headers
        preamble="header",  # 1 of 2 files
        footer=(Trailer(r"TOTAL;+(?P<Price>[^;]+);*"),),  # 2 of 2 files
    ),
)
'''


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def init(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["init", *arguments, "-o", "shop.py"])


def put(**files: str | bytes) -> None:
    Path("shop").mkdir(exist_ok=True)
    for name, body in files.items():
        Path(f"shop/{name}.csv").write_bytes(body if isinstance(body, bytes) else body.encode())


def error_of(done: Result) -> str:
    assert done.exit_code == 1
    assert isinstance(done.exception, CubefeedError)
    return str(done.exception)


def test_exports_that_differ_become_one_declaration_that_takes_them_all() -> None:
    put(april=APRIL, may=MAY)
    done = init("shop")
    assert done.exit_code == 0, done.output
    assert Path("shop.py").read_text() == DECLARED
    assert "it reads Müller, Straße" in done.output and "--encoding" in done.output
    assert "4 rows of 2 files are taken" in done.output
    assert done.output.endswith("  cubefeed watch --dataset shop.py:SHOP\n")


@pytest.mark.parametrize(
    ("rows", "readings", "next_step"),
    [
        ("03/04/2024\n05/06/2024", ("2024-04-03", "2024-03-04"), "--dates dmy or --dates mdy"),
        ("3/4/2024\n5/12/2024", ("2024-04-03", "2024-03-04"), "--dates dmy or --dates mdy"),
        ("03/04/24 10:00\n05/06/24 11:30", ("2024-04-03", "2024-03-04"), "--dates dmy or --dates mdy"),
        ("1.234\n5.678", ("1.234 is 1.234", "1.234 is 1234"), "--decimal . or --decimal ,"),
    ],
)
def test_what_the_samples_do_not_decide_is_asked_and_nothing_is_written(
    rows: str, readings: tuple[str, ...], next_step: str
) -> None:
    put(
        a="".join(f"{place};{row}\n" for place, row in enumerate(("What", *rows.split("\n")), 1)).replace("1;W", "No;W")
    )
    done = init("shop")
    assert next_step in error_of(done)
    assert all(reading in done.output for reading in readings)
    assert not Path("shop.py").exists()


@pytest.mark.parametrize(
    ("rows", "flag", "kind"),
    [
        ("03/04/2024\n05/06/2024", ("--dates", "mdy"), 'date_format="%m/%d/%Y"'),
        ("03/04/2024\n25/06/2024", (), 'date_format="%d/%m/%Y"'),
        ("1.5.2024\n12.10.2024", (), 'date_format="%-d.%-m.%Y"'),
        ("1.234\n5.678", ("--decimal", "."), "What = dy.Float64()"),
        ("0.234\n5.678", (), "What = dy.Float64()"),
    ],
)
def test_a_flag_decides_and_so_does_one_value(rows: str, flag: tuple[str, ...], kind: str) -> None:
    put(a="\n".join(["No;What", *(f"{place};{row}" for place, row in enumerate(rows.split("\n")))]) + "\n")
    done = init("shop", *flag)
    assert done.exit_code == 0, done.output
    assert kind in Path("shop.py").read_text()


def test_a_column_decides_how_the_others_are_read() -> None:
    put(a="No;Due;Paid\n1;03/04/2024;13/04/2024\n2;05/06/2024;15/06/2024\n")
    assert init("shop").exit_code == 0
    assert 'date_format="%d/%m/%Y",  # 4 values' in Path("shop.py").read_text()


def test_a_column_that_repeats_with_other_values_is_no_key_and_that_is_said() -> None:
    put(a="Order;Amount\n1;10\n2;20\n", b="Order;Amount\n2;21\n3;30\n")
    done = init("shop")
    assert done.exit_code == 0
    assert "primary_key" not in Path("shop.py").read_text()
    assert "Order repeats with other values in 2 of 4 rows" in done.output
    put(b="Order;Amount\n2;20\n3;30\n")
    assert init("shop", "--overwrite").exit_code == 0
    assert "Order = dy.Int64(primary_key=True)  # 4 of 4 values" in Path("shop.py").read_text(), "the same row again"


def test_keys_are_as_they_are_wished() -> None:
    put(a="Day;Shop;Amount\n2024-05-01;Lyon;1\n2024-05-01;Nice;2\n2024-05-02;Lyon;3\n")
    assert init("shop", "--key", "Day", "--key", "Shop").exit_code == 0
    assert Path("shop.py").read_text().count("primary_key=True") == 2
    assert "name one of Day, Shop, Amount after --key" in error_of(init("shop", "--key", "Dey", "--overwrite"))
    put(a="No;Amount\n1;1\n2;2\n")
    assert init("shop", "--no-key", "--overwrite").exit_code == 0
    assert "primary_key" not in Path("shop.py").read_text()


def test_types_are_those_that_lose_nothing() -> None:
    put(
        a="No;Zip;Open;At;Rate;Big;Empty;Customer ID\n"
        "1;01067;ja;2024-05-01T10:00:00;0.5;123456789012345678;;77\n"
        "2;80331;nein;2024-05-01T11:30:00;N/A;2;;78\n"
    )
    assert init("shop").exit_code == 0
    declared = Path("shop.py").read_text()
    columns = find_dataset("shop.py:SHOP").schema.columns()
    assert {name: type(column).__name__ for name, column in columns.items()} == {
        "No": "Int64", "Zip": "String", "Open": "Bool", "At": "Datetime", "Rate": "Float64", "Big": "Int64",
        "Empty": "String", "Customer_ID": "String",
    }  # fmt: skip
    assert 'nulls=("", "N/A")' in declared and 'true=("ja",)' in declared and "%Y-%m-%dT%H:%M:%S" in declared
    assert columns["Rate"].nullable and not columns["Zip"].nullable


def test_numbers_have_the_marks_that_they_are_written_with() -> None:
    put(
        a="No;Paid;Change;Left\n1;1.234,50 €;+3,5 %;12,50-\n2;(99,00 €);−0,25 %;1.000,00\n",
        b="No;Paid;Change;Left\n3;0,99 €;1 %;0,00\n",
    )
    assert "--percent share or --percent number" in error_of(init("shop"))
    done = init("shop", "--percent", "share")
    assert done.exit_code == 0, done.output
    declared = find_dataset("shop.py:SHOP")
    assert isinstance(declared.format, Csv)
    assert declared.format.numbers == Numbers(
        thousands=".", currency=("€",), brackets=True, trailing_minus=True, plus=True, minus=("−",)
    )
    assert declared.format.columns["Change"].numbers == replace(declared.format.numbers, percent="share")


def test_days_and_moments_have_the_forms_that_they_are_written_in() -> None:
    put(
        a="No,Due,Paid,At\n1,2024-05-31,05/31/2024,2024-05-31T10:00:00+02:00\n2,01.06.2024,06/01/2024,2024-06-01T08:00:00Z\n"
    )
    assert init("shop").exit_code == 0
    declared = find_dataset("shop.py:SHOP")
    assert isinstance(declared.format, Csv)
    assert set(declared.format.date_format) == {"%Y-%m-%d", "%d.%m.%Y"}
    assert declared.format.columns == {"Paid": Cells(date_format="%m/%d/%Y")}
    assert declared.format.datetime_format == "%Y-%m-%dT%H:%M:%S%z"


def test_moments_have_any_number_of_digits_behind_the_second() -> None:
    put(a="At,Value\n2024-07-01T00:00:00.125Z,1\n2024-07-01T00:00:01Z,2\n2024-07-01T00:00:01.5Z,3\n")
    assert init("shop").exit_code == 0
    declared = find_dataset("shop.py:SHOP")
    assert isinstance(declared.format, Csv)
    assert declared.format.datetime_format == "%Y-%m-%dT%H:%M:%S%.f%z"


def test_a_text_is_no_value_in_its_column_alone_where_it_is_one_in_another() -> None:
    put(a="No,Country,Score\n1,NA,5\n2,NO,NA\n3,SE,7\n")
    assert init("shop").exit_code == 0
    declared = find_dataset("shop.py:SHOP")
    assert isinstance(declared.format, Csv)
    assert declared.format.nulls == ("",)
    assert declared.format.columns == {"Score": Cells(nulls=("", "NA"))}


@pytest.mark.parametrize(
    ("last", "footer"),
    [
        (("Rows: 2", "Rows: 1"), 'Trailer(r"Rows: (?P<rows>\\d+)")'),
        (("Rows: 3", "Rows: 1"), r'r"Rows:.*"'),
        (("TOTAL;3;2024", "TOTAL;3;2024"), 'r"TOTAL;.*"'),
        (("TOTAL;3;", "TOTAL;4;"), 'r"TOTAL;.*"'),
        (("TOTAL;;3", "TOTAL;;3"), 'r"TOTAL;.*"'),
        (("TOTAL;3;", "TOTAL;3;"), 'Trailer(r"TOTAL;+(?P<Amount>[^;]+);*")'),
    ],
)
def test_what_stands_below_the_rows_is_checked_where_it_is_right_in_all_samples(
    last: tuple[str, str], footer: str
) -> None:
    put(a=f"No;Amount;Year\n1;1;2024\n2;2;2023\n{last[0]}\n", b=f"No;Amount;Year\n3;3;2022\n{last[1]}\n")
    assert init("shop").exit_code == 0
    assert f"footer=({footer},)," in Path("shop.py").read_text()


@pytest.mark.parametrize("row", ["4", "#9;x;y", "Total Wine;5;2024"])
def test_a_row_at_the_end_is_never_taken_for_a_line_below_the_rows(row: str) -> None:
    put(a=f"Name;Amount;Year\nTea;1;2024\nWine;2;2023\n{row}\n")
    init("shop")
    declared = Path("shop.py").read_text()
    assert "footer" not in declared and "comment" not in declared


def test_the_day_of_files_that_hold_none_is_taken_from_their_names_and_their_times_are_told() -> None:
    put(**{f"sales_2024-05-0{day}": f"Product,Amount\nphone,{day}\n" for day in (1, 2, 3)})
    for day in (1, 2, 3):
        written = datetime(2024, 5, day, 6, 10 * day).timestamp()  # noqa: DTZ001 - in local time, as it is shown
        os.utime(f"shop/sales_2024-05-0{day}.csv", (written, written))
    done = init("shop")
    assert done.exit_code == 0, done.output
    declared = Path("shop.py").read_text()
    assert r'from_path=r"sales_(?P<Day>\d{4}-\d\d-\d\d)\.csv"' in declared
    assert "# Files were written between 06:10 and 06:30." in declared
    assert '# expect=DailyBy("06:30", "Europe/Paris", day="Day"),' in declared


def test_a_file_that_the_declaration_refuses_is_shown_and_fails_the_command() -> None:
    put(good="No,Day\n1,2024-05-01\n2,2024-05-02\n", bad="No,Day\n3,2024-05-03\n4\n")
    done = init("shop")
    assert done.exit_code == 1
    assert "1 of 2 files are refused: change shop.py" in done.output
    assert "line 3, row: ragged" in done.output
    assert "cubefeed watch" not in done.output


def test_equal_rows_of_files_of_different_days_are_different_rows() -> None:
    put(**{f"sales_2024-05-0{day}": "Product,Amount\nphone,1\ncup,2\n" for day in (1, 2)})
    done = init("shop")
    assert "Product repeats with other values in 4 of 4 rows" in done.output
    assert "primary_key" not in Path("shop.py").read_text()


def test_files_that_lie_beside_everything_else_get_a_directory_of_their_own() -> None:
    Path("orders.csv").write_text("No,Temp\n1,-999\n2,21\n")
    done = CliRunner().invoke(app, ["init", "orders.csv", "-o", "shop.py", "--name", "shop"])
    assert done.exit_code == 0, done.output
    assert 'landing="landing/shop",  # a directory of its own, to be made' in Path("shop.py").read_text()
    assert done.output.endswith(
        "  mkdir -p landing/shop  # and move the files there\n  cubefeed watch --dataset shop.py:SHOP\n"
    )
    assert "-999 may mean no value: see nulls" in done.output


def test_an_output_file_is_replaced_on_request_only() -> None:
    put(a="No\n1\n2\n")
    Path("shop.py").write_text("mine")
    assert "add --overwrite" in error_of(init("shop"))
    assert Path("shop.py").read_text() == "mine"
    assert init("shop", "--overwrite").exit_code == 0
    done = CliRunner().invoke(app, ["init", "shop", "-o", "shop.txt"])
    assert "A dataset file ends with .py" in error_of(done)


def test_an_interruption_leaves_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    put(a="No\n1\n2\n")
    monkeypatch.setattr(sample_declaration, "propose", interrupt)
    assert init("shop").exit_code == 130
    assert [path.name for path in Path().iterdir()] == ["shop"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00", "The file is of no format that is understood by itself"),
        (zipped({"a.csv": b"No\n1\n"}), "Next: name it like an archive: x.zip"),
        (b"", "A file is empty, not even a header stands in it"),
        (b"a;a\n1;2\n", "The files have no rows of one width"),
    ],
)
def test_what_nobody_can_understand_is_said(body: bytes, expected: str) -> None:
    put(a=body)
    assert expected in error_of(init("shop"))
    Path("shop/a.csv").unlink()
    assert "There is no file to understand" in error_of(init("shop"))
