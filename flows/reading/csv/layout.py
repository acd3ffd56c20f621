"""Which part of a file's text are its rows: below the header and what stands above it, above what stands below."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flows.model.dataset import Dataset
from flows.model.tolerances import Tolerance
from flows.reading.column_names import MAX_PREAMBLE, Columns
from flows.reading.csv.dialect import Dialect, csv_of
from flows.reading.csv.footer import FooterRules
from flows.reading.csv.header import MAX_HEADER_CHARS, HeaderRules
from flows.reading.footer_lines import TrailerLine
from flows.reading.refusal import FileRefused
from flows.text.plural import counted

_KNOWN_HEADERS = 64
"""Headers that are kept as they were read, since most files of a batch have the same."""


@dataclass(frozen=True)
class Layout:
    """Where the rows of a text are.

    Args:
        columns: what each cell of a row is.
        header: the texts of the header's cells; None where there is no header.
        start: where the first row begins in the text.
        end: where what stands below the last row begins.
        first_line: the physical line of the first row.
        trailers: what lines below the rows say of them.
        tolerated: the lines that are left out.
    """

    columns: Columns
    header: tuple[str, ...] | None
    start: int
    end: int
    first_line: int
    trailers: tuple[TrailerLine, ...] = ()
    tolerated: tuple[Tolerance, ...] = ()


class Top:
    """Reads a text line by line from its beginning.

    Args:
        text: in UTF-8.
        place: where the next line begins.
    """

    def __init__(self, text: bytes, place: int) -> None:
        self._text = text
        self.place = place
        self.line = 1

    @property
    def is_over(self) -> bool:
        """Whether there is no further line."""
        return self.place >= len(self._text)

    def peek(self) -> str:
        """The next line without its end."""
        end = self._text.find(b"\n", self.place)
        raw = self._text[self.place : end if end >= 0 else len(self._text)]
        return raw.decode().removesuffix("\r")

    def take(self) -> str:
        """The same, after which the line below is the next one."""
        line = self.peek()
        end = self._text.find(b"\n", self.place)
        self.place = end + 1 if end >= 0 else len(self._text)
        self.line += 1
        return line


class LayoutRules:
    """Where the rows are in the files of a dataset.

    Args:
        dataset: the declaration.
        dialect: the marks of its files.
    """

    def __init__(self, dataset: Dataset, dialect: Dialect) -> None:
        self._csv = csv_of(dataset)
        self._dialect = dialect
        self._expected = dataset.header
        self._header = HeaderRules(dataset, self._csv.header, dialect) if self._csv.header is not None else None
        self._footer = FooterRules(self._csv, dialect)
        self._known_headers: dict[str, tuple[Columns, tuple[str, ...]]] = {}

    def find(self, text: bytes, start: int, tolerated: Sequence[Tolerance] = ()) -> Layout:
        """Where the rows of a text are.

        Args:
            text: in UTF-8.
            start: where it begins.
            tolerated: what was let pass when it was decoded.

        Raises:
            FileRefused: its header, or what stands above or below the rows, is not as declared.
        """
        top = Top(text, start)
        above = [*self._skip_separator_line(top), *self._skip_preamble(top), *self._skip_comments(top)]
        columns, header = self._take_header(top)
        footer = self._footer.find(text, top.place, top.line)
        let_pass = (*tolerated, *above, *footer.tolerated)
        return Layout(columns, header, top.place, footer.start, top.line, footer.trailers, let_pass)

    def _skip_separator_line(self, top: Top) -> Iterator[Tolerance]:
        """`sep=;`, which Excel writes and reads."""
        found = re.fullmatch("sep=(.+)", self._dialect.outer(top.peek())) if self._csv.sep_line else None
        if found is None:
            return
        if found[1] != self._csv.delimiter:
            expected = f"the delimiter {self._csv.delimiter!r}; Csv(delimiter={found[1]!r}) takes it"
            raise FileRefused("delimiter", line=1, raw=found[0], expected=expected)
        top.take()
        yield Tolerance("separator line", "line 1 names the delimiter", raw=found[0])

    def _skip_preamble(self, top: Top) -> Iterator[Tolerance]:
        if self._csv.preamble == 0:
            return
        first = self._dialect.outer(top.peek())
        count = self._lines_above_header(top) if self._csv.preamble == "header" else self._take_lines(top)
        if count:
            yield _above(count, first)

    def _take_lines(self, top: Top) -> int:
        count = self._csv.preamble
        assert isinstance(count, int)
        for _ in range(count):
            if top.is_over:
                expected = f"{counted(count, 'line')} above the header"
                raise FileRefused("preamble", line=top.line, raw="the end of the file", expected=expected)
            top.take()
        return count

    def _lines_above_header(self, top: Top) -> int:
        """Go on until the next line is the header."""
        assert self._header is not None
        first = top.peek()
        for count in range(MAX_PREAMBLE):
            if self._header.match(top.peek()) is not None:
                return count
            top.take()
            if top.is_over:
                break
        looked = f"the header among the first {counted(min(top.line - 1, MAX_PREAMBLE), 'line')}"
        differs = self._header.refusal(first, 1).finding.expected
        raise FileRefused("header", line=1, raw=self._dialect.outer(first), expected=f"{looked}; line 1: {differs}")

    def _skip_comments(self, top: Top) -> Iterator[Tolerance]:
        """Comments and blank lines above the header are what they are among the rows."""
        if self._csv.comment is None and self._csv.blank_lines != "skip":
            return
        first, count = self._dialect.outer(top.peek()), 0
        while not top.is_over and self._is_left_out(top.peek()):
            top.take()
            count += 1
        if count:
            yield _above(count, first)

    def _is_left_out(self, line: str) -> bool:
        if self._csv.comment is not None and self._dialect.outer(line).startswith(self._csv.comment):
            return True
        return self._csv.blank_lines == "skip" and not line.strip()

    def _take_header(self, top: Top) -> tuple[Columns, tuple[str, ...] | None]:
        if self._header is None:
            return self._expected, None
        number, line = top.line, top.take()
        if (known := self._known_headers.get(line)) is not None:
            return known
        quote = self._csv.quote
        while self._csv.multiline and quote and line.count(quote) % 2 and len(line) < MAX_HEADER_CHARS:
            if top.is_over:
                break
            line += "\n" + top.take()
        found = self._header.columns(line, number), self._header.cells(line)
        if len(self._known_headers) < _KNOWN_HEADERS:
            self._known_headers[line] = found
        return found


def _above(count: int, first: str) -> Tolerance:
    return Tolerance("preamble", f"{counted(count, 'line')} above the header left out", count, first)
