"""Hostile files, each with the exact outcome that it must have."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from unittest.mock import ANY

import dataframely as dy
import pyarrow as pa

from flows.core.dataset import Csv, Dataset, SkipRows


class Sales(dy.Schema):
    ID = dy.Int64(primary_key=True)
    Day = dy.Date()
    Product = dy.String(nullable=True)
    Quantity = dy.Int64(min=0)


class Reading(dy.Schema):
    Small = dy.Int8(nullable=True)
    Price = dy.Float64(nullable=True)
    Open = dy.Bool(nullable=True)
    At = dy.Datetime(nullable=True)


class Word(dy.Schema):
    Word = dy.String()


def _dataset(schema: type[dy.Schema], **options: Any) -> Dataset:
    return Dataset(schema=schema, landing="landing", **({"bad_rows": SkipRows(1.0)} | options))


SALES = _dataset(Sales)
EUROPEAN = _dataset(Reading, csv=Csv(delimiter=";", decimal=",", datetime_format="%d/%m/%Y %H:%M", nulls=("", "NA")))
READINGS = _dataset(Reading, csv=Csv(true=("true", "1"), false=("false", "0")))
WORDS = _dataset(Word)
LATIN = _dataset(Sales, csv=Csv(encoding="latin-1"))
UTF_16 = _dataset(Sales, csv=Csv(encoding="utf-16"))
DAY_FIRST = _dataset(Sales, csv=Csv(date_format="%d/%m/%Y"))
MULTILINE = _dataset(Sales, csv=Csv(multiline=True))
NAMED = _dataset(Sales, from_name=r"sales_(?P<Day>\d{4}-\d\d-\d\d)\.csv")
FEW = _dataset(Sales, rows=(1, 2))
TINY = _dataset(Sales, max_bytes=100)
STRICT = Dataset(schema=Sales, landing="landing")

GOOD = {
    Sales: b"ID,Day,Product,Quantity\n901,2021-04-01,good,1\n",
    Reading: b"Small,Price,Open,At\n1,1.5,true,2021-04-01 10:00:00\n",
    Word: b"Word\ngood\n",
}

type Found = tuple[str, int | None, str | None, object]


@dataclass(frozen=True)
class Case:
    """One file.

    Args:
        name: the fact that it stands for.
        body: its bytes.
        findings: all of them, as (rule, line, column, raw).
        rows: the rows that are loaded.
        accepted: whether the file is accepted.
        collapsed: identical repeats left out.
        dataset: the declaration that it is read with.
        file: its name.
    """

    name: str
    body: bytes
    findings: Sequence[Found] = ()
    rows: Sequence[tuple[Any, ...]] = ()
    accepted: bool = True
    collapsed: int = 0
    dataset: Dataset = field(default=SALES)
    file: str = "sales_2021-05-01.csv"

    @property
    def neighbour(self) -> bytes:
        """A good file of the same dataset."""
        if self.dataset is EUROPEAN:
            return b"Small;Price;Open;At\n1;1,5;true;01/04/2021 10:00\n"
        if self.dataset is NAMED:
            return b"ID,Product,Quantity\n901,good,1\n"
        good = GOOD[self.dataset.schema]
        if self.dataset is DAY_FIRST:
            good = good.replace(b"2021-04-01", b"01/04/2021")
        return good.decode().encode(self.dataset.csv.encoding)


H = "ID,Day,Product,Quantity\n"
MAY_1 = date(2021, 5, 1)
TEN_O_CLOCK = datetime.fromisoformat("2021-05-01 10:00")
ONE = (1, MAY_1, "a", 10)
TWO = (2, MAY_1, "b", 20)
ROW_1 = "1,2021-05-01,a,10\n"
ROW_2 = "2,2021-05-01,b,20\n"
SOUND = (H + ROW_1 + ROW_2).encode()
Q = "Quantity"


def sales(name: str, *lines: str, header: str = H, **more: Any) -> Case:
    return Case(name, (header + "".join(f"{line}\n" for line in lines)).encode(), **more)


def refused(name: str, body: bytes | str, *found: Found, **more: Any) -> Case:
    return Case(name, body.encode() if isinstance(body, str) else body, found, accepted=False, **more)


def cell(name: str, text: str, rule: str | None, value: object = None, **more: Any) -> Case:
    """A third row whose quantity is `text`."""
    found = [(rule, 3, Q, text)] if rule else []
    rows = [ONE] if rule else [ONE, (2, MAY_1, "b", value)]
    return sales(name, ROW_1.strip(), f"2,2021-05-01,b,{text}", findings=found, rows=rows, **more)


def reading(name: str, text: str, rule: str | None, value: object = None, *, column: str, **more: Any) -> Case:
    """One row whose column is `text`, the others empty."""
    dataset = more.setdefault("dataset", READINGS)
    position = list(Reading.columns()).index(column)
    cells, values = [""] * 4, [None] * 4
    cells[position], values[position] = text, value
    delimiter = dataset.csv.delimiter
    body = f"{delimiter.join(Reading.columns())}\n{delimiter.join(cells)}\n".encode()
    return Case(name, body, [(rule, 2, column, text)] if rule else [], [] if rule else [tuple(values)], **more)


def _zstd(body: bytes) -> bytes:
    packed = pa.Codec("zstd").compress(body, asbytes=True)
    assert isinstance(packed, bytes)
    return packed


FILES = [
    Case("a sound file", SOUND, rows=[ONE, TWO]),
    Case("no newline after a complete last row", SOUND[:-1], rows=[ONE, TWO]),
    Case("CRLF line ends", SOUND.replace(b"\n", b"\r\n"), rows=[ONE, TWO]),
    Case("mixed line ends", (H + ROW_1).encode() + ROW_2.replace("\n", "\r\n").encode(), rows=[ONE, TWO]),
    sales("a header and no rows"),
    Case("a header without its newline", H.strip().encode()),
    Case(
        "all fields quoted", SOUND.replace(b",", b'","').replace(b"\n", b'"\n"')[:-1].join([b'"', b""]), rows=[ONE, TWO]
    ),
    refused("0 bytes", b"", ("empty", None, None, "0 bytes")),
    refused("only line ends", b"\n\n\n", ("empty", None, None, "3 bytes")),
    refused("only a byte order mark", codecs.BOM_UTF8, ("empty", None, None, "3 bytes")),
    refused("more rows than allowed", SOUND + b"3,2021-05-01,c,1\n", ("rows", None, None, "3"), dataset=FEW),
    refused("fewer rows than allowed", H, ("rows", None, None, "0"), dataset=FEW),
    refused("larger than allowed", SOUND * 3, ("size", None, None, "more than 100 bytes"), dataset=TINY),
    refused(
        "a name that does not match",
        "ID,Product,Quantity\n1,a,10\n",
        ("from_name", None, None, "other.csv"),
        dataset=NAMED,
        file="other.csv",
    ),
    Case("a column from the file's name", b"ID,Product,Quantity\n1,a,10\n", rows=[ONE], dataset=NAMED),
    sales(
        "a date in the file's name that is none",
        "1,a,10",
        header="ID,Product,Quantity\n",
        dataset=NAMED,
        file="sales_2021-13-01.csv",
        findings=[("date", 2, "Day", "2021-13-01")],
    ),
]

ENCODINGS = [
    Case("a UTF-8 byte order mark", codecs.BOM_UTF8 + SOUND, rows=[ONE, TWO]),
    Case("UTF-8 beyond ASCII", SOUND.replace(b",a,", ",é€😀,".encode()), rows=[(1, MAY_1, "é€😀", 10), TWO]),
    Case("latin-1, declared", SOUND.replace(b",a,", b",\xe9,"), rows=[(1, MAY_1, "é", 10), TWO], dataset=LATIN),
    Case("UTF-16, declared", SOUND.decode().encode("utf-16"), rows=[ONE, TWO], dataset=UTF_16),
    refused("latin-1 bytes", SOUND.replace(b",b,", b",\xe9,"), ("encoding", 3, None, r"b'\xe9'")),
    refused("a character cut in the middle", SOUND[:-1] + b"\xe2\x82", ("encoding", 3, None, r"b'\xe2\x82'")),
    refused("a lone surrogate in bytes", SOUND.replace(b",b,", b",\xed\xa0\x80,"), ("encoding", 3, None, r"b'\xed'")),
    refused("UTF-16 with a mark", SOUND.decode().encode("utf-16"), ("encoding", 1, None, r"b'\xff\xfeI\x00'")),
    refused(
        "UTF-32 with a mark",
        codecs.BOM_UTF32_LE + SOUND.decode().encode("utf-32-le"),
        ("encoding", 1, None, r"b'\xff\xfe\x00\x00'"),
    ),
    refused("UTF-16 without a mark", SOUND.decode().encode("utf-16-le"), ("nul", 1, None, ANY)),
    refused(
        "a UTF-8 mark where latin-1 is declared",
        codecs.BOM_UTF8 + SOUND,
        ("encoding", 1, None, r"b'\xef\xbb\xbfI'"),
        dataset=LATIN,
    ),
    refused(
        "odd bytes in UTF-16", SOUND.decode().encode("utf-16") + b"x", ("encoding", 4, None, "b'x'"), dataset=UTF_16
    ),
    sales(
        "a byte order mark inside the file",
        ROW_1.strip(),
        "\ufeff2,2021-05-01,b,20",
        rows=[ONE],
        findings=[("encoding", 3, None, "\ufeff2,2021-05-01,b,20")],
    ),
    refused("a NUL byte", SOUND.replace(b",b,", b",\0,"), ("nul", 3, None, "2,2021-05-01,\0,20")),
    refused("a block of NULs at the end", SOUND + b"\0" * 4, ("nul", 4, None, "\0" * 4)),
]

HEADERS = [
    refused(
        "a header in other case", "id,Day,Product,Quantity\n" + ROW_1, ("header", 1, None, "id,Day,Product,Quantity")
    ),
    refused("a reordered header", "Day,ID,Product,Quantity\n" + ROW_1, ("header", 1, None, "Day,ID,Product,Quantity")),
    refused(
        "a name twice in the header", "ID,ID,Day,Product,Quantity\n", ("header", 1, None, "ID,ID,Day,Product,Quantity")
    ),
    refused(
        "a column too many in the header",
        "ID,Day,Product,Quantity,Note\n",
        ("header", 1, None, "ID,Day,Product,Quantity,Note"),
    ),
    refused(
        "a column missing in the header", "ID,Day,Quantity\n1,2021-05-01,10\n", ("header", 1, None, "ID,Day,Quantity")
    ),
    refused("no header", ROW_1 + ROW_2, ("header", 1, None, ROW_1.strip())),
    refused(
        "blanks in the header",
        "ID, Day, Product, Quantity\n" + ROW_1,
        ("header", 1, None, "ID, Day, Product, Quantity"),
    ),
    refused("a blank line before the header", "\n" + H + ROW_1, ("header", 1, None, "")),
    refused("another delimiter", (H + ROW_1).replace(",", ";"), ("header", 1, None, "ID;Day;Product;Quantity")),
    refused(
        "an HTML error page", "<!DOCTYPE html>\n<html><body>502</body></html>\n", ("header", 1, None, "<!DOCTYPE html>")
    ),
    refused(
        "a stray quote in the header",
        'ID,"Day,Product,Quantity\n' + ROW_1,
        ("header", 1, None, 'ID,"Day,Product,Quantity'),
    ),
    refused(
        "CR line ends only",
        SOUND.replace(b"\n", b"\r"),
        ("line_end", 1, None, SOUND.decode().strip().replace("\n", "\r")),
    ),
    sales(
        "the header again",
        ROW_1.strip(),
        H.strip(),
        ROW_2.strip(),
        rows=[ONE, TWO],
        findings=[("repeated_header", 3, None, H.strip())],
    ),
    sales(
        "the header again, quoted",
        ROW_1.strip(),
        '"ID","Day",Product,Quantity',
        rows=[ONE],
        findings=[("repeated_header", 3, None, H.strip())],
    ),
]

LINES = [
    sales(
        "a row one field short",
        "1,2021-05-01,a",
        ROW_2.strip(),
        rows=[TWO],
        findings=[("ragged", 2, None, "1,2021-05-01,a")],
    ),
    sales(
        "a row one field longer",
        ROW_1.strip(),
        "2,2021-05-01,b,20,x",
        rows=[ONE],
        findings=[("ragged", 3, None, "2,2021-05-01,b,20,x")],
    ),
    sales(
        "a delimiter at each line's end",
        ROW_1.strip() + ",",
        ROW_2.strip() + ",",
        findings=[("ragged", 2, None, "1,2021-05-01,a,10,"), ("ragged", 3, None, "2,2021-05-01,b,20,")],
    ),
    Case("truncated in the middle of a row", SOUND[:-6], [("ragged", 3, None, "2,2021-05-01")], [ONE]),
    Case("truncated inside quotes", SOUND + b'3,2021-05-01,"c', [("quote", 4, None, '3,2021-05-01,"c')], [ONE, TWO]),
    sales(
        "a TOTAL footer",
        ROW_1.strip(),
        "TOTAL,,,10",
        rows=[ONE],
        findings=[("integer", 3, "ID", "TOTAL"), ("nullability", 3, "Day", "")],
    ),
    sales("a comment", "# made by hand", ROW_1.strip(), rows=[ONE], findings=[("ragged", 2, None, "# made by hand")]),
    sales("a blank line", ROW_1.strip(), "", ROW_2.strip(), rows=[ONE, TWO], findings=[("blank_line", 3, None, "")]),
    sales(
        "blank lines at the end",
        ROW_1.strip(),
        "",
        "",
        rows=[ONE],
        findings=[("blank_line", 3, None, ""), ("blank_line", 4, None, "")],
    ),
    Case(
        "blank CRLF lines",
        (H + ROW_1 + "\n" + ROW_2).replace("\n", "\r\n").encode(),
        [("blank_line", 3, None, "")],
        [ONE, TWO],
    ),
    sales("a line of blanks", ROW_1.strip(), "   ", rows=[ONE], findings=[("ragged", 3, None, "   ")]),
    sales(
        "a row of nothing but delimiters",
        ROW_1.strip(),
        ",,,",
        rows=[ONE],
        findings=[("nullability", 3, "ID", ""), ("nullability", 3, "Day", ""), ("nullability", 3, Q, "")],
    ),
    sales(
        "a lone CR",
        "1,2021-05-01,a\r,10",
        ROW_2.strip(),
        rows=[TWO],
        findings=[("line_end", 2, None, "1,2021-05-01,a\r,10")],
    ),
    Case(
        "a blank line in a file of one column",
        b"Word\na\n\nb\n",
        [("blank_line", 3, None, "")],
        [("a",), ("b",)],
        dataset=WORDS,
    ),
    Case(
        "an empty quoted field in a file of one column",
        b'Word\na\n""\n',
        [("nullability", 3, "Word", "")],
        [("a",)],
        dataset=WORDS,
    ),
    Case(
        "a line separator that is no line end",
        "Word\na\u2028b\x0bc\x85d\n".encode(),
        rows=[("a\u2028b\x0bc\x85d",)],
        dataset=WORDS,
    ),
    refused(
        "one finding under the strict policy",
        SOUND + b"3,2021-05-01,c\n",
        ("ragged", 4, None, "3,2021-05-01,c"),
        dataset=STRICT,
    ),
]

QUOTES = [
    sales("a delimiter and doubled quotes in quotes", '1,2021-05-01,"a, ""b""",10', rows=[(1, MAY_1, 'a, "b"', 10)]),
    sales(
        "a quote inside a bare field",
        '1,2021-05-01,5" pipe,10',
        ROW_2.strip(),
        rows=[TWO],
        findings=[("quote", 2, None, '1,2021-05-01,5" pipe,10')],
    ),
    sales(
        "text after a closing quote",
        '1,2021-05-01,"a"b,10',
        ROW_2.strip(),
        rows=[TWO],
        findings=[("quote", 2, None, '1,2021-05-01,"a"b,10')],
    ),
    sales(
        "a blank before a quote",
        '1,2021-05-01, "a",10',
        ROW_2.strip(),
        rows=[TWO],
        findings=[("quote", 2, None, '1,2021-05-01, "a",10')],
    ),
    sales(
        "a stray quote that closes on a later line",
        '1,2021-05-01,"a,10',
        ROW_2.strip(),
        '3,2021-05-01,c",30',
        "4,2021-05-01,d,40",
        rows=[(4, MAY_1, "d", 40)],
        findings=[
            ("quote", 2, None, '1,2021-05-01,"a,10'),
            ("quote", 3, None, ROW_2.strip()),
            ("quote", 4, None, '3,2021-05-01,c",30'),
        ],
    ),
    sales(
        "a stray quote that meets another row's quotes",
        ROW_1.strip(),
        '2,2021-05-01,"b,20',
        '3,2021-05-01,"c",30',
        "4,2021-05-01,d,40",
        rows=[ONE],
        findings=[
            ("quote", 3, None, '2,2021-05-01,"b,20'),
            ("quote", 4, None, '3,2021-05-01,"c",30'),
            ("quote", 5, None, "4,2021-05-01,d,40"),
        ],
    ),
    sales(
        "a stray quote that never closes",
        ROW_1.strip(),
        '2,2021-05-01,"b,20',
        "3,2021-05-01,c,30",
        rows=[ONE],
        findings=[("quote", 3, None, '2,2021-05-01,"b,20'), ("quote", 4, None, "3,2021-05-01,c,30")],
    ),
    sales(
        "a line end in quotes",
        '1,2021-05-01,"a\nb",10',
        ROW_2.strip(),
        rows=[TWO],
        findings=[("quote", 2, None, '1,2021-05-01,"a'), ("quote", 3, None, 'b",10')],
    ),
    sales(
        "a line in quotes that looks like a row",
        '1,2021-05-01,"a',
        ROW_2.strip(),
        'c",10',
        rows=[],
        findings=[
            ("quote", 2, None, '1,2021-05-01,"a'),
            ("quote", 3, None, ROW_2.strip()),
            ("quote", 4, None, 'c",10'),
        ],
    ),
    sales(
        "inner quotes not doubled over a line end",
        '1,2021-05-01,"say "x" and',
        ROW_2.strip(),
        'c",10',
        findings=[
            ("quote", 2, None, '1,2021-05-01,"say "x" and'),
            ("quote", 3, None, ROW_2.strip()),
            ("quote", 4, None, 'c",10'),
        ],
    ),
    sales(
        "a CR in quotes",
        '1,2021-05-01,"a\rb",10',
        ROW_2.strip(),
        rows=[TWO],
        findings=[("line_end", 2, None, '1,2021-05-01,"a\rb",10')],
    ),
    sales(
        "a line end in quotes, declared",
        '1,2021-05-01,"a\n\nb",10',
        ROW_2.strip(),
        "3,2021-05-01,c",
        dataset=MULTILINE,
        rows=[(1, MAY_1, "a\n\nb", 10), TWO],
        findings=[("ragged", 6, None, "3,2021-05-01,c")],
    ),
    sales(
        "a stray quote where line ends are declared",
        '1,2021-05-01,"a,10',
        '2,2021-05-01,"b",20',
        dataset=MULTILINE,
        findings=[("quote", 2, None, '1,2021-05-01,"a,10'), ("quote", 3, None, '2,2021-05-01,"b",20')],
    ),
    sales(
        "a lone CR beside quotes where line ends are declared",
        '1,2021-05-01\r,"a\nb",10',
        ROW_2.strip(),
        dataset=MULTILINE,
        rows=[TWO],
        findings=[("line_end", 2, None, '1,2021-05-01\r,"a\nb",10')],
    ),
]

