"""Whatever Python's csv module writes is read back as it was; whatever else comes is accounted for."""

from __future__ import annotations

import csv
import io
from functools import cache

import dataframely as dy
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.model.dataset import Dataset
from flows.model.formats import Csv
from flows.model.tables import FILE, LINE
from flows.reading.csv.parse import parse
from flows.reading.port import Source
from flows.validation.raw_rows import RawRows
from flows.validation.validate import validate

type Table = list[list[str]]

SHORT = settings(max_examples=60, deadline=None)
MARKS = ",;\t|\"'  .-+0127aé€😀\u2028"


@cache
def dataset(width: int, delimiter: str, multiline: bool) -> Dataset:
    schema = type("Table", (dy.Schema,), {f"c{index}": dy.String(nullable=True) for index in range(width)})
    return Dataset(schema=schema, landing="landing", format=Csv(delimiter=delimiter, decimal=".", multiline=multiline))


def tables(alphabet: str) -> st.SearchStrategy[Table]:
    cell = st.text(st.sampled_from(alphabet), max_size=6)
    return st.integers(1, 4).flatmap(
        lambda width: st.lists(st.lists(cell, min_size=width, max_size=width), min_size=1, max_size=8)
    )


def write(table: Table, header: tuple[str, ...], delimiter: str, quoting: int, line_end: str) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=line_end)  # type: ignore[arg-type]
    writer.writerows([header, *table])
    return text.getvalue().encode()


def both_ways(declared: Dataset, *bodies: bytes) -> RawRows:
    sources = [Source("f.csv", body) for body in bodies]
    short, long = parse(declared, sources), parse(declared, sources, plain=False)
    assert short.found == long.found
    assert short.data_rows == long.data_rows
    assert short.frame.equals(long.frame)
    return short


delimiters = st.sampled_from(",;\t|")
quotings = st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
line_ends = st.sampled_from(["\n", "\r\n"])


@SHORT
@given(st.lists(tables(MARKS), min_size=1, max_size=3), delimiters, quotings, line_ends)
def test_what_the_csv_module_writes_is_read_back(
    written: list[Table], delimiter: str, quoting: int, line_end: str
) -> None:
    width = len(written[0][0])
    tables_of_one_width = [table for table in written if len(table[0]) == width]
    declared = dataset(width, delimiter, False)
    bodies = [write(table, declared.header, delimiter, quoting, line_end) for table in tables_of_one_width]
    text = both_ways(declared, *bodies)
    expected = [
        (*row, file, line) for file, table in enumerate(tables_of_one_width) for line, row in enumerate(table, start=2)
    ]
    assert text.frame.rows() == expected
    assert not any(verdict.findings for verdict in text.found)


@SHORT
@given(tables(MARKS + "\n\r"), delimiters, quotings, line_ends)
def test_line_ends_in_quotes_are_read_back_where_they_are_declared(
    table: Table, delimiter: str, quoting: int, line_end: str
) -> None:
    declared = dataset(len(table[0]), delimiter, True)
    text = both_ways(declared, write(table, declared.header, delimiter, quoting, line_end))
    assert text.frame.drop(FILE, LINE).rows() == [tuple(row) for row in table]
    heights = [1 + sum(cell.count("\n") for cell in row) for row in table]
    assert text.frame[LINE].to_list() == [2 + sum(heights[:index]) for index in range(len(table))]


@SHORT
@given(st.lists(st.text(st.sampled_from('12,"\r\n a'), max_size=40), min_size=1, max_size=3), st.booleans())
def test_any_text_is_split_without_loss_and_no_line_is_read_as_anything_but_itself(
    texts: list[str], multiline: bool
) -> None:
    declared = dataset(2, ",", multiline)
    text = both_ways(declared, *(f"c0,c1\n{rest}".encode() for rest in texts))
    for file, (rest, verdict) in enumerate(zip(texts, text.found, strict=True)):
        rows = text.frame.filter(text.frame[FILE] == file)
        assert rows.height + verdict.refused == text.data_rows[file]
        assert not set(rows[LINE].to_list()) & set(verdict.refused_lines or ())
        lines = f"c0,c1\n{rest}".split("\n")
        for *cells, line in rows.drop(FILE).iter_rows():
            last = line + sum(cell.count("\n") for cell in cells)
            assert list(csv.reader(io.StringIO("\n".join(lines[line - 1 : last]), newline=""), strict=True)) == [cells]
    assert [v.accepted for v in validate(declared, text).verdicts] == [not v.findings for v in text.found]
