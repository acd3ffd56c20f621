"""The rows of a sheet below its header."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from fnmatch import fnmatchcase
from itertools import islice

from python_calamine import CalamineError, CalamineWorkbook

from flows.model.dataset import Dataset
from flows.model.formats import Excel
from flows.model.tolerances import Tolerance
from flows.reading.column_names import MAX_PREAMBLE, ColumnNames
from flows.reading.excel.package import Package, Sheet, damaged
from flows.reading.excel.sheet_text import FormulaFault, column_letters, read_sheet
from flows.reading.footer_lines import MAX_FOOTER, FooterLines, TrailerLine
from flows.reading.refusal import FileRefused
from flows.text.plural import counted

DIGITS = 15
"""A number has so many digits in a workbook, whatever a float has below them. Source: ECMA-376, Part 1, 18.17.2.1."""

_ROWS = 1 << 20
"""A sheet has so many rows. Source: ECMA-376, Part 1, 18.3.1.73, as Excel limits it."""

type Value = str | int | float | bool | date | datetime | time | timedelta
"""What a cell holds; an empty text where it is empty."""
type Range = tuple[tuple[int, int], tuple[int, int]]
"""The first and the last cell, each as row and column, counted from 0."""


@dataclass(frozen=True)
class Grid:
    """All cells of a sheet.

    Args:
        sheet: its name.
        rows: row by row, from the first cell that has a value.
        top, left: where that is, counted from 0.
        merged: cells that are one.
        faults: cells without the value that they should have.
        tolerated: what was let pass in choosing the sheet.
    """

    sheet: str
    rows: Sequence[Sequence[Value]]
    top: int
    left: int
    merged: Sequence[Range]
    faults: Sequence[FormulaFault]
    tolerated: tuple[Tolerance, ...]


@dataclass(frozen=True)
class Table:
    """The rows of a sheet below its header.

    Args:
        rows: the numbers of the rows with values, counted from 0 in the sheet.
        cells: column by column of the sheet's box, their values.
        columns: the declared columns → their places in the box.
        ignored: what other columns with values are called → their places.
        header_row: the header's number; None where there is none.
        end: the number of the row below them all.
        trailers: what rows from there on say of them.
        tolerated: what was let pass.
    """

    rows: Sequence[int]
    cells: Sequence[Sequence[Value]]
    columns: Mapping[str, int]
    ignored: Mapping[str, int]
    header_row: int | None
    end: int
    trailers: tuple[TrailerLine, ...]
    tolerated: tuple[Tolerance, ...]


def read_grid(package: Package, excel: Excel) -> Grid:
    """The cells of the declared sheet.

    Raises:
        FileRefused: there is no such sheet, or it cannot be read.
    """
    sheet = _choose(package.sheets, excel.sheet)
    xml = package.read(sheet.member)
    faults = read_sheet(xml)
    try:
        with CalamineWorkbook.from_filelike(package.unpacked(sheet, xml)) as workbook:
            found = workbook.get_sheet_by_name(sheet.name)
            start, merged = found.start or (0, 0), found.merged_cell_ranges or ()
            rows = list(islice(found.iter_rows(), start[0], None))
    except CalamineError as error:
        raise damaged(f"sheet {sheet.name}: {error}") from None
    others = [each.name for each in package.sheets if each != sheet]
    left_out = f"sheet {sheet.name} read, others left out: {', '.join(others)}"
    tolerated = (Tolerance("sheets", left_out, len(others)),) if others else ()
    return Grid(sheet.name, rows, *start, merged, faults, tolerated)


def find_table(grid: Grid, dataset: Dataset, excel: Excel) -> Table:
    """The header and the rows of a sheet.

    Raises:
        FileRefused: its header is not as declared.
    """
    width = len(grid.rows[0]) if grid.rows else 0
    filled = [place for place, row in enumerate(grid.rows) if row[0] != "" or row.count("") < width]
    if not filled:
        raise FileRefused("empty", raw="a sheet without values", expected="a header and rows")
    finder = _HeaderFinder(grid, filled, dataset, excel)
    above, names = finder.find()
    lines = FooterLines(excel.footer, "row")
    below, footer = _without_footer(grid, filled[above + (excel.header is not None) :], lines)
    together = below and below[-1] - below[0] + 1 == len(below)
    held = grid.rows[below[0] : below[-1] + 1] if together else [grid.rows[place] for place in below]
    cells = list(zip(*held, strict=True)) or [()] * width
    columns, ignored = finder.assign(names, [any(value != "" for value in column) for column in cells])
    tolerated = list(grid.tolerated)
    if above:
        words = f"{counted(above, 'row')} above the header left out"
        tolerated.append(Tolerance("preamble", words, above, row_text(grid.rows[filled[0]])))
    if blank := (below[-1] - below[0] + 1 - len(below) if below else 0):
        tolerated.append(Tolerance("blank rows", f"{counted(blank, 'row')} without a value left out", blank))
    tolerated += lines.tolerated(footer)
    header_row = grid.top + filled[above] if excel.header is not None else None
    rows = [grid.top + place for place in below]
    end = footer[0][0] - 1 if footer else _ROWS
    return Table(rows, cells, columns, ignored, header_row, end, lines.trailers(footer), tuple(tolerated))


def _without_footer(
    grid: Grid, places: Sequence[int], lines: FooterLines
) -> tuple[Sequence[int], list[tuple[int, str]]]:
    """The rows, and what stands below them: from the last one up to the first one that is none of these."""
    found = list[tuple[int, str]]()
    for place in reversed(places[-MAX_FOOTER:] if lines else []):
        text = row_text(grid.rows[place])
        if not lines.takes(text):
            break
        found.append((grid.top + place + 1, text))
    return places[: len(places) - len(found)], found[::-1]


class _HeaderFinder:
    """Looks for the header among the rows with values."""

    def __init__(self, grid: Grid, filled: Sequence[int], dataset: Dataset, excel: Excel) -> None:
        self._grid = grid
        self._filled = filled
        self._expected = dataset.header
        self._excel = excel
        self._names = ColumnNames(dataset, excel.header) if excel.header is not None else None

    def find(self) -> tuple[int, dict[int, str]]:
        """How many rows with values stand above the header, and the names in it by their places."""
        preamble = self._excel.preamble
        if preamble != "header":
            if len(self._filled) <= preamble - (self._names is None):
                raise self._refused(self._filled[0], f"{counted(preamble, 'row')} above the header")
            return preamble, self._texts(preamble) if self._names is not None else {}
        assert self._names is not None
        for above in range(min(MAX_PREAMBLE, len(self._filled))):
            texts = self._texts(above)
            if self._names.match(list(texts.values())) is not None:
                return above, texts
        first = self._names.difference(list(self._texts(0).values())) or "none of its texts is a column"
        raise self._refused(self._filled[0], f"the header among the first {MAX_PREAMBLE:,} rows; in this one: {first}")

    def assign(self, names: dict[int, str], used: Sequence[bool]) -> tuple[dict[str, int], dict[str, int]]:
        """The declared columns and the others, with their places; `used` says of each place whether it has values."""
        if self._names is None:
            places = [place for place, is_used in enumerate(used) if is_used]
            if places and places[-1] >= len(self._expected):
                raise self._refused(self._filled[0], f"{counted(len(self._expected), 'column')} and none besides")
            return {name: place for place, name in enumerate(self._expected) if place < len(used)}, {}
        columns = self._names.match(list(names.values()))
        above = self._filled[self._excel.preamble] if isinstance(self._excel.preamble, int) else self._filled[0]
        if columns is None:
            difference = self._names.difference(list(names.values())) or "the header is missing"
            raise self._refused(above, f"{', '.join(self._expected)} ({difference})")
        unnamed = [place for place, is_used in enumerate(used) if is_used and place not in names]
        if unnamed and self._excel.header is not None and self._excel.header.extra == "refuse":
            letters = column_letters(self._grid.left + unnamed[0])
            raise self._refused(above, f"a name for column {letters}, which has values; or no values in it")
        found = {name: place for place, name in zip(names, columns, strict=True) if name is not None}
        others = {names[place]: place for place, name in zip(names, columns, strict=True) if name is None}
        return found, others | {f"column {column_letters(self._grid.left + place)}": place for place in unnamed}

    def _texts(self, number: int) -> dict[int, str]:
        """The cells of a row that are not empty, as text."""
        row = self._grid.rows[self._filled[number]]
        return {place: str(plain(value)) for place, value in enumerate(row) if value != ""}

    def _refused(self, place: int, expected: str) -> FileRefused:
        line = self._grid.top + place + 1
        return FileRefused("header", line=line, raw=row_text(self._grid.rows[place]), expected=expected)


def _choose(sheets: Sequence[Sheet], wanted: str | None) -> Sheet:
    found = [each for each in sheets if (each.visible if wanted is None else fnmatchcase(each.name, wanted))]
    if len(found) == 1:
        return found[0]
    names = ", ".join(each.name for each in sheets)
    if wanted is None:
        raise FileRefused("sheet", raw=names, expected='one sheet that is shown; Excel(sheet="…") names one of several')
    raise FileRefused("sheet", raw=names, expected=f"one sheet whose name matches {wanted}")


def plain(value: Value) -> Value:
    """A value as people see it, to whom a whole number has no point."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def row_text(row: Sequence[Value]) -> str:
    """A row as one text: its cells with values, each as people see it."""
    return ", ".join(number_text(value) if isinstance(value, float) else str(value) for value in row if value != "")


def number_text(value: float) -> str:
    """A number with the digits that a workbook has of it."""
    return str(int(value)) if value.is_integer() else format(value, f".{DIGITS}g")