NUMBERS = [
    cell("a negative zero", "-0", "integer"),
    cell("leading zeros", "007", "integer"),
    cell("a plus sign", "+5", "integer"),
    cell("a blank before a number", " 5", "integer"),
    cell("a blank after a number", "5 ", "integer"),
    cell("a fraction in an integer", "1.6", "integer"),
    cell("a whole fraction in an integer", "5.0", "integer"),
    cell("an exponent in an integer", "1e3", "integer"),
    cell("an underscore in an integer", "1_000", "integer"),
    cell("hex in an integer", "0x10", "integer"),
    cell("other digits", "٣", "integer"),
    cell("nan in an integer", "nan", "integer"),
    cell("a number too large", "9223372036854775808", "integer"),
    cell("the largest number", "9223372036854775807", None, 2**63 - 1),
    cell("a number below its minimum", "-1", "min"),
    sales(
        "a thousands separator",
        ROW_1.strip(),
        "2,2021-05-01,b,1,000",
        rows=[ONE],
        findings=[("ragged", 3, None, "2,2021-05-01,b,1,000")],
    ),
    cell("a quoted thousands separator", "1 000", "integer"),
    sales(
        "a big key next to a blank",
        "9007199254740993,2021-05-01,a,1",
        "2,2021-05-01,b,",
        findings=[("nullability", 3, Q, "")],
        rows=[(9007199254740993, MAY_1, "a", 1)],
    ),
    reading("a number out of its type's range", "128", "integer", column="Small"),
    reading("a number at its type's edge", "-128", None, -128, column="Small"),
    reading("a float in exponent form", "1e5", None, 100000.0, column="Price"),
    reading("nan", "nan", "float", column="Price"),
    reading("inf", "inf", "float", column="Price"),
    reading("minus infinity", "-Infinity", "float", column="Price"),
    reading("a float too large", "1e999", "float", column="Price"),
    reading("a plus sign before a float", "+1.5", "float", column="Price"),
    reading("a blank before a float", " 1.5", "float", column="Price"),
    reading("a hex float", "0x1p3", "float", column="Price"),
    reading("a space as thousands separator", "1 000.5", "float", column="Price"),
    reading("a quoted comma as thousands separator", "1.000,5", "float", column="Price", dataset=EUROPEAN),
    reading("a decimal comma", "1,5", None, 1.5, column="Price", dataset=EUROPEAN),
    reading("a decimal point where a comma is declared", "1.5", "float", column="Price", dataset=EUROPEAN),
    reading("two decimal commas", "1,000,5", "float", column="Price", dataset=EUROPEAN),
]


