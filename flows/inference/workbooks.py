"""What stands in a sheet of a workbook: the row that names its columns, and the values below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from flows.errors import QueryError
from flows.inference.layout import is_header
from flows.inference.marks import modal_width
from flows.inference.samples import Sample
from flows.inference.scalars import scalar_series
from flows.model.formats import Excel
from flows.model.limits import Limits
from flows.reading.excel.package import Package
from flows.reading.excel.table import Value, plain, read_grid
from flows.reading.refusal import FileRefused

_HEAD_ROWS = 200
"""Rows among which a header is looked for."""


@dataclass(frozen=True)
class SheetValues:
    """The values of one workbook.

    Args:
        frame: a column for each name.
        above: rows with values above the header.
    """

    frame: pl.DataFrame
    above: int


def read_sheet_values(sample: Sample, sheet: str | None) -> SheetValues:
    """The values of the sheet that is meant.

    Raises:
        QueryError: there is none, it cannot be read, or no row names its columns.
    """
    try:
        grid = read_grid(sample.body, Package(sample.body, Limits().file_bytes), Excel(sheet=sheet))
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
    cells = {str(rows[place][column]): [_value(row[column]) for row in rows[place + 1 :]] for column in named}
    return SheetValues(pl.DataFrame([scalar_series(name, values) for name, values in cells.items()]), place)


def _header(rows: Sequence[Sequence[Value]]) -> int | None:
    """The first row that is as wide as most, and holds nothing but names."""
    width = modal_width([[str(value) for value in row if value != ""] for row in rows[:_HEAD_ROWS]])
    for place, row in enumerate(rows[:_HEAD_ROWS]):
        names = [str(plain(value)) for value in row if value != ""]
        typed = any(isinstance(value, bool | date | datetime) for value in row)
        if len(names) >= width and not typed and is_header(names):
            return place
    return None


def _value(value: Value) -> object:
    return None if value == "" else plain(value)
