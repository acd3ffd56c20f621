"""The gate: is a file text in a declared encoding, with the declared header and sound lines?"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, replace

import polars as pl

from flows.model.dataset import Dataset
from flows.model.finding_frame import SHOWN
from flows.model.tolerances import Tolerance
from flows.reading.byte_checks import is_utf8, line_ends
from flows.reading.column_names import Columns
from flows.reading.csv.dialect import Dialect, csv_of
from flows.reading.csv.encodings import Decoded, codec_name, decode
from flows.reading.csv.layout import Layout, LayoutRules
from flows.reading.csv.lines import LineLayout, QuoteRules, split_lines
from flows.reading.decompression import check_size
from flows.reading.footer_lines import TrailerLine
from flows.reading.refusal import FileRefused, check_rows
from flows.reading.text_bodies import open_text
from flows.reading.trailer_checks import check_row_counts
from flows.validation.cost import Cost

_BOM = codecs.BOM_UTF8
MAX_CELL_BYTES = 1 << 20
"""A longer cell is no value that anybody groups by or reads: most often a quote is missing, or a line end."""
_SMALL_BYTES = 1 << 16
"""Quotes of a larger body are checked line by line, which is faster than one pattern for all of it."""
_FIRST_DATA_LINE = 2
_LF = 10


@dataclass(frozen=True)
class VettedFile:
    """A file that passed the gate, ready to be parsed.

    Args:
        body: the file's bytes, decompressed.
        text: its rows in UTF-8, without header, each complete in itself and ended by a line end.
        rows: how many rows `text` has.
        quoted: whether there may be quotes in them.
        data_rows: data rows seen, those with problems included.
        columns: what each cell of a row is.
        header: the texts of the header's cells; None where there is no header.
        first_line: the physical line of the first row.
        lines: the physical line where each row starts; None where one follows the other from the first.
        notes: problems on single lines, which are not in `text`; None where there are none.
        trailers: what lines below the rows say of them.
        tolerated: what was let pass because the format says so.
    """

    body: bytes
    text: bytes | memoryview
    rows: int
    data_rows: int
    columns: Columns
    header: tuple[str, ...] | None
    quoted: bool = False
    first_line: int = _FIRST_DATA_LINE
    lines: pl.Series | None = None
    notes: pl.DataFrame | None = None
    trailers: tuple[TrailerLine, ...] = ()
    tolerated: tuple[Tolerance, ...] = ()


class Gate:
    """What a dataset expects of its files, made ready to compare bytes with.

    Args:
        dataset: the declaration.
        plain: whether files that need no second look may take the short way. Both ways give the same.
    """

    def __init__(self, dataset: Dataset, *, plain: bool = True) -> None:
        self._dataset = dataset
        self._cost = Cost(dataset)
        self._most_bytes = min(dataset.limits.file_bytes, self._cost.most_bytes)
        csv, dialect = csv_of(dataset), Dialect.of(csv_of(dataset))
        self._dialect = dialect
        self._may_be_even = plain
        self._plain = plain and _is_plain_format(dataset, dialect)
        self._headers = _header_lines(dataset)
        self._layout = LayoutRules(dataset, dialect)
        self._lines = LineLayout.of(csv, dialect)
        self._quotes = QuoteRules(dialect)

    def open(self, body: bytes) -> bytes:
        """The file's text, decompressed.

        Raises:
            FileRefused: it is too large, or no text.
            TooCostly: it does not fit into memory, whatever it holds.
        """
        if not body.startswith(self._headers):
            return open_text(body, self._dataset.limits.file_bytes, self._cost)
        if len(body) > self._most_bytes:
            check_size(len(body), self._dataset.limits.file_bytes)
            self._cost.check_size(len(body))
        return body

    def vet(self, body: bytes) -> VettedFile:
        """Let a file pass that was opened.

        Raises:
            FileRefused: it is not as the dataset declares.
            TooCostly: its rows do not fit into memory.
        """
        start = len(_BOM) if body.startswith(_BOM) else 0
        vetted = self._vet_plain(body, start) or self._vet_any(body)
        check_rows(self._dataset, vetted.data_rows)
        return vetted

    def _vet_plain(self, body: bytes, start: int) -> VettedFile | None:
        """The short way, where there is no doubt that each line is a row: none is looked at by itself."""
        if not (self._plain and body.startswith(self._headers, start) and _is_plain(body, start)):
            return None
        ends = line_ends(body)
        if not ends.even:
            return None
        header = self._dataset.header
        layout = Layout(header, header, body.index(b"\n") + 1, len(body), _FIRST_DATA_LINE)
        return self._even(body, memoryview(body)[layout.start :], ends.count - 1, layout)

    def _vet_any(self, body: bytes) -> VettedFile:
        """The way of all others: decode, find the rows, and look at each line where that is needed."""
        self._cost.check_long_way(len(body), 0)
        decoded = decode(body, csv_of(self._dataset).encodings)
        text = self._dialect.inner(_sound_text(body, decoded))
        layout = self._layout.find(text, decoded.start, decoded.tolerated)
        rows = text[layout.start : layout.end]
        vetted = self._vet_section(body, rows, layout) or self._vet_lines(body, rows, layout)
        check_row_counts(self._dataset, layout.trailers, vetted.data_rows)
        return vetted

    def _vet_section(self, body: bytes, rows: bytes, layout: Layout) -> VettedFile | None:
        """The short way for rows that were found between other lines."""
        if not self._may_be_even or rows.startswith((b"\n", b"\r\n")) or _BOM in rows:
            return None
        ends = line_ends(rows)
        return self._even(body, rows, ends.count, layout) if ends.even and self._lines.may_be_rows(rows) else None

    def _even(self, body: bytes, part: bytes | memoryview, rows: int, layout: Layout) -> VettedFile | None:
        """Rows that are a line each, where the quotes in them are sound at a glance."""
        if len(body) > self._cost.free_bytes:
            self._cost.check_short_way(len(body), rows + 1)
        if len(part) and part[-1] != _LF:
            part, rows = bytes(part) + b"\n", rows + 1
        trimmed = self._lines.without_trailing(part, rows)
        if trimmed is None:
            return None
        quoted = self._quotes.stand_in(body)
        if quoted and not (len(body) < _SMALL_BYTES and self._quotes.are_sound(trimmed)):
            return None
        return VettedFile(
            body, trimmed, rows, rows, layout.columns, layout.header, quoted, layout.first_line,
            trailers=layout.trailers, tolerated=layout.tolerated,
        )  # fmt: skip

    def _vet_lines(self, body: bytes, rows: bytes, layout: Layout) -> VettedFile:
        """The long way: each line is looked at."""
        text = rows.decode()
        self._cost.check_long_way(len(body), text.count("\n") + 1)
        if _has_long_line(text):
            self._cost.check_long_rows(len(body))
        split = split_lines(text, self._quotes, self._lines, layout.first_line)
        return VettedFile(
            body,
            split.text,
            len(split.lines),
            split.data_rows,
            layout.columns,
            layout.header,
            quoted=csv_of(self._dataset).quote is not None,
            lines=split.lines,
            notes=split.notes.with_columns(self._dialect.outer_cell("raw"))
            if self._dialect.translates
            else split.notes,
            trailers=layout.trailers,
            tolerated=(*layout.tolerated, *(self._as_in_file(each) for each in split.tolerated)),
        )

    def _as_in_file(self, tolerance: Tolerance) -> Tolerance:
        return replace(tolerance, raw=tolerance.raw and self._dialect.outer(tolerance.raw))


def _sound_text(body: bytes, decoded: Decoded) -> bytes:
    """A text that is not empty, and text."""
    text = decoded.text
    if not text[decoded.start :].strip():
        raise FileRefused("empty", raw=f"{len(body)} bytes", expected="a header and rows")
    if (nul := text.find(b"\0")) >= 0:
        line = text.count(b"\n", 0, nul) + 1
        raise FileRefused("nul", line=line, raw=_line_at(text, nul), expected="text without NUL bytes")
    return text


def _is_plain_format(dataset: Dataset, dialect: Dialect) -> bool:
    """Whether files can be what a machine writes: UTF-8, the declared header first, and nothing but rows below it."""
    csv = csv_of(dataset)
    marks = {csv.delimiter, csv.quote, "\r", "\n"}
    special = any(set(name) & marks for name in dataset.header)
    lines = csv.footer or csv.preamble or csv.trailing_delimiter or csv.comment is not None or csv.header is None
    cells = dialect.translates or csv.escape is not None or csv.blank_lines == "skip"
    return not (special or lines or cells) and len(csv.encodings) == 1 and codec_name(csv.encodings[0]) == "utf-8"


def _header_lines(dataset: Dataset) -> tuple[bytes, ...]:
    """The header as it is usually written: bare or all quoted, with either line end."""
    delimiter = csv_of(dataset).delimiter
    bare = delimiter.join(dataset.header)
    quote = csv_of(dataset).quote or ""
    quoted = delimiter.join(f"{quote}{name}{quote}" for name in dataset.header)
    return tuple((line + end).encode() for line in (bare, quoted) for end in ("\n", "\r\n"))


def _is_plain(body: bytes, start: int) -> bool:
    return b"\0" not in body and (body.isascii() or (is_utf8(body) and body.find(_BOM, start) < 0))


def _has_long_line(text: str) -> bool:
    """Whether a line is longer than a cell may be."""
    start = 0
    while len(text) - start > MAX_CELL_BYTES:
        end = text.rfind("\n", start, start + MAX_CELL_BYTES + 1)
        if end < 0:
            return True
        start = end + 1
    return False


def _line_at(text: bytes, position: int) -> str:
    """The line at a position, as far as a finding quotes it."""
    start = text.rfind(b"\n", 0, position) + 1
    return text[start : start + 4 * SHOWN].decode(errors="ignore").partition("\n")[0][:SHOWN]
