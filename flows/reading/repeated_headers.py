"""Rows that are the header once more."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import normalize

import polars as pl

from flows.model.header import Header

REPEATED = "repeated_header"
EXPECTED = "the header once, above the rows"


def header_rows(
    frame: pl.DataFrame, cells: Sequence[tuple[str, str]], header: Header | None, columns: Sequence[str]
) -> pl.Series | None:
    """Which rows say the header again, or any other one that could have been it; None where none does.

    Args:
        frame: text cells.
        cells: those of a row, each with its text in the header.
        header: what the header has to be; None where there is none that names columns.
        columns: the columns that it names.
    """
    said: list[pl.Expr]
    different = pl.lit(True)
    if header is None or header.by == "position" or header == Header():
        said = [pl.when(pl.col(name) == text).then(pl.lit(text)) for name, text in cells]
    else:
        said = [_column_named(header, columns, name) for name, _ in cells if name in columns]
        different = pl.concat_list(said).list.n_unique() == len(said)
    if not frame.select(said[0].is_not_null().any()).item():
        return None
    flags = frame.select(pl.all_horizontal(each.is_not_null() for each in said)).to_series()
    if flags.any():
        flags = frame.select(pl.when(pl.lit(flags)).then(different).otherwise(False)).to_series()
    return flags if flags.any() else None


def _column_named(header: Header, columns: Sequence[str], name: str) -> pl.Expr:
    """The column whose name a cell says; null where it says none."""
    cell = pl.col(name).str.strip_chars() if header.strip else pl.col(name)
    cell = cell.str.to_lowercase() if header.ignore_case else cell
    texts = [*header.aliases.items(), *((column, column) for column in columns)]
    known = {header.spelled(text): column for text, column in texts}
    known |= {normalize("NFD", text): column for text, column in known.items()}  # faster than to normalize the cells
    return cell.replace_strict(known, default=None, return_dtype=pl.String)
