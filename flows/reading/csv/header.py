"""The header of a file against the one that the dataset declares."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence

from flows.model.dataset import Dataset
from flows.model.files import first_names
from flows.model.header import Header
from flows.reading.csv.dialect import Dialect, csv_of
from flows.reading.refusal import FileRefused

MAX_HEADER_CHARS = 1 << 16
"""A longer line is no header, unless the dataset declares one as long: what differs in it is not looked for."""
_NAMED = 5
_NAME_CHARS = 40
_WANTED_CHARS = 300
"""Of the header that is declared, so that there is room for what differs."""
_OTHER_DELIMITERS = ",;\t|:"

type Columns = tuple[str | None, ...]
"""What each cell of a row is: the name of a column, or None where it is ignored."""


class HeaderRules:
    """What the header of a dataset's files has to be.

    Args:
        dataset: the declaration.
        header: what it says of the header.
        dialect: how its cells are written.
    """

    def __init__(self, dataset: Dataset, header: Header, dialect: Dialect) -> None:
        self._expected = dataset.header
        self._header = header
        self._dialect = dialect
        self._known = {header.spelled(text): name for text, name in header.aliases.items()}
        self._known |= {header.spelled(name): name for name in dataset.header}
        self._optional = _optional_columns(dataset) if header.missing == "null" else frozenset()
        self._wanted = csv_of(dataset).delimiter.join(dataset.header)

    def cells(self, line: str) -> tuple[str, ...]:
        """The texts of a header's cells; one more that is empty is left out where lines end with a delimiter."""
        cells = split_header(line, self._dialect.inner_delimiter, self._dialect.quote, self._dialect.escape)
        return cells[:-1] if self._dialect.trailing and len(cells) > 1 and cells[-1] == "" else cells

    def columns(self, line: str, number: int) -> Columns:
        """The columns that a header names.

        Raises:
            FileRefused: it is not as declared; says how it differs.
        """
        most = max(MAX_HEADER_CHARS, 2 * len(self._wanted))
        if len(line) > most:
            limit = f"a header of at most {most} characters, got {len(line)}"
            raise self._refused(line, number, limit)
        cells = self.cells(line)
        if (columns := self._match(cells)) is not None:
            return columns
        if "\r" in line:
            raise FileRefused("line_end", line=number, raw=line, expected=r"lines that end with \n or \r\n")
        raise self._refused(line, number, self._difference(line, cells))

    def _refused(self, line: str, number: int, difference: str) -> FileRefused:
        raw, wanted = self._dialect.outer(line), self._wanted[:_WANTED_CHARS]
        return FileRefused("header", line=number, raw=raw, expected=f"{wanted} ({difference})")

    def _match(self, cells: Sequence[str]) -> Columns | None:
        header = self._header
        if header.by == "position":
            return self._expected if len(cells) == len(self._expected) else None
        found = tuple(self._known.get(header.spelled(cell)) for cell in cells)
        if header.by == "order":
            return found if found == self._expected else None
        named = [name for name in found if name is not None]
        missing = set(self._expected) - set(named) - self._optional
        extra_refused = header.extra == "refuse" and None in found
        return None if missing or extra_refused or not named or len(set(named)) < len(named) else found

    def _difference(self, line: str, cells: tuple[str, ...]) -> str:
        expected = self._expected
        if line.lstrip().startswith("<"):
            return "this looks like an HTML or XML page"
        for delimiter in _OTHER_DELIMITERS:
            if len(expected) > 1 and split_header(line, delimiter, self._dialect.quote) == expected:
                return f"the delimiter is {delimiter!r}; Csv(delimiter={delimiter!r}) takes it"
        if sorted(cells) == sorted(expected):
            return 'the columns are in another order; Header(by="name") takes it'
        if _folded(cells) == _folded(expected):
            return "upper and lower case differ; Header(ignore_case=True) takes it"
        if tuple(name.strip() for name in cells) == expected:
            return "there are blanks around names; Header(strip=True) takes it"
        if not {self._header.spelled(cell) for cell in cells} & set(self._known):
            return "the header is missing"
        return self._names(cells)

    def _names(self, cells: Sequence[str]) -> str:
        found = [self._known.get(self._header.spelled(cell)) for cell in cells]
        counts = Counter(name for name in found if name is not None)
        differences = {
            "twice": sorted(name for name, count in counts.items() if count > 1),
            "missing": [name for name in self._expected if name not in counts and name not in self._optional],
            "extra": [cell for cell, name in zip(cells, found, strict=True) if name is None],
        }
        told = "; ".join(f"{what}: {_first(names)}" for what, names in differences.items() if names)
        only_extra = self._header.extra == "refuse" and not differences["missing"] and not differences["twice"]
        return f'{told}; Header(by="name", extra="ignore") takes it' if only_extra else told


def split_header(line: str, delimiter: str, quote: str | None = '"', escape: str | None = None) -> tuple[str, ...]:
    """The names in a header line; unusable quotes leave the line in one piece."""
    if quote is None:
        return tuple(line.split(delimiter))
    doubled = escape is None
    try:
        reader = csv.reader(
            [line], delimiter=delimiter, quotechar=quote, escapechar=escape, doublequote=doubled, strict=True
        )
        return tuple(next(reader, ()))
    except csv.Error:
        return (line,)


def _optional_columns(dataset: Dataset) -> frozenset[str]:
    """The columns that may be null; where `prepare` makes others of them, all."""
    if dataset.source_columns is not None:
        return frozenset(dataset.source_columns)
    return frozenset(name for name, column in dataset.schema.columns().items() if column.nullable)


def _folded(names: Sequence[str]) -> list[str]:
    return [name.casefold() for name in names]


def _first(names: Sequence[str]) -> str:
    return first_names([name[:_NAME_CHARS] for name in names], _NAMED)