def _day(name: str, text: str, found: bool, **more: Any) -> Case:
    rows = [] if found else [ONE]
    return sales(name, f"1,{text},a,10", findings=[("date", 2, "Day", text)] if found else [], rows=rows, **more)


DATES = [
    _day("a month first", "05/13/2021", True, dataset=DAY_FIRST),
    _day("a day first, declared", "01/05/2021", False, dataset=DAY_FIRST),
    _day("another date format", "03/04/2024", True),
    _day("an unpadded date", "2021-5-01", True),
    _day("a date padded by a blank", "2021- 5-01", True),
    _day("a signed year", "+2021-05-1", True),
    _day("a two-digit year", "21-05-01", True),
    _day("a day that does not exist", "2021-02-30", True),
    _day("a date with a time", "2021-05-01 00:00:00", True),
    _day("a date and a blank", "2021-05-01 ", True),
    reading("a time", "2021-05-01 10:00:00", None, TEN_O_CLOCK, column="At"),
    reading("a time with a zone", "2021-05-01 10:00:00Z", "datetime", column="At"),
    reading("a time with an unpadded hour", "2021-05-01 9:00:00", "datetime", column="At"),
    reading("a time with a fraction", "2021-05-01 10:00:00.5", "datetime", column="At"),
    reading("a time as declared", "01/05/2021 10:00", None, TEN_O_CLOCK, column="At", dataset=EUROPEAN),
]

