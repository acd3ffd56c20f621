"""Hostile files, each with the exact outcome that it must have."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from unittest.mock import ANY

import dataframely as dy
import pyarrow as pa

from flows.model.completeness import Completeness
from flows.model.dataset import Dataset
from flows.model.formats import Csv
from flows.model.limits import Limits
from flows.model.policies import SkipRows
from flows.reading.csv.dialect import csv_of


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
EUROPEAN = _dataset(Reading, format=Csv(delimiter=";", decimal=",", datetime_format="%d/%m/%Y %H:%M", nulls=("", "NA")))
READINGS = _dataset(Reading, format=Csv(true=("true", "1"), false=("false", "0")))
WORDS = _dataset(Word)
LATIN = _dataset(Sales, format=Csv(encoding="latin-1"))
UTF_16 = _dataset(Sales, format=Csv(encoding="utf-16"))
DAY_FIRST = _dataset(Sales, format=Csv(date_format="%d/%m/%Y"))
MULTILINE = _dataset(Sales, format=Csv(multiline=True))
NAMED = _dataset(Sales, from_path=r"sales_(?P<Day>\d{4}-\d\d-\d\d)\.csv")
LOOSE = _dataset(Sales, from_path=r"sales_(?P<Day>.*)\.csv")
FEW = _dataset(Sales, completeness=Completeness(rows=(1, 2)))
TINY = _dataset(Sales, limits=Limits(file_bytes=100))
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
        if self.dataset.from_path:
            return b"ID,Product,Quantity\n901,good,1\n"
        good = GOOD[self.dataset.schema]
        if self.dataset is DAY_FIRST:
            good = good.replace(b"2021-04-01", b"01/04/2021")
        return good.decode().encode(csv_of(self.dataset).encodings[0])


H = "ID,Day,Product,Quantity\n"
MAY_1 = date(2021, 5, 1)
TEN_O_CLOCK = datetime.fromisoformat("2021-05-01 10:00")
ONE = (1, MAY_1, "a", 10)
TWO = (2, MAY_1, "b", 20)
ROW_1 = "1,2021-05-01,a,10"
ROW_2 = "2,2021-05-01,b,20"
SOUND = f"{H}{ROW_1}\n{ROW_2}\n".encode()
Q = "Quantity"


def tar(body: bytes) -> bytes:
    """An archive with a file."""
    with io.BytesIO() as archive:
        with tarfile.open(fileobj=archive, mode="w") as members:
            member = tarfile.TarInfo("sales.csv")
            member.size = len(body)
            members.addfile(member, io.BytesIO(body))
        return archive.getvalue()


def whole(name: str, body: bytes | str, rule: str, line: int | None, raw: object, **more: Any) -> Case:
    """A file that is refused whole, with one finding."""
    found = [(rule, line, None, raw)]
    return Case(name, body.encode() if isinstance(body, str) else body, found, accepted=False, **more)


def header(name: str, line: str) -> Case:
    """A file whose first line is `line`."""
    return whole(name, f"{line}\n{ROW_1}\n", "header", 1, line)


def lines(name: str, *data: str, bad: Sequence[tuple[str, int]] = (), header: str = H, **more: Any) -> Case:
    """Data lines below a header; `bad` names the lines with a finding that quotes all of the line."""
    found = [(rule, line, None, data[line - 2]) for rule, line in bad] + more.pop("findings", [])
    return Case(name, (header + "".join(f"{line}\n" for line in data)).encode(), found, **more)


def cell(name: str, text: str, rule: str | None, value: object = None) -> Case:
    """A second row whose quantity is `text`."""
    rows = [ONE] if rule else [ONE, (2, MAY_1, "b", value)]
    return lines(name, ROW_1, f"2,2021-05-01,b,{text}", findings=[(rule, 3, Q, text)] if rule else [], rows=rows)


def day(name: str, text: str, rule: str | None, dataset: Dataset = SALES) -> Case:
    """One row whose date is `text`, May 1 if it can be read."""
    found = [(rule, 2, "Day", text)] if rule else []
    return lines(name, f"1,{text},a,10", findings=found, rows=[] if rule else [ONE], dataset=dataset)


def reading(name: str, column: str, text: str, rule: str | None, value: object = None, **more: Any) -> Case:
    """One row whose column is `text`, the others empty."""
    dataset = more.setdefault("dataset", READINGS)
    names = list(Reading.columns())
    cells = [text if name == column else "" for name in names]
    row = tuple(value if name == column else None for name in names)
    body = "".join(csv_of(dataset).delimiter.join(line) + "\n" for line in (names, cells)).encode()
    return Case(name, body, [(rule, 2, column, text)] if rule else [], [] if rule else [row], **more)


def zstd(body: bytes) -> bytes:
    packed = pa.Codec("zstd").compress(body, asbytes=True)
    assert isinstance(packed, bytes)
    return packed


# fmt: off
FILES = [
    Case("a sound file", SOUND, rows=[ONE, TWO]),
    Case("no newline after a complete last row", SOUND[:-1], rows=[ONE, TWO]),
    Case("CRLF line ends", SOUND.replace(b"\n", b"\r\n"), rows=[ONE, TWO]),
    Case("mixed line ends", SOUND.replace(b"10\n", b"10\r\n"), rows=[ONE, TWO]),
    Case("all fields quoted", b'"' + SOUND.replace(b",", b'","').replace(b"\n", b'"\n"')[:-1], rows=[ONE, TWO]),
    lines("a header and no rows"),
    Case("a header without its newline", H.strip().encode()),
    whole("0 bytes", b"", "empty", None, "0 bytes"),
    whole("only line ends", b"\n\n\n", "empty", None, "3 bytes"),
    whole("only a byte order mark", codecs.BOM_UTF8, "empty", None, "3 bytes"),
    whole("more rows than allowed", SOUND + b"3,2021-05-01,c,1\n", "rows", None, "3", dataset=FEW),
    whole("fewer rows than allowed", H, "rows", None, "0", dataset=FEW),
    Case("truncated exactly at a row's end, which only a count can see", SOUND[:-len(ROW_2) - 1], rows=[ONE]),
    whole("larger than allowed", SOUND * 3, "size", None, "more than 100 bytes", dataset=TINY),
    whole("a name that does not match", SOUND, "from_path", None, "x.csv", dataset=NAMED, file="x.csv"),
    whole("a name that is no text", SOUND, "from_path", None, r"sales_\udce9.csv", dataset=LOOSE,
          file="sales_\udce9.csv"),
    lines("a column from the file's name", "1,a,10", header="ID,Product,Quantity\n", rows=[ONE], dataset=NAMED),
    lines("a date in the file's name that is none", "1,a,10", header="ID,Product,Quantity\n", dataset=NAMED,
          file="sales_2021-13-01.csv", findings=[("date", 2, "Day", "2021-13-01")]),
]

ENCODINGS = [
    Case("a UTF-8 byte order mark", codecs.BOM_UTF8 + SOUND, rows=[ONE, TWO]),
    Case("UTF-8 beyond ASCII", SOUND.replace(b",a,", ",é€😀,".encode()), rows=[(1, MAY_1, "é€😀", 10), TWO]),
    Case("latin-1, declared", SOUND.replace(b",a,", b",\xe9,"), rows=[(1, MAY_1, "é", 10), TWO], dataset=LATIN),
    Case("UTF-16, declared", SOUND.decode().encode("utf-16"), rows=[ONE, TWO], dataset=UTF_16),
    whole("latin-1 bytes", SOUND.replace(b",b,", b",\xe9,"), "encoding", 3, r"b'\xe9'"),
    whole("a character cut in the middle", SOUND[:-1] + b"\xe2\x82", "encoding", 3, r"b'\xe2\x82'"),
    whole("a surrogate in bytes", SOUND.replace(b",b,", b",\xed\xa0\x80,"), "encoding", 3, r"b'\xed'"),
    whole("UTF-16 with a mark", SOUND.decode().encode("utf-16"), "encoding", 1, r"b'\xff\xfeI\x00'"),
    whole("UTF-16 without a mark", SOUND.decode().encode("utf-16-le"), "nul", 1, ANY),
    whole("UTF-32 with a mark", codecs.BOM_UTF32_LE + SOUND.decode().encode("utf-32-le"), "encoding", 1,
          r"b'\xff\xfe\x00\x00'"),
    whole("odd bytes in UTF-16", SOUND.decode().encode("utf-16") + b"x", "encoding", 4, "b'x'", dataset=UTF_16),
    whole("a UTF-8 mark where latin-1 is declared", codecs.BOM_UTF8 + SOUND, "encoding", 1, r"b'\xef\xbb\xbfI'",
          dataset=LATIN),
    lines("a byte order mark inside the file", ROW_1, "\ufeff2,2021-05-01,b,20", rows=[ONE], bad=[("encoding", 3)]),
    whole("a NUL byte", SOUND.replace(b",b,", b",\0,"), "nul", 3, "2,2021-05-01,\0,20"),
    whole("a block of NULs at the end", SOUND + b"\0" * 4, "nul", 4, "\0" * 4),
]

HEADERS = [
    header("a header in other case", "id,Day,Product,Quantity"),
    header("a reordered header", "Day,ID,Product,Quantity"),
    header("a name twice in the header", "ID,ID,Day,Product,Quantity"),
    header("a column too many in the header", "ID,Day,Product,Quantity,Note"),
    header("a column missing in the header", "ID,Day,Quantity"),
    header("no header", ROW_2),
    header("blanks in the header", "ID, Day, Product, Quantity"),
    header("a blank line before the header", ""),
    header("a stray quote in the header", 'ID,"Day,Product,Quantity'),
    header("a comment before the header", "# made by hand"),
    header("an HTML error page", "<!DOCTYPE html>"),
    whole("another delimiter", SOUND.replace(b",", b";"), "header", 1, "ID;Day;Product;Quantity"),
    whole("CR line ends only", SOUND.replace(b"\n", b"\r"), "line_end", 1, SOUND.decode().strip().replace("\n", "\r")),
    lines("the header again", ROW_1, H.strip(), ROW_2, rows=[ONE, TWO], bad=[("repeated_header", 3)]),
    lines("the header again, quoted", ROW_1, '"ID","Day",Product,Quantity', rows=[ONE],
          findings=[("repeated_header", 3, None, H.strip())]),
]

LINES = [
    lines("a row one field short", "1,2021-05-01,a", ROW_2, rows=[TWO], bad=[("ragged", 2)]),
    lines("a row one field longer", ROW_1, "2,2021-05-01,b,20,x", rows=[ONE], bad=[("ragged", 3)]),
    lines("a delimiter at each line's end", ROW_1 + ",", ROW_2 + ",", bad=[("ragged", 2), ("ragged", 3)]),
    Case("truncated in the middle of a row", SOUND[:-6], [("ragged", 3, None, "2,2021-05-01")], [ONE]),
    Case("truncated inside quotes", SOUND + b'3,2021-05-01,"c', [("quote", 4, None, '3,2021-05-01,"c')], [ONE, TWO]),
    lines("a TOTAL footer", ROW_1, "TOTAL,,,10", rows=[ONE],
          findings=[("integer", 3, "ID", "TOTAL"), ("nullability", 3, "Day", "")]),
    lines("a comment", "# made by hand", ROW_1, rows=[ONE], bad=[("ragged", 2)]),
    lines("a blank line", ROW_1, "", ROW_2, rows=[ONE, TWO], bad=[("blank_line", 3)]),
    lines("blank lines at the end", ROW_1, "", "", rows=[ONE], bad=[("blank_line", 3), ("blank_line", 4)]),
    Case("a blank CRLF line", f"{H}{ROW_1}\n\n{ROW_2}\n".replace("\n", "\r\n").encode(),
         [("blank_line", 3, None, "")], [ONE, TWO]),
    lines("a line of blanks", ROW_1, "   ", rows=[ONE], bad=[("ragged", 3)]),
    lines("a row of nothing but delimiters", ROW_1, ",,,", rows=[ONE],
          findings=[("nullability", 3, "ID", ""), ("nullability", 3, "Day", ""), ("nullability", 3, Q, "")]),
    lines("a lone CR", "1,2021-05-01,a\r,10", ROW_2, rows=[TWO], bad=[("line_end", 2)]),
    lines("a thousands separator", ROW_1, "2,2021-05-01,b,1,000", rows=[ONE], bad=[("ragged", 3)]),
    lines("a blank line in a file of one column", "a", "", "b", header="Word\n", rows=[("a",), ("b",)],
          bad=[("blank_line", 3)], dataset=WORDS),
    lines("an empty quoted field in a file of one column", "a", '""', header="Word\n", rows=[("a",)],
          findings=[("nullability", 3, "Word", "")], dataset=WORDS),
    lines("separators that are no line ends", "a\u2028b\x0bc\x85d", header="Word\n", rows=[("a\u2028b\x0bc\x85d",)],
          dataset=WORDS),
    whole("one bad row under the strict policy", SOUND + b"3\n", "ragged", 4, "3", dataset=STRICT),
]

QUOTES = [
    lines("doubled quotes in quotes", '1,2021-05-01,"a, ""b""",10', rows=[(1, MAY_1, 'a, "b"', 10)]),
    lines("a quote inside a bare field", '1,2021-05-01,5" pipe,10', ROW_2, rows=[TWO], bad=[("quote", 2)]),
    lines("text after a closing quote", '1,2021-05-01,"a"b,10', ROW_2, rows=[TWO], bad=[("quote", 2)]),
    lines("a blank before a quote", '1,2021-05-01, "a",10', ROW_2, rows=[TWO], bad=[("quote", 2)]),
    lines("a stray quote that closes on a later line",
          '1,2021-05-01,"a,10', ROW_2, '3,2021-05-01,c",30', "4,2021-05-01,d,40",
          rows=[(4, MAY_1, "d", 40)], bad=[("quote", 2), ("quote", 3), ("quote", 4)]),
    lines("a stray quote that meets another row's quotes",
          ROW_1, '2,2021-05-01,"b,20', '3,2021-05-01,"c",30', "4,2021-05-01,d,40",
          rows=[ONE], bad=[("quote", 3), ("quote", 4), ("quote", 5)]),
    lines("a stray quote that meets an empty quoted field",
          ROW_1, '2,2021-05-01,"b,20', '3,2021-05-01,"",30', '4,2021-05-01,d",40', "5,2021-05-01,e,50",
          rows=[ONE, (5, MAY_1, "e", 50)], bad=[("quote", 3), ("quote", 4), ("quote", 5)]),
    lines("a stray quote that never closes", ROW_1, '2,2021-05-01,"b,20', "3,2021-05-01,c,30",
          rows=[ONE], bad=[("quote", 3), ("quote", 4)]),
    lines("a line end in quotes", '1,2021-05-01,"a', 'b",10', ROW_2, rows=[TWO], bad=[("quote", 2), ("quote", 3)]),
    lines("a line in quotes that looks like a row", '1,2021-05-01,"a', ROW_2, 'c",10',
          bad=[("quote", 2), ("quote", 3), ("quote", 4)]),
    lines("inner quotes not doubled over a line end", '1,2021-05-01,"say "x" and', ROW_2, 'c",10',
          bad=[("quote", 2), ("quote", 3), ("quote", 4)]),
    lines("inner quotes not doubled, in pairs, over a line end", ROW_1, '2,2021-05-01,"say "x" and "y', ROW_2, 'c",10',
          bad=[("quote", 3), ("quote", 4), ("quote", 5)], rows=[ONE]),
    lines("a CR in quotes", '1,2021-05-01,"a\rb",10', ROW_2, rows=[TWO], bad=[("line_end", 2)]),
    lines("line ends in quotes, declared", '1,2021-05-01,"a\n\nb",10', ROW_2, "3,2021-05-01,c", dataset=MULTILINE,
          rows=[(1, MAY_1, "a\n\nb", 10), TWO], findings=[("ragged", 6, None, "3,2021-05-01,c")]),
    lines("a stray quote where line ends are declared", '1,2021-05-01,"a,10', '2,2021-05-01,"b",20',
          dataset=MULTILINE, bad=[("quote", 2), ("quote", 3)]),
    lines("a lone CR beside a quoted line end", '1,2021-05-01\r,"a\nb",10', ROW_2, dataset=MULTILINE,
          rows=[TWO], bad=[("line_end", 2)]),
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
    cell("a blank inside a number", "1 000", "integer"),
    cell("hex in an integer", "0x10", "integer"),
    cell("digits of another script", "٣", "integer"),
    cell("nan in an integer", "nan", "integer"),
    cell("a number too large", "9223372036854775808", "integer"),
    cell("the largest number", "9223372036854775807", None, 2**63 - 1),
    cell("a number below its minimum", "-1", "min"),
    cell("a missing number", "", "nullability"),
    lines("a big key next to a blank", "9007199254740993,2021-05-01,a,1", "2,2021-05-01,b,",
          rows=[(9007199254740993, MAY_1, "a", 1)], findings=[("nullability", 3, Q, "")]),
    reading("a number out of its type's range", "Small", "128", "integer"),
    reading("a number at its type's edge", "Small", "-128", None, -128),
    reading("a float in exponent form", "Price", "1e5", None, 100000.0),
    reading("nan", "Price", "nan", "float"),
    reading("inf", "Price", "inf", "float"),
    reading("minus infinity", "Price", "-Infinity", "float"),
    reading("a float too large", "Price", "1e999", "float"),
    reading("a plus sign before a float", "Price", "+1.5", "float"),
    reading("a blank before a float", "Price", " 1.5", "float"),
    reading("a hex float", "Price", "0x1p3", "float"),
    reading("a blank as thousands separator", "Price", "1 000.5", "float"),
    reading("a decimal comma", "Price", "1,5", None, 1.5, dataset=EUROPEAN),
    reading("a decimal point where a comma is declared", "Price", "1.5", "float", dataset=EUROPEAN),
    reading("a point as thousands separator", "Price", "1.000,5", "float", dataset=EUROPEAN),
    reading("two decimal commas", "Price", "1,000,5", "float", dataset=EUROPEAN),
]

