"""Parquet files, behind the port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from flows.model.dataset import Dataset
from flows.model.formats import Parquet
from flows.model.tolerances import Tolerance
from flows.reading.assembly import FileRows
from flows.reading.column_names import ColumnNames, missing_column
from flows.reading.decompression import check_size
from flows.reading.json_rows import json_row, json_rows
from flows.reading.packed_reader import PackedReader
from flows.reading.parquet.columns import check_text, check_types, read_groups
from flows.reading.parquet.footer import Footer, read_footer
from flows.reading.port import Source
from flows.reading.refusal import FileRefused
from flows.reading.typed_rows import TypedPart, split_rows
from flows.text.plural import counted


class ParquetReader(PackedReader):
    """Reads the files of a dataset whose format is `Parquet`; the line of a row is its number."""

    def __init__(self, dataset: Dataset, parquet: Parquet) -> None:
        super().__init__(dataset)
        self._format = parquet
        self._names = ColumnNames(dataset, parquet.header)

    def raw(self, body: bytes, lines: Sequence[int]) -> Iterator[tuple[int, str]]:
        for line, row in self._rows(body, lines):
            yield line, f"row {line}: {json_row(row)}"

    def cut(self, body: bytes, lines: Sequence[int]) -> bytes:
        return json_rows(self._rows(body, lines))

    def _rows(self, body: bytes, lines: Sequence[int]) -> Iterator[tuple[int, Mapping[str, object]]]:
        rows = pl.read_parquet(body)[[line - 1 for line in lines]]
        return zip(lines, rows.iter_rows(named=True), strict=True)

    def _check_cost(self, body: bytes) -> Footer:
        """The footer of a file that fits, as far as that says.

        Raises:
            FileRefused: it is no such file, or too large.
            TooCostly: it does not fit into memory.
        """
        check_size(len(body), self._dataset.limits.file_bytes)
        footer = read_footer(body)
        check_size(footer.size_bytes, self._dataset.limits.file_bytes)
        self._cost.check_short_way(footer.size_bytes, footer.rows)
        return footer

    def _size(self, body: bytes) -> tuple[int, int]:
        footer = read_footer(body)
        return footer.size_bytes, footer.rows

    def _read(self, source: Source) -> FileRows:
        footer = self._check_cost(source.body)
        stored = self._match(footer.names)
        check_types(source.body, stored, self._dataset, self._format)
        parts, line = [TypedPart.empty(self._dataset)], 1
        for columns in read_groups(source.body, footer, stored):
            check_text(columns, self._dataset, self._cost)
            parts.append(split_rows(self._dataset, self._format.cells, columns, first_line=line))
            line += parts[-1].rows
        whole = TypedPart.concat(parts)
        return FileRows(source.body, whole.frame, footer.rows, whole.notes, self._tolerated(footer, stored))

    def _match(self, names: Sequence[str]) -> Mapping[str, str]:
        """The declared columns that the file has → their names in it."""
        columns = self._names.match(names)
        if columns is None:
            difference = self._names.difference(names) or "none of these is a column of the file"
            wanted = ", ".join(self._dataset.header)
            raise FileRefused("header", raw=", ".join(names), expected=f"{wanted} ({difference})")
        return {name: stored for name, stored in zip(columns, names, strict=True) if name is not None}

    def _tolerated(self, footer: Footer, stored: Mapping[str, str]) -> tuple[Tolerance, ...]:
        taken = set(stored.values())
        ignored = (
            Tolerance("ignored column", f"column {name} ignored ({counted(footer.rows, 'row')})", footer.rows)
            for name in footer.names
            if name not in taken
        )
        missing = (missing_column(name, footer.rows) for name in self._dataset.header if name not in stored)
        return (*ignored, *missing)
