"""Exact sums in more digits than their type has, so that one that does not fit spares the others.

Those of whole numbers are made in 128 bits. A decimal has as many itself: its units (hundredths, at a scale of 2) are
cut in two, and the sum of the high parts goes beside that of the low ones.
"""

from __future__ import annotations

from decimal import Decimal
from typing import assert_never

import polars as pl

from flows.model.tables import Column
from flows.model.types import ColumnType
from flows.model.types.base import decimal_text
from flows.model.types.decimal import EXACT, DecimalType

BASE = 10**19
"""What the high part of a decimal counts: a half of its digits."""
HIGH, LOW = "high", "low"


def wide_sum(column: Column) -> pl.Expr:
    """The sum of a column's values: of decimals both parts, of floats as it is."""
    values = pl.col(column.name)
    match column.type.sums:
        case "whole":
            return values.cast(pl.Int128).sum()
        case "decimal":
            units, base = values.to_physical(), pl.lit(BASE, pl.Int128)
            return pl.struct((units // base).sum().alias(HIGH), (units % base).sum().alias(LOW))
        case "float" | None:
            return values.sum()
        case _:
            assert_never(column.type.sums)


def narrow_sums(sums: pl.Series, kind: ColumnType) -> pl.Series:
    """Wide sums in their own type where all of them fit; else as 128 bits, and of decimals as text."""
    if isinstance(kind, DecimalType):
        return _narrow_decimals(sums, kind)
    wide = sums.cast(pl.Int128)
    narrow = wide.cast(kind.frame, strict=False)
    return narrow if narrow.null_count() == wide.null_count() else wide


def _narrow_decimals(sums: pl.Series, kind: DecimalType) -> pl.Series:
    """They are few, each the answer of a group."""
    parts = zip(*(sums.struct.field(part).to_list() for part in (HIGH, LOW)), strict=True)
    units = [None if high is None or low is None else int(high) * BASE + int(low) for high, low in parts]
    texts = [None if each is None else decimal_text(Decimal(each).scaleb(-kind.scale, EXACT)) for each in units]
    fits = all(each is None or abs(each) < 10**kind.precision for each in units)
    return pl.Series(sums.name, texts, pl.String).cast(kind.frame if fits else pl.String)