DATES = [
    day("a day first, declared", "01/05/2021", None, DAY_FIRST),
    lines("a day first that could be a month first", "1,03/04/2024,a,10", rows=[(1, date(2024, 4, 3), "a", 10)],
          dataset=DAY_FIRST),
    day("a month first where the day is", "05/13/2021", "date", DAY_FIRST),
    day("another date format", "03/04/2024", "date"),
    day("an unpadded date", "2021-5-01", "date"),
    day("a date padded by a blank", "2021- 5-01", "date"),
    day("a signed year", "+2021-05-1", "date"),
    day("the year 0", "0000-05-01", "date"),
    day("a year of five digits", "+12021-05-01", "date"),
    day("a two-digit year", "21-05-01", "date"),
    day("a day that does not exist", "2021-02-30", "date"),
    day("a date with a time", "2021-05-01 00:00:00", "date"),
    day("a date and a blank", "2021-05-01 ", "date"),
    reading("a time", "At", "2021-05-01 10:00:00", None, TEN_O_CLOCK),
    reading("a time with a zone", "At", "2021-05-01 10:00:00Z", "datetime"),
    reading("a time with an unpadded hour", "At", "2021-05-01 9:00:00", "datetime"),
    reading("a time with a fraction", "At", "2021-05-01 10:00:00.5", "datetime"),
    reading("a time as declared", "At", "01/05/2021 10:00", None, TEN_O_CLOCK, dataset=EUROPEAN),
]

