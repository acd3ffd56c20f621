"""How numbers are written: which signs they have, and what a point and a comma in them mean."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import polars as pl

from flows.model.numbers import Numbers
from flows.model.types.number_text import plain_numbers

_STYLES = ((".", None), (",", None), (",", "."), (".", ","), (",", " "), (".", " "), (".", "'"), (",", "'"))
"""Decimal sign and thousands separator, in this order where several read all numbers as the same."""
_CODES = (
    "EUR", "USD", "GBP", "CHF", "JPY", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "CAD", "AUD", "CNY", "BRL", "INR",
    "Rs.", "kr.", "kr", "zł", "Kč", "Fr.", "R$",
)  # fmt: skip
_CURRENCY = re.compile(rf"[€$£¥₹₽₺₩₪₫฿¢]|{'|'.join(map(re.escape, _CODES))}")
_LIKELY = re.compile(r"^[^\d]{0,6}[\d][\d.,'’\s\u00a0\u202f]*(?:[eE][+-]?\d+)?[^\d]{0,6}$")
"""What may be a number, whatever its signs mean."""
_MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class NumberStyle:
    """How all numbers of the samples are written.

    Args:
        decimal: the decimal sign.
        numbers: what they may have besides.
    """

    decimal: str
    numbers: Numbers


@dataclass(frozen=True)
class NumberReading:
    """What a style makes of the samples.

    Args:
        style: the style.
        plain: column → its texts as plain numbers, of the columns of which all are.
    """

    style: NumberStyle
    plain: Mapping[str, pl.Series]


def may_be_numbers(texts: pl.Series) -> bool:
    """Whether texts, each of them once, look like numbers of some style."""
    return bool(texts.str.contains(_LIKELY.pattern).all())


def read_numbers(columns: Mapping[str, pl.Series], decimal: str | None) -> list[NumberReading]:
    """The ways in which most columns are numbers, each of which gives other ones.

    Args:
        columns: the different texts of those that may be.
        decimal: the decimal sign, if it is known.
    """
    marks = _marks(columns)
    readings: list[NumberReading] = []
    for sign, thousands in _STYLES:
        if decimal in (sign, None) and (thousands is None or _has_groups(columns, thousands)):
            style = NumberStyle(sign, replace(marks, thousands=thousands))
            readings.append(NumberReading(style, dict(_plain(columns, style))))
    most = max((len(each.plain) for each in readings), default=0)
    return _different([each for each in readings if len(each.plain) == most])


def used_numbers(style: NumberStyle, texts: pl.Series) -> Numbers:
    """Of the marks of a style those that a column has."""
    columns, thousands = {texts.name: texts}, style.numbers.thousands
    grouped = thousands is not None and _has_groups(columns, thousands)
    return replace(_marks(columns), thousands=thousands if grouped else None)


def _plain(columns: Mapping[str, pl.Series], style: NumberStyle) -> list[tuple[str, pl.Series]]:
    found = []
    for name, texts in columns.items():
        read = pl.DataFrame([texts]).select(plain_numbers(pl.col(texts.name), style.decimal, style.numbers)).to_series()
        if not read.cast(pl.Float64, strict=False).has_nulls():
            found.append((name, read))
    return found


def _different(readings: Sequence[NumberReading]) -> list[NumberReading]:
    """Those that give other values than the ones before them."""
    found: list[NumberReading] = []
    for each in readings:
        if not any(_same(each, other) for other in found):
            found.append(each)
    return found


def _same(one: NumberReading, other: NumberReading) -> bool:
    return one.plain.keys() == other.plain.keys() and all(
        texts.cast(pl.Float64).equals(other.plain[name].cast(pl.Float64)) for name, texts in one.plain.items()
    )


def _has_groups(columns: Mapping[str, pl.Series], thousands: str) -> bool:
    """Whether there are groups of three digits."""
    sign = {" ": "[ \u00a0\u202f]", "'": "['’]"}.get(thousands, re.escape(thousands))
    return any(texts.str.contains(rf"\d{sign}\d{{3}}(?:\D|$)").any() for texts in columns.values())


def _marks(columns: Mapping[str, pl.Series]) -> Numbers:
    """All marks that numbers have."""

    def any_has(pattern: str) -> bool:
        return any(texts.str.contains(pattern).any() for texts in columns.values())

    found = (texts.str.extract_all(_CURRENCY.pattern).explode().unique() for texts in columns.values())
    currency = sorted({sign for sign in chain.from_iterable(found) if sign}, key=lambda sign: (-len(sign), sign))
    return Numbers(
        currency=tuple(currency),
        percent="number" if any_has("%") else None,
        brackets=any_has(r"^\D*\(.*\)\D*$"),
        trailing_minus=any_has(r"[\d.,)]\s?\D?-\s*$"),
        plus=any_has(r"^\D*\+"),
        minus=(_MINUS,) if any_has(_MINUS) else (),
    )
