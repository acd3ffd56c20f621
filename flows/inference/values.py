"""Values as the types of columns read them: what is understood of texts is what a session will understand."""

from __future__ import annotations

import dataframely as dy
import polars as pl

from flows.model.formats import CellText
from flows.model.types import type_of


def read_values(column: dy.Column, cells: CellText, texts: pl.Series) -> pl.Series:
    """The values of texts, null where one is none."""
    read = type_of(column).read(texts, pl.col(texts.name), column, cells)
    return pl.DataFrame([texts]).select(read.alias(texts.name)).to_series()
