"""Written numbers as plain ones, for every type of numbers: `(1.234,56 €)` is `-1234.56`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from flows.model.formats import CellText
from flows.model.numbers import BLANKS, PLAIN_NUMBERS, Numbers

_EXPONENT = "(?:[eE][+-]?[0-9]+)?"
_GAP = f"[{BLANKS}]?"
_MINUS_SIGNS = "\N{MINUS SIGN}\N{EN DASH}\N{EM DASH}\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{FULLWIDTH HYPHEN-MINUS}"
_CURRENCIES = ("€", "$", "£", "¥", "₹", "EUR", "USD", "GBP", "CHF", "JPY", "kr", "zł", "Kč", "Ft", "Fr.", "R$")
"""Those that are named where a refused text has them; any others can be declared."""


def read_plain(text: pl.Series, held: pl.Expr, cells: CellText) -> pl.Expr:
    """The plain numbers of cells, computed once where marks are declared, however often a type looks at them.

    Args:
        text: the cells.
        held: the same as an expression, null where a cell means "no value".
        cells: how values are written.
    """
    plain = plain_numbers(held, cells.decimal, cells.numbers)
    return plain if cells.numbers == PLAIN_NUMBERS else pl.lit(text.to_frame().select(plain).to_series())


def plain_numbers(text: pl.Expr, decimal: str, numbers: Numbers) -> pl.Expr:
    """Numbers as digits with a `-` before them and a `.`, whatever the declared marks are.

    Nothing is rounded: it is the text that changes. A number without marks stays as it is written, with its exponent
    and its zeros, and so does what is no number where no marks are declared: the type that reads it decides.

    Args:
        text: the cells.
        decimal: the decimal sign.
        numbers: the declared marks.

    Returns:
        Null where a text has another decimal sign, or where marks stand otherwise than declared.
    """
    if numbers == PLAIN_NUMBERS:
        return _with_point(text, decimal)
    bare = _without(text, sorted(numbers.currency, key=len, reverse=True))  # `kr` is a part of `kr.`
    gaps = BLANKS if numbers.currency or numbers.percent else ""
    digits = _without(bare, [*numbers.separators, *gaps, *("%" if numbers.percent else "")])
    value = _signed(digits, numbers)
    if decimal != ".":
        value = value.str.replace(decimal, ".", literal=True)
    if numbers.percent == "share":
        value = pl.when(text.str.contains("%", literal=True)).then(_hundredth(value)).otherwise(value)
    return pl.when(text.str.contains(number_pattern(decimal, numbers))).then(value)


def marks(text: pl.Expr, numbers: Numbers) -> dict[str, pl.Expr]:
    """Which cells have which of the declared marks, for those that are read: what one calls them → whether."""
    found = {
        "thousands separators": numbers.separators and _has_separators(text, numbers),
        "a currency": numbers.currency and text.str.contains_any(list(numbers.currency)),
        "a percent sign": numbers.percent and text.str.contains("%", literal=True),
        "brackets for a minus": numbers.brackets and text.str.contains("(", literal=True),
        "a minus behind": numbers.trailing_minus and text.str.contains("[0-9.,]-"),
        "a plus sign": numbers.plus and text.str.contains(r"^[^0-9]*\+"),
        "another minus sign": numbers.minus and text.str.contains_any(list(numbers.minus)),
    }
    return {name: flag for name, flag in found.items() if isinstance(flag, pl.Expr)}


def number_options(texts: Sequence[str], cells: CellText) -> Iterator[tuple[str, CellText]]:
    """Marks that could be declared besides, so that more texts are numbers; see `ColumnType.options`."""
    other = "," if cells.decimal == "." else "."
    apart = other not in cells.numbers.separators
    if apart:
        yield f"decimal={other!r}", replace(cells, decimal=other)
    marked: list[dict[str, Any]] = [{"trailing_minus": True}, {"brackets": True}, {"plus": True}]
    marked += [{"thousands": sign} for sign in (other, " ", "'") if cells.numbers.thousands is None]
    marked += [{"percent": "share"}] if cells.numbers.percent is None else []
    held = set("".join(texts))
    marked += [{"minus": (*cells.numbers.minus, sign)} for sign in _MINUS_SIGNS if sign in held]
    known = [each for each in _CURRENCIES if any(each in text for text in texts)]
    marked += [{"currency": (*cells.numbers.currency, each)} for each in known]
    for more in marked:
        numbers = replace(cells.numbers, **more)
        choice = " (12 % is 0.12; with 'number' it is 12)" if "percent" in more else ""
        yield f"numbers={numbers!r}{choice}", replace(cells, numbers=numbers)
    if apart and cells.numbers.thousands is None:
        numbers = replace(cells.numbers, thousands=cells.decimal)
        yield f"decimal={other!r}, numbers={numbers!r}", replace(cells, decimal=other, numbers=numbers)


def number_pattern(decimal: str, numbers: Numbers) -> str:
    """A regular expression for all of a number with marks that may be there."""
    point = re.escape(decimal)
    digits = f"[0-9]+(?:{point}[0-9]*)?{_EXPONENT}"
    if numbers.separators:
        digits = f"[1-9][0-9]{{0,2}}(?:[{numbers.separators}][0-9]{{3}})+(?:{point}[0-9]*)?|{digits}"
    return f"^(?:{'|'.join(_layouts(f'(?:{digits})', f'(?:{digits}|{point}[0-9]+{_EXPONENT})', numbers))})$"


def _layouts(digits: str, body: str, numbers: Numbers) -> list[str]:
    """Where the marks may stand around a number: one sign at most, and one unit.

    Args:
        digits: a number that begins with a digit, as it has to behind a currency: `Fr.12` may be 12 Fr. or 0.12 Fr.
        body: any number without marks around it.
        numbers: the declared marks.
    """
    sign = f"[-{re.escape(''.join(numbers.minus))}{'+' if numbers.plus else ''}]"
    before = f"(?:{_any_of(numbers.currency)}){_GAP}" if numbers.currency else ""
    units = [*numbers.currency, *("%" if numbers.percent else "")]
    behind = f"(?:{_GAP}(?:{_any_of(units)}))" if units else ""
    found = [f"{sign}?{body}{behind and behind + '?'}"]
    found += [f"{sign}?{before}{digits}", f"{before}{sign}{body}"] if before else []
    if numbers.trailing_minus:
        found += [f"{body}{behind and behind + '?'}-", *([f"{body}-{behind}"] if behind else [])]
        found += [f"{before}{digits}-"] if before else []
    if numbers.brackets:
        found += [rf"\({body}{behind and behind + '?'}\)", *([rf"\({body}\){behind}"] if behind else [])]
        found += [rf"\({before}{digits}\)", rf"{before}\({body}\)"] if before else []
    return found


def _any_of(texts: Sequence[str]) -> str:
    return "|".join(map(re.escape, texts))


def _with_point(text: pl.Expr, decimal: str) -> pl.Expr:
    if decimal == ".":
        return text
    return pl.when(~text.str.contains(".", literal=True)).then(text.str.replace(decimal, ".", literal=True))


def _without(text: pl.Expr, marks: Sequence[str]) -> pl.Expr:
    for mark in marks:
        text = text.str.replace_all(mark, "", literal=True)
    return text


def _signed(digits: pl.Expr, numbers: Numbers) -> pl.Expr:
    """Digits with signs as they may stand → with a `-` before them, or none."""
    others = "".join(numbers.minus)
    if not (numbers.brackets or numbers.trailing_minus or others):
        return digits.str.strip_prefix("+") if numbers.plus else digits
    starts = [digits.str.starts_with(sign) for sign in ("-", "(", *others)]
    negative = pl.any_horizontal(*starts, digits.str.ends_with("-"))
    magnitude = digits.str.strip_chars(f"+-(){others}")
    return pl.when(negative).then(pl.lit("-") + magnitude).otherwise(magnitude)


def _hundredth(value: pl.Expr) -> pl.Expr:
    """A plain number with its point two places further left; null where it has an exponent."""
    whole = value.str.extract(r"^-?([0-9]*)(?:\.[0-9]*)?$").str.zfill(3)
    rest = value.str.extract(r"\.([0-9]*)$").fill_null("")
    sign = pl.when(value.str.starts_with("-")).then(pl.lit("-")).otherwise(pl.lit(""))
    return sign + whole.str.head(-2) + "." + whole.str.tail(2) + rest


def _has_separators(text: pl.Expr, numbers: Numbers) -> pl.Expr:
    """Whether digits are grouped: by the sign alone, where nothing else of a number may be that."""
    if numbers.thousands == " " or any(set(each) & set(numbers.separators) for each in numbers.currency):
        return text.str.contains(f"[0-9][{numbers.separators}][0-9]{{3}}")
    return pl.any_horizontal(text.str.contains(sign, literal=True) for sign in numbers.separators)
