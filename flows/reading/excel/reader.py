"""Workbooks, behind the port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from flows.model.dataset import Dataset
from flows.model.finding_frame import RowNote, row_notes, shorten
from flows.model.formats import Excel
from flows.model.nulls import null_column
from flows.model.tables import LINE
from flows.model.tolerances import Tolerance
from flows.model.types import type_of
from flows.reading.assembly import FileRows
from flows.reading.column_names import missing_column
from flows.reading.excel.cells import cell_values
from flows.reading.excel.package import Package
from flows.reading.excel.table import Grid, Table, find_table, plain, read_grid
from flows.reading.json_rows import json_row, json_rows
from flows.reading.packed_reader import PackedReader
from flows.reading.port import Source
from flows.reading.refusal import FileRefused
from flows.reading.repeated_headers import EXPECTED, REPEATED, header_rows
from flows.reading.trailer_checks import check_row_counts, check_typed_sums
from flows.reading.typed_columns import takes_text_only
from flows.text.plural import counted

_LEAST_ROW_BYTES = 40
"""As short as a row is in a sheet's text."""


class ExcelReader(PackedReader):
    """Reads the files of a dataset whose format is `Excel`; the line of a row is its number in the sheet."""

    def __init__(self, dataset: Dataset, excel: Excel) -> None:
        super().__init__(dataset)
        self._format = excel
        self._declared = dataset.schema.columns() if dataset.prepare is None else {}

    def raw(self, body: bytes, lines: Sequence[int]) -> Iterator[tuple[int, str]]:
        grid, table = self._table(body)
        for line, row in _rows(table, lines):
            yield line, f"sheet {grid.sheet}, row {line}: {json_row(row)}"

    def cut(self, body: bytes, lines: Sequence[int]) -> bytes:
        _, table = self._table(body)
        return json_rows(_rows(table, lines))

    def _check_cost(self, body: bytes) -> Package:
        package = self._package(body)
        self._cost.check_long_way(package.size_bytes, 0)
        return package

    def _size(self, body: bytes) -> tuple[int, int]:
        size = self._package(body).size_bytes
        return size, size // _LEAST_ROW_BYTES

    def _package(self, body: bytes) -> Package:
        return Package(body, self._dataset.limits.file_bytes)

    def _table(self, body: bytes) -> tuple[Grid, Table]:
        grid = read_grid(self._check_cost(body), self._format)
        return grid, find_table(grid, self._dataset, self._format)

    def _read(self, source: Source) -> FileRows:
        grid, table = self._table(source.body)
        self._cost.check_short_way(len(source.body), len(table.rows))
        cells = self._format.cells
        values = [
            cell_values(table.cells[place], self._declared.get(name), cells, name)
            for name, place in table.columns.items()
        ]
        lines = pl.Series(LINE, table.rows, pl.UInt32) + 1
        header = self._dataset.header
        lacking = [name for name in header if name not in table.columns]
        absent = [null_column(name, pl.String, len(lines)) for name in lacking]
        frame = pl.DataFrame([*values, *absent, lines]).select(*header, LINE)
        check_row_counts(self._dataset, table.trailers, frame.height)
        check_typed_sums(self._dataset, frame, table.trailers)
        found = [
            *self._formula_faults(grid, table), *self._merged(grid, table), *self._no_texts(table),
            *self._headers(table, frame),
        ]  # fmt: skip
        notes = self._notes(found)
        frame = frame.filter(~pl.col(LINE).is_in(notes[LINE].unique().implode())) if found else frame
        missing = (missing_column(name, len(lines)) for name in lacking)
        return FileRows(source.body, frame, len(table.rows), notes, (*table.tolerated, *_ignored(table), *missing))

    def _formula_faults(self, grid: Grid, table: Table) -> Iterator[RowNote]:
        names = {place + grid.left: name for name, place in table.columns.items()}
        first = table.rows[0] if table.rows else 0
        expected = {
            "formula_error": "a value; the formula has failed",
            "formula": "a value; no program has computed the formula: open the workbook and save it anew",
        }
        for fault in grid.faults:
            if first <= fault.row < table.end and fault.column in names:
                yield fault.row + 1, fault.rule, names[fault.column], fault.raw, expected[fault.rule]

    def _merged(self, grid: Grid, table: Table) -> Iterator[RowNote]:
        """Cells that are one cell: only the first of them has a value.

        Raises:
            FileRefused: the header has some.
        """
        names = {place + grid.left: name for name, place in table.columns.items()}
        rows = set(table.rows if grid.merged else ())
        for (top, left), (bottom, right) in grid.merged:
            columns = [names[place] for place in range(left, right + 1) if place in names]
            if table.header_row is not None and top <= table.header_row <= bottom and columns:
                raw = f"cells merged above {', '.join(columns)}"
                raise FileRefused("merged", line=table.header_row + 1, raw=raw, expected="a cell for each name")
            for row in range(top, bottom + 1):
                if row in rows and columns:
                    raw = f"rows {top + 1} to {bottom + 1} of {', '.join(columns)}"
                    yield row + 1, "merged", columns[0], raw, "a cell for each value; these are merged into one"

    def _no_texts(self, table: Table) -> Iterator[RowNote]:
        """Numbers, days and truth values where text is declared: how they look is not in the cell."""
        for name, place in table.columns.items():
            column = self._declared.get(name)
            if column is None or not takes_text_only(column) or set(map(type, table.cells[place])) <= {str}:
                continue
            for row, value in zip(table.rows, table.cells[place], strict=True):
                if not isinstance(value, str):
                    yield (
                        row + 1,
                        type_of(column).kind,
                        name,
                        str(plain(value)),
                        "a cell of text, or another type declared",
                    )

    def _headers(self, table: Table, frame: pl.DataFrame) -> Iterator[RowNote]:
        """Rows that say a header once more."""
        header = self._format.header
        typed = any(frame[name].dtype != pl.String for name in table.columns)
        if header is None or header.by == "position" or typed:
            return
        flags = header_rows(frame, [(name, name) for name in table.columns], header, self._dataset.header)
        if flags is not None:
            for *cells, line in frame.filter(flags).select(*table.columns, LINE).iter_rows():
                yield line, REPEATED, None, ", ".join(cells), EXPECTED

    def _notes(self, found: Sequence[RowNote]) -> pl.DataFrame:
        self._cost.check_bad_rows(len(found))
        return row_notes(
            [(line, rule, column, shorten(raw or ""), expected) for line, rule, column, raw, expected in found]
        )


def _rows(table: Table, lines: Sequence[int]) -> Iterator[tuple[int, Mapping[str, object]]]:
    """The values of rows by the names of their columns."""
    wanted, columns = set(lines), {**table.columns, **table.ignored}
    for number, row in enumerate(table.rows):
        if row + 1 in wanted:
            yield row + 1, {name: plain(table.cells[place][number]) for name, place in columns.items()}


def _ignored(table: Table) -> Iterator[Tolerance]:
    for name, place in table.ignored.items():
        count = sum(value != "" for value in table.cells[place])
        yield Tolerance("ignored column", f"column {name} ignored ({counted(count, 'value')})", count)