CELLS = [
    reading("a boolean token", "1", None, True, column="Open"),
    reading("a boolean in other case", "TRUE", "boolean", column="Open"),
    reading("a number for a boolean", "2", "boolean", column="Open"),
    reading("a declared null", "NA", None, None, column="Price", dataset=EUROPEAN),
    reading("an undeclared null", "NULL", "float", column="Price"),
    sales(
        "NA, None and nan are text",
        "1,2021-05-01,NA,1",
        "2,2021-05-01,None,2",
        "3,2021-05-01,nan,3",
        rows=[(1, MAY_1, "NA", 1), (2, MAY_1, "None", 2), (3, MAY_1, "nan", 3)],
    ),
    sales("blanks around text stay", "1,2021-05-01, a ,10", rows=[(1, MAY_1, " a ", 10)]),
    sales("an empty text is a null", "1,2021-05-01,,10", rows=[(1, MAY_1, None, 10)]),
    sales(
        "all bad cells of a row",
        "x,y,a,-1",
        findings=[("integer", 2, "ID", "x"), ("date", 2, "Day", "y"), ("min", 2, Q, "-1")],
    ),
    sales("an identical repeat", ROW_1.strip(), ROW_1.strip(), ROW_2.strip(), rows=[ONE, TWO], collapsed=1),
    sales(
        "a key with two meanings",
        ROW_1.strip(),
        "1,2021-05-01,a,11",
        ROW_2.strip(),
        rows=[TWO],
        findings=[("primary_key", 2, None, None), ("primary_key", 3, None, None)],
    ),
    sales(
        "a key with two meanings, one of them bad",
        ROW_1.strip(),
        "1,2021-05-01,a,x",
        rows=[],
        findings=[("primary_key", 2, None, None), ("integer", 3, Q, "x"), ("primary_key", 3, None, None)],
    ),
    sales(
        "a missing key twice",
        ",2021-05-01,a,1",
        ",2021-05-01,b,2",
        findings=[("nullability", 2, "ID", ""), ("nullability", 3, "ID", "")],
    ),
    Case("repeats in a table without keys stay", b"Word\na\na\n", rows=[("a",), ("a",)], dataset=WORDS),
]

