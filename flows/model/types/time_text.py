"""How days and moments are read and written as text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import polars as pl


def read_time(text: pl.Series, held: pl.Expr, parse: Callable[[pl.Expr], pl.Expr], form: str) -> pl.Expr:
    """Parsing alone takes 2021-5-1 and 2021- 5-01 too; what formats back to the same text is exact."""
    cell = pl.col(text.name)
    spellings = pl.DataFrame([text.unique()])
    value = parse(cell)
    outside = ~value.dt.year().is_between(1, 9999)  # what Python's dates cannot hold
    inexact = spellings.filter(value.dt.strftime(form).ne_missing(cell) | outside).to_series()
    if inexact.is_empty():
        return parse(held)
    return pl.when(~held.is_in(inexact.implode())).then(parse(held))


def write_moment(value: datetime, form: str) -> str:
    """A moment in a format if nothing is lost by it, else in full, so that the cast refuses it."""
    text = value.strftime(form)
    lossless = datetime.strptime(text, form) == value  # noqa: DTZ007 - the dataset's times have no zone
    return text if lossless else value.isoformat()
