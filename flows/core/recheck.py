"""Rows that were loaded once, as text again, so that a changed schema can check them like a file's."""

from __future__ import annotations

import polars as pl

from flows.core.dataset import Csv, Dataset
from flows.core.findings import Verdict
from flows.core.model import FILE, LINE
from flows.core.text import TextRows


def text_of(dataset: Dataset, rows: pl.DataFrame) -> TextRows:
    """The rows as one file's text in the dataset's formats; columns that they do not have are null.

    Args:
        dataset: the dataset as it is declared now.
        rows: typed rows of an earlier declaration, with `_line`.
    """
    columns = [
        _text(dataset.csv, rows[name]).alias(name) if name in rows.columns else pl.lit(None, pl.String).alias(name)
        for name in dataset.schema.columns()
    ]
    frame = rows.select(*columns, pl.lit(0, pl.UInt32).alias(FILE), pl.col(LINE).cast(pl.UInt32))
    return TextRows(frame, [rows.height], [Verdict()], [b""])


def _text(csv: Csv, values: pl.Series) -> pl.Series:
    match values.dtype:
        case pl.String:
            return values
        case pl.Date:
            return values.dt.strftime(csv.date_format)
        case pl.Datetime():
            return values.dt.strftime(csv.moment_format)
        case pl.Boolean:
            return values.replace_strict({True: csv.true[0], False: csv.false[0]}, return_dtype=pl.String)
        case pl.Float32 | pl.Float64:
            return values.cast(pl.String).str.replace(".", csv.decimal, literal=True)
        case _:
            return values.cast(pl.String)
