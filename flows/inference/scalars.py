"""Values of Python as a column of the type that holds them all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

import polars as pl

_MONEY_PLACES = 2
_DIGITS = ".15g"
"""A number has so many digits in a workbook. Source: ECMA-376, Part 1, 18.17.2.1."""


def scalar_series(name: str, values: Sequence[object]) -> pl.Series:
    """A column: numbers of at most two decimals are decimals, and values of several types are texts."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return pl.Series(name, values, pl.Boolean)
    if kinds == {int}:
        return pl.Series(name, values, pl.Int64)
    if kinds == {date}:
        return pl.Series(name, values, pl.Date)
    if kinds and kinds <= {date, datetime}:
        return pl.Series(name, [_moment(value) for value in values], pl.Datetime("us"))
    if kinds and kinds <= {int, float, Decimal}:
        return _numbers(pl.Series(name, [_digits(value) for value in values], pl.String))
    return pl.Series(name, [None if value is None else str(value) for value in values], pl.String)


def _numbers(texts: pl.Series) -> pl.Series:
    scale = texts.str.extract(r"\.(\d+)$").str.len_bytes().max()
    exact = scale == _MONEY_PLACES and not texts.str.contains("[eE]").any()
    return texts.cast(pl.Decimal(18, _MONEY_PLACES)) if exact else texts.cast(pl.Float64)


def _digits(value: object) -> str | None:
    if value is None:
        return None
    return format(value, _DIGITS) if isinstance(value, float) else str(value)


def _moment(value: object) -> object:
    match value:
        case datetime():
            return value
        case date():
            return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a sheet knows no zone
        case _:
            return None
