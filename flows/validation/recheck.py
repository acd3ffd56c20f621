"""Rows that were loaded once, as text again, so that a changed schema can check them like a file's."""

from __future__ import annotations

import polars as pl

from flows.model.dataset import Dataset
from flows.model.findings import NO_FINDINGS
from flows.model.formats import Csv
from flows.model.tables import FILE, LINE
from flows.model.types import STRING, TYPES
from flows.validation.text_rows import TextRows


def text_of(dataset: Dataset, rows: pl.DataFrame) -> TextRows:
    """The rows as one file's text in the dataset's formats; columns that they do not have are null.

    Args:
        dataset: the dataset as it is declared now.
        rows: typed rows of an earlier declaration, with `_line`.
    """
    columns = [
        _text(dataset.format, rows[name]).alias(name) if name in rows.columns else pl.lit(None, pl.String).alias(name)
        for name in dataset.schema.columns()
    ]
    frame = rows.select(*columns, pl.lit(0, pl.UInt32).alias(FILE), pl.col(LINE).cast(pl.UInt32))
    return TextRows(frame, [rows.height], [NO_FINDINGS], [b""])


def _text(csv: Csv, values: pl.Series) -> pl.Series:
    earlier = next((each for each in TYPES if each.is_stored_as(values.dtype)), STRING)
    return earlier.text(values, csv).cast(pl.String)
