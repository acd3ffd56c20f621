"""The header of a file against the one that the dataset declares."""

from __future__ import annotations

import csv

from flows.model.dataset import Dataset
from flows.model.header import Header
from flows.reading.column_names import ColumnNames, Columns
from flows.reading.csv.dialect import Dialect, csv_of
from flows.reading.refusal import FileRefused

MAX_HEADER_CHARS = 1 << 16
"""A longer line is no header, unless the dataset declares one as long: what differs in it is not looked for."""
_WANTED_CHARS = 300
"""Of the header that is declared, so that there is room for what differs."""
_MISSING = "the header is missing"
_OTHER_DELIMITERS = ",;\t|:"


class HeaderRules:
    """What the header of a dataset's files has to be.

    Args:
        dataset: the declaration.
        header: what it says of the header.
        dialect: how its cells are written.
    """

    def __init__(self, dataset: Dataset, header: Header, dialect: Dialect) -> None:
        self._expected = dataset.header
        self._names = ColumnNames(dataset, header)
        self._dialect = dialect
        self._wanted = csv_of(dataset).delimiter.join(dataset.header)
        self._most_chars = max(MAX_HEADER_CHARS, 2 * len(self._wanted))

    def cells(self, line: str) -> tuple[str, ...]:
        """The texts of a header's cells; one more that is empty is left out where lines end with a delimiter."""
        cells = split_header(line, self._dialect.inner_delimiter, self._dialect.quote, self._dialect.escape)
        return cells[:-1] if self._dialect.trailing and len(cells) > 1 and cells[-1] == "" else cells

    def match(self, line: str) -> Columns | None:
        """The columns that a line names; None where it is not the header."""
        return self._names.match(self.cells(line)) if len(line) <= self._most_chars else None

    def columns(self, line: str, number: int) -> Columns:
        """The columns that a header names.

        Raises:
            FileRefused: it is not as declared; says how it differs.
        """
        if (columns := self.match(line)) is None:
            raise self.refusal(line, number)
        return columns

    def refusal(self, line: str, number: int) -> FileRefused:
        """How a line differs that is not the header."""
        if len(line) > self._most_chars:
            limit = f"a header of at most {self._most_chars} characters, got {len(line)}"
            return self._refused(line, number, limit)
        if "\r" in line:
            return FileRefused("line_end", line=number, raw=line, expected=r"lines that end with \n or \r\n")
        return self._refused(line, number, self._difference(line, self.cells(line)))

    def _refused(self, line: str, number: int, difference: str) -> FileRefused:
        raw, wanted = self._dialect.outer(line), self._wanted[:_WANTED_CHARS]
        return FileRefused("header", line=number, raw=raw, expected=f"{wanted} ({difference})")

    def _difference(self, line: str, cells: tuple[str, ...]) -> str:
        expected = self._expected
        if line.lstrip().startswith("<"):
            return "this looks like an HTML or XML page"
        for delimiter in _OTHER_DELIMITERS:
            if len(expected) > 1 and split_header(line, delimiter, self._dialect.quote) == expected:
                return f"the delimiter is {delimiter!r}; Csv(delimiter={delimiter!r}) takes it"
        if not self._dialect.trailing and cells[-1:] == ("",) and cells[:-1] == expected:
            return "it ends with a delimiter; Csv(trailing_delimiter=True) takes it"
        if difference := self._names.difference(cells):
            return difference
        between = _delimiter_between(expected, line)
        return f"the delimiter is {between!r}; Csv(delimiter={between!r}) takes it" if between else _MISSING


def _delimiter_between(names: tuple[str, ...], line: str) -> str | None:
    """The text that stands between the names of a header that is bare otherwise."""
    if len(names) < 2 or not line.startswith(names[0]):
        return None
    between = line[len(names[0]) : line.find(names[1], len(names[0]) + 1)]
    words = any(char.isalnum() for char in between)
    return between if between and not words and between.join(names) == line else None


def split_header(line: str, delimiter: str, quote: str | None = '"', escape: str | None = None) -> tuple[str, ...]:
    """The names in a header line; unusable quotes leave the line in one piece."""
    marked = quote is not None and (quote in line or "\r" in line or (escape is not None and escape in line))
    if not marked and line:  # as most are
        return tuple(line.split(delimiter))
    if quote is None:
        return (line,)
    doubled = escape is None
    try:
        reader = csv.reader(
            [line], delimiter=delimiter, quotechar=quote, escapechar=escape, doublequote=doubled, strict=True
        )
        return tuple(next(reader, ()))
    except csv.Error:
        return (line,)
