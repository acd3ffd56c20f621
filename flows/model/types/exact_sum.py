"""Exact sums of written numbers: no float, and no digit is lost, however many there are."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

import polars as pl

from flows.model.formats import CellText
from flows.model.types.number_text import plain_numbers

_PLAIN = r"^-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?$"
_COUNT = re.compile("[0-9]{1,18}")
_FLOAT_DIGITS = 52
"""Binary ones behind the first."""
_DIGITS = 38
"""What a decimal of polars holds."""


def read_number(text: str, cells: CellText) -> Fraction | None:
    """The number that a text is, blanks around it apart; None where it is none."""
    text = text.strip()
    if _COUNT.fullmatch(text):  # as most are: no frame is made for it, and no fraction is read
        return Fraction(int(text))
    if re.fullmatch(rf"-?[0-9]+(?:{re.escape(cells.decimal)}[0-9]+)?", text):
        return Fraction(text.replace(cells.decimal, "."))
    (plain,) = _plain(pl.Series("number", [text]), cells)
    return Fraction(plain) if plain is not None else None


def exact_sum(texts: pl.Series, cells: CellText) -> tuple[Fraction, int]:
    """The sum of cells that hold numbers, and how many hold something else that is not nothing."""
    held = texts.to_frame().select(pl.when(~pl.col(texts.name).is_in(list(cells.nulls))).then(pl.col(texts.name)))
    found = _plain(held.to_series(), cells)
    return _sum(found.drop_nulls()), found.null_count() - held.to_series().null_count()


def float_error(texts: pl.Series, cells: CellText) -> Fraction:
    """By how much the sum of cells may be wrong where floats are added one after the other.

    Source: N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition, 4.2.
    """
    numbers = _plain(texts, cells).drop_nulls().cast(pl.Float64)
    return Fraction(float(numbers.abs().sum())) * len(numbers) / (1 << _FLOAT_DIGITS)


def _plain(texts: pl.Series, cells: CellText) -> pl.Series:
    plain = texts.to_frame().select(plain_numbers(pl.col(texts.name), cells.decimal, cells.numbers)).to_series()
    return (
        plain.to_frame().select(pl.when(pl.col(plain.name).str.contains(_PLAIN)).then(pl.col(plain.name))).to_series()
    )


def _sum(plain: pl.Series) -> Fraction:
    if plain.is_empty():
        return Fraction(0)
    scale = plain.str.extract(r"\.([0-9]*)", 1).str.len_bytes().max()
    digits = plain.str.len_bytes().max()
    assert isinstance(scale, int | None) and isinstance(digits, int)
    fits = digits + (scale or 0) + len(str(len(plain))) <= _DIGITS
    if fits and not plain.str.contains("[eE]").any():
        total = plain.cast(pl.Decimal(_DIGITS, scale or 0)).sum()
        assert isinstance(total, Decimal)
        return Fraction(total)
    counts = plain.value_counts()
    return sum((Fraction(text) * count for text, count in counts.iter_rows()), Fraction(0))


def number_words(number: Fraction) -> str:
    """An exact number in plain digits."""
    scale = 0
    while (number * 10**scale).denominator != 1:
        scale += 1
    digits = f"{abs(int(number * 10**scale)):0{scale + 1}}"
    whole, rest = digits[: len(digits) - scale], digits[len(digits) - scale :]
    return f"{'-' if number < 0 else ''}{whole}{f'.{rest}' if rest else ''}"
