"""What is let pass in cells, because the format says so: padding, and columns that nobody declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from flows.model.dataset import Dataset
from flows.model.tables import FILE, LINE
from flows.model.tolerances import Tolerance
from flows.reading.column_names import missing_column
from flows.reading.csv.dialect import Dialect, csv_of
from flows.text.plural import counted

IGNORED = "\0"
"""How the name of a cell begins that is no column."""
_PADDING = " \t\u00a0"


def let_cells_pass(
    dataset: Dataset, frame: pl.DataFrame, names: Sequence[str], ignored: Mapping[str, str]
) -> tuple[pl.DataFrame, dict[int, tuple[Tolerance, ...]]]:
    """The cells of the declared columns, and what was let pass in each file.

    Args:
        dataset: the declaration.
        frame: text cells with `_file` and `_line`.
        names: the cells of a row.
        ignored: those of them that are no columns, and what the header calls them.
    """
    dialect, found = Dialect.of(csv_of(dataset)), dict[int, tuple[Tolerance, ...]]()
    if dialect.translates:
        frame = frame.with_columns(map(dialect.outer_cell, names))
    if csv_of(dataset).padding:
        frame, found = _without_padding(frame, [name for name in names if name not in ignored])
    for name, text in ignored.items():
        for file, count in _per_file(frame, (pl.col(name) != "").sum()):
            told = f"column {text} ignored ({counted(count, 'value')})"
            found[file] = (*found.get(file, ()), Tolerance("ignored column", told, count))
    lacking = [name for name in dataset.header if name not in names]
    for name in lacking:
        for file, count in _per_file(frame, pl.len()):
            found[file] = (*found.get(file, ()), missing_column(name, count))
    absent = [pl.lit(None, pl.String).alias(name) for name in lacking]
    if ignored or absent or tuple(names) != dataset.header:
        frame = frame.with_columns(absent).select(*dataset.header, FILE, LINE)
    return frame, found


def _without_padding(
    frame: pl.DataFrame, names: Sequence[str]
) -> tuple[pl.DataFrame, dict[int, tuple[Tolerance, ...]]]:
    cut = {name: pl.col(name).str.strip_chars(_PADDING) for name in names}
    padded = pl.sum_horizontal((pl.col(name) != text).cast(pl.UInt32) for name, text in cut.items())
    counts = frame.group_by(FILE, maintain_order=True).agg(padded.sum())
    found: dict[int, tuple[Tolerance, ...]] = {
        file: (Tolerance("padding", f"{counted(count, 'cell')} with blanks around the value", count),)
        for file, count in counts.iter_rows()
        if count
    }
    return frame.with_columns(**cut), found


def _per_file(frame: pl.DataFrame, count: pl.Expr) -> list[tuple[int, int]]:
    return frame.group_by(FILE, maintain_order=True).agg(count).rows()
