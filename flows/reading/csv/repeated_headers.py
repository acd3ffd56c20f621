"""Rows that are the header once more."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from flows.model.dataset import Dataset
from flows.model.finding_frame import NOTES, make_notes
from flows.model.header import Header
from flows.model.tables import FILE, LINE
from flows.reading.csv.dialect import csv_of
from flows.validation.cost import Cost


def split_headers(
    dataset: Dataset, frame: pl.DataFrame, names: Sequence[str], header: Sequence[str] | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Take out rows that say the header again, or any other one that could have been it.

    Args:
        dataset: the declaration.
        frame: text cells with `_file` and `_line`.
        names: the cells of a row.
        header: their texts in the header; None where there is none.

    Returns:
        The other rows, and notes on these.
    """
    if header is None:
        return frame, NOTES.to_frame()
    flags = _is_header(dataset, frame, names, header)
    if flags is None or not flags.any():
        return frame, NOTES.to_frame()
    Cost(dataset).check_bad_rows(int(flags.sum()))
    notes = make_notes(
        frame.filter(flags).select(FILE, LINE, raw=pl.concat_str(*names, separator=csv_of(dataset).delimiter)),
        rule=pl.lit("repeated_header"),
        expected=pl.lit("the header once, above the rows"),
    )
    return frame.filter(~flags), notes


def _is_header(dataset: Dataset, frame: pl.DataFrame, names: Sequence[str], header: Sequence[str]) -> pl.Series | None:
    """Which rows say a header; None where none does at first sight."""
    declared = csv_of(dataset).header
    cells: list[pl.Expr]
    different = pl.lit(True)
    if declared is None or declared.by == "position" or declared == Header():
        cells = [pl.when(pl.col(name) == text).then(pl.lit(text)) for name, text in zip(names, header, strict=True)]
    else:
        cells = [_column_named(declared, dataset.header, name) for name in names if name in dataset.header]
        different = pl.concat_list(cells).list.n_unique() == len(cells)
    if not frame.select(cells[0].is_not_null().any()).item():
        return None
    named = pl.all_horizontal(cell.is_not_null() for cell in cells)
    flags = frame.select(named).to_series()
    return frame.select(pl.when(pl.lit(flags)).then(different).otherwise(False)).to_series() if flags.any() else None


def _column_named(header: Header, columns: Sequence[str], name: str) -> pl.Expr:
    """The column whose name a cell says; null where it says none."""
    cell = pl.col(name).str.strip_chars() if header.strip else pl.col(name)
    cell = cell.str.to_lowercase() if header.ignore_case else cell
    texts = [*header.aliases.items(), *((column, column) for column in columns)]
    known = {header.spelled(text): column for text, column in texts}
    if not all(text.isascii() for text in known):
        cell = cell.str.normalize("NFC")
    return cell.replace_strict(known, default=None, return_dtype=pl.String)