CELLS = [
    reading("a boolean token", "Open", "1", None, True),
    reading("a boolean in other case", "Open", "TRUE", "boolean"),
    reading("a number for a boolean", "Open", "2", "boolean"),
    reading("a declared null", "Price", "NA", None, None, dataset=EUROPEAN),
    reading("an undeclared null", "Price", "NULL", "float"),
    reading("N/A, which is no null by default", "Price", "N/A", "float"),
    lines("NA, None and nan are text", "1,2021-05-01,NA,1", "2,2021-05-01,None,2", "3,2021-05-01,nan,3",
          rows=[(1, MAY_1, "NA", 1), (2, MAY_1, "None", 2), (3, MAY_1, "nan", 3)]),
    lines("leading zeros of a text stay", "1,2021-05-01,007,1", rows=[(1, MAY_1, "007", 1)]),
    lines("blanks around text stay", "1,2021-05-01, a ,10", rows=[(1, MAY_1, " a ", 10)]),
    lines("an empty text is a null", "1,2021-05-01,,10", rows=[(1, MAY_1, None, 10)]),
    lines("all bad cells of a row", "x,y,a,-1",
          findings=[("integer", 2, "ID", "x"), ("date", 2, "Day", "y"), ("min", 2, Q, "-1")]),
    lines("an identical repeat", ROW_1, ROW_1, ROW_2, rows=[ONE, TWO], collapsed=1),
    lines("an identical repeat of a bad row", "1,2021-05-01,a,x", "1,2021-05-01,a,x", ROW_2, rows=[TWO], collapsed=1,
          findings=[("integer", 2, Q, "x")]),
    lines("two bad rows that differ in the text that cannot be read", "1,2021-05-01,a,x", "1,2021-05-01,a,y",
          findings=[("integer", 2, Q, "x"), ("primary_key", 2, None, "ID=1"),
                    ("integer", 3, Q, "y"), ("primary_key", 3, None, "ID=1")]),
    lines("a key with two meanings", ROW_1, "1,2021-05-01,a,11", ROW_2, rows=[TWO],
          findings=[("primary_key", 2, None, "ID=1"), ("primary_key", 3, None, "ID=1")]),
    lines("a key with two meanings, one of them bad", ROW_1, "1,2021-05-01,a,x",
          findings=[("primary_key", 2, None, "ID=1"), ("integer", 3, Q, "x"), ("primary_key", 3, None, "ID=1")]),
    lines("a missing key twice", ",2021-05-01,a,1", ",2021-05-01,b,2",
          findings=[("nullability", 2, "ID", ""), ("nullability", 3, "ID", "")]),
    lines("repeats in a table without keys", "a", "a", header="Word\n", rows=[("a",), ("a",)], dataset=WORDS),
]

