"""Lines and rows of a text are found by their numbers, as they stand in it."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.model.formats import Csv
from flows.reading import physical_lines
from flows.reading.csv.dialect import Dialect
from flows.reading.csv.record import RecordExtent
from flows.reading.physical_lines import line_at, line_starts

CELLS = st.text(alphabet='a ,"\r\n', max_size=4)


@given(st.lists(st.sampled_from([b"a", b"\n", b"bc\r\n"])), st.lists(st.integers(1, 12)), st.sampled_from([1, 2, 4]))
def test_lines_are_those_that_reading_one_after_the_other_finds(
    parts: list[bytes], wanted: list[int], piece: int
) -> None:
    text = b"".join(parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(physical_lines, "_LEAST_BYTES", piece)
        patch.setattr(physical_lines, "_MOST_BYTES", 2 * piece)
        starts = line_starts(text, wanted)
    lines = io.BytesIO(text).readlines()
    expected = {line: lines[line - 1] for line in wanted if line <= len(lines)}
    assert {line: line_at(text, start) for line, start in starts.items()} == expected


@given(st.lists(st.lists(CELLS, min_size=2, max_size=3), max_size=4))
def test_a_row_of_several_lines_ends_where_its_quotes_do(rows: list[list[str]]) -> None:
    written = []
    for row in rows:
        to = io.StringIO()
        csv.writer(to, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(row)
        written.append(to.getvalue().encode())
    extent, text, place = RecordExtent(Dialect.of(Csv(multiline=True))), b"".join(written), 0
    for row_text in written:
        assert text[place : extent.end(text, place)] == row_text
        place += len(row_text)


@pytest.mark.parametrize(
    ("form", "text", "first"),
    [
        (Csv(), b'1,"a\nb"\n', b'1,"a\n'),
        (Csv(multiline=True, quote=None), b'1,"a\nb"\n', b'1,"a\n'),
        (Csv(multiline=True, escape="\\"), b'1,"a\\"\nb"\n2,c\n', b'1,"a\\"\nb"\n'),
        (Csv(multiline=True), b'1,"a""\nb"', b'1,"a""\nb"'),
    ],
)
def test_a_line_goes_on_below_only_where_the_format_lets_it(form: Csv, text: bytes, first: bytes) -> None:
    assert text[: RecordExtent(Dialect.of(form)).end(text, 0)] == first
