"""Values as the types of columns read them: what is understood of texts is what a session will understand."""

from __future__ import annotations

import dataframely as dy
import polars as pl

from flows.model.formats import Csv
from flows.model.types import type_of


def read_values(column: dy.Column, form: Csv, texts: pl.Series) -> pl.Series:
    """The values of texts, null where one is none."""
    read = type_of(column).read(texts, pl.col(texts.name), column, form.cells)
    return pl.DataFrame([texts]).select(read.alias(texts.name)).to_series()


def reads_all(column: dy.Column, form: Csv, texts: pl.Series) -> bool:
    """Whether each text is a value."""
    return not read_values(column, form, texts).has_nulls()