PACKED = [
    Case("gzip", gzip.compress(SOUND), rows=[ONE, TWO]),
    Case("gzip in two members", gzip.compress(SOUND[:50]) + gzip.compress(SOUND[50:]), rows=[ONE, TWO]),
    Case("zstd", _zstd(SOUND), rows=[ONE, TWO]),
    refused("a gzip cut short", gzip.compress(SOUND)[:-9], ("compression", None, None, "the stream ends too early")),
    refused("a gzip with garbage behind", gzip.compress(SOUND) + b"abc", ("compression", None, None, ANY)),
    refused("a gzip with a wrong checksum", gzip.compress(SOUND)[:-8] + b"\0" * 8, ("compression", None, None, ANY)),
    refused("a zstd cut short", _zstd(SOUND)[:-5], ("compression", None, None, ANY)),
    refused("a zstd with garbage behind", _zstd(SOUND) + b"abc", ("compression", None, None, ANY)),
    refused("a gzip bomb", gzip.compress(b"0" * 1_000_000), ("size", None, None, "more than 100 bytes"), dataset=TINY),
    refused("a zstd bomb", _zstd(b"0" * 1_000_000), ("size", None, None, "more than 100 bytes"), dataset=TINY),
    refused("compressed twice", gzip.compress(gzip.compress(SOUND)), ("binary", None, None, "compressed twice")),
    refused("gzip of a truncated file", gzip.compress(SOUND[:-6]), ("ragged", 3, None, "2,2021-05-01"), dataset=STRICT),
    refused(
        "a zip archive", b"PK\x03\x04rest", ("binary", None, None, r"b'PK\x03\x04': a zip archive or a spreadsheet")
    ),
    refused("an xz file", b"\xfd7zXZ\x00rest", ("binary", None, None, r"b'\xfd7zXZ\x00': an xz file")),
    refused("a bzip2 file", b"BZh91AY&SYrest", ("binary", None, None, "b'BZh': a bzip2 file")),
    refused("a Parquet file", b"PAR1rest", ("binary", None, None, "b'PAR1': a Parquet file")),
    refused("zlib without a wrapper", zlib.compress(SOUND), ("encoding", 1, None, ANY)),
]

ZOO = [*FILES, *ENCODINGS, *HEADERS, *LINES, *QUOTES, *NUMBERS, *DATES, *CELLS, *PACKED]
