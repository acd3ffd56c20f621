"""What stands in a sheet of a workbook: the row that names its columns, and the values below it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from flows.errors import QueryError
from flows.inference.layout import are_numbers, is_header, is_remark, is_total
from flows.inference.marks import modal_width
from flows.inference.samples import Sample
from flows.inference.scalars import scalar_series
from flows.model.formats import Excel
from flows.model.limits import Limits
from flows.reading.excel.package import Package
from flows.reading.excel.table import Value, plain, read_grid, row_text
from flows.reading.refusal import FileRefused

_HEAD_ROWS = 200
"""Rows among which a header is looked for."""
_TAIL_ROWS = 50
"""Rows that may stand below the others."""
_ROUNDING = 1e-12
"""What floats lose that are added up."""


@dataclass(frozen=True)
class SheetValues:
    """The values of one workbook.

    Args:
        frame: a column for each name.
        above: rows with values above the header.
        below: what stands below the rows.
    """

    frame: pl.DataFrame
    above: int
    below: tuple[RowBelow, ...]


@dataclass(frozen=True)
class RowBelow:
    """A row below the others that is none of them.

    Args:
        text: as patterns see it.
        sums: the columns whose sums it holds, where it has nothing else but a word.
    """

    text: str
    sums: tuple[str, ...]


def read_sheet_values(sample: Sample, sheet: str | None) -> SheetValues:
    """The values of the sheet that is meant.

    Raises:
        QueryError: there is none, it cannot be read, or no row names its columns.
    """
    try:
        grid = read_grid(Package(sample.body, Limits().file_bytes), Excel(sheet=sheet))
    except FileRefused as refused:
        found = refused.finding
        raise QueryError(
            "The workbook cannot be understood",
            next_step="name one sheet with --sheet, or leave the file out",
            file=sample.file,
            got=found.raw,
            expected=found.expected,
        ) from None
    rows = [row for row in grid.rows if any(value != "" for value in row)]
    place = _header(rows)
    if place is None:
        raise QueryError(
            "No row of the sheet names its columns", next_step="name them in its first row", file=sample.file
        )
    named = [column for column, value in enumerate(rows[place]) if value != ""]
    values, below = _without_footer(rows[place + 1 :], len(named))
    cells = {str(rows[place][column]): [_value(row[column]) for row in values] for column in named}
    frame = pl.DataFrame([scalar_series(name, column) for name, column in cells.items()])
    return SheetValues(frame, place, tuple(_row_below(row, rows[place], values) for row in below))


def _header(rows: Sequence[Sequence[Value]]) -> int | None:
    """The first row that is as wide as most, and holds nothing but names."""
    width = modal_width([[str(value) for value in row if value != ""] for row in rows[:_HEAD_ROWS]])
    for place, row in enumerate(rows[:_HEAD_ROWS]):
        names = [str(plain(value)) for value in row if value != ""]
        typed = any(isinstance(value, bool | date | datetime) for value in row)
        if len(names) >= width and not typed and is_header(names):
            return place
    return None


def _without_footer(
    rows: Sequence[Sequence[Value]], width: int
) -> tuple[Sequence[Sequence[Value]], Sequence[Sequence[Value]]]:
    """The rows, and those below them that sum them up or say something else."""
    numbered, found = are_numbers([_first(row) for row in rows[:_HEAD_ROWS][:-1]]), 0
    for place in range(1, min(len(rows), _TAIL_ROWS) + 1):
        cells = ["" if value == "" else str(plain(value)) for value in rows[-place]]
        filled = [cell for cell in cells if cell]
        remark = len(filled) == 1 < width and is_remark(filled[0])
        if not (remark or is_total(cells, width, numbered=numbered)):
            break
        found = place
    return rows[: len(rows) - found], rows[len(rows) - found :]


def _first(row: Sequence[Value]) -> str:
    return str(plain(next(value for value in row if value != "")))


def _row_below(row: Sequence[Value], header: Sequence[Value], rows: Sequence[Sequence[Value]]) -> RowBelow:
    held = [column for column, value in enumerate(row) if value != ""][1:]
    summed = [str(header[column]) for column in held if _is_sum(row[column], [each[column] for each in rows])]
    return RowBelow(row_text(row), tuple(summed) if len(summed) == len(held) else ())


def _is_sum(total: Value, values: Sequence[Value]) -> bool:
    numbers = [value for value in values if isinstance(value, int | float)]
    whole = len(numbers) == sum(value != "" for value in values)
    return isinstance(total, int | float) and whole and math.isclose(total, math.fsum(numbers), rel_tol=_ROUNDING)


def _value(value: Value) -> object:
    return None if value == "" else plain(value)
