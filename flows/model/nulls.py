"""Series with no value in some places, or in all."""

from __future__ import annotations

import polars as pl


def null_column(name: str, dtype: type[pl.DataType] | pl.DataType, rows: int) -> pl.Series:
    """A column of so many rows without a value."""
    return pl.Series(name, [None], dtype).new_from_index(0, rows)


def only_where(values: pl.Series, kept: pl.Series) -> pl.Series:
    """The values where they are kept; null elsewhere, also where it is not known."""
    return values.zip_with(kept.fill_null(False), pl.Series(values.name, [None], values.dtype))