PACKED = [
    Case("gzip", gzip.compress(SOUND), rows=[ONE, TWO]),
    Case("gzip in two members", gzip.compress(SOUND[:50]) + gzip.compress(SOUND[50:]), rows=[ONE, TWO]),
    Case("zstd", zstd(SOUND), rows=[ONE, TWO]),
    Case("bzip2", bz2.compress(SOUND), rows=[ONE, TWO]),
    Case("xz in two streams", lzma.compress(SOUND[:50]) + lzma.compress(SOUND[50:]), rows=[ONE, TWO]),
    whole("a bzip2 cut short", bz2.compress(SOUND)[:-5], "compression", None, "the file ends before its text does"),
    whole("a bzip2 with garbage behind", bz2.compress(SOUND) + b"abc", "compression", None, ANY),
    whole("an xz cut short", lzma.compress(SOUND)[:-5], "compression", None, "the file ends before its text does"),
    whole("an xz with garbage behind", lzma.compress(SOUND) + b"abc", "compression", None, ANY),
    Case("gzip of a truncated file", gzip.compress(SOUND[:-6]), [("ragged", 3, None, "2,2021-05-01")], [ONE]),
    whole("a gzip cut short", gzip.compress(SOUND)[:-9], "compression", None, "Truncated compressed stream"),
    whole("a gzip with garbage behind", gzip.compress(SOUND) + b"abc", "compression", None, ANY),
    whole("a gzip with a wrong checksum", gzip.compress(SOUND)[:-8] + b"\0" * 8, "compression", None, ANY),
    whole("a zstd cut short", zstd(SOUND)[:-5], "compression", None, ANY),
    whole("a zstd with garbage behind", zstd(SOUND) + b"abc", "compression", None, ANY),
    whole("a gzip bomb", gzip.compress(b"0" * 10**6), "size", None, "more than 100 bytes", dataset=TINY),
    whole("a zstd bomb", zstd(b"0" * 10**6), "size", None, "more than 100 bytes", dataset=TINY),
    whole("compressed twice", gzip.compress(gzip.compress(SOUND)), "binary", None, "compressed twice"),
    whole("a zip archive", b"PK\x03\x04x", "binary", None, r"b'PK\x03\x04': a zip archive or a spreadsheet"),
    whole("a Parquet file", b"PAR1x", "binary", None, "b'PAR1': a Parquet file"),
    whole("a tar archive named .gz", gzip.compress(tar(SOUND)), "binary", None, "b'ustar': a tar archive"),
    whole("zlib without a wrapper", zlib.compress(SOUND), "encoding", 1, ANY),
]
# fmt: on

ZOO = [*FILES, *ENCODINGS, *HEADERS, *LINES, *QUOTES, *NUMBERS, *DATES, *CELLS, *PACKED]
