"""Arithmetic between the values of measures: exact where both are, and null where one is."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import inf, nan

from flows.model.types import INTEGER, ColumnType
from flows.model.types.decimal import EXACT

type Number = int | float | Decimal


def plus(left: Number | None, right: Number | None) -> Number | None:
    """Both together."""
    if left is None or right is None:
        return None
    if isinstance(left, float) or isinstance(right, float):
        return float(left) + float(right)
    if isinstance(left, int) and isinstance(right, int):
        return left + right
    return EXACT.add(Decimal(left), Decimal(right))


def difference(left: Number | None, right: Number | None) -> Number | None:
    """The first without the second."""
    return plus(left, times(right, -1))


def times(left: Number | None, right: Number | None) -> Number | None:
    """Both multiplied."""
    if left is None or right is None:
        return None
    if isinstance(left, float) or isinstance(right, float):
        return float(left) * float(right)
    if isinstance(left, int) and isinstance(right, int):
        return left * right
    return EXACT.multiply(Decimal(left), Decimal(right))


def ratio(left: Number | None, right: Number | None) -> float | None:
    """The first divided by the second, rounded once; null where that is zero."""
    if left is None or right is None or right == 0:
        return None
    if isinstance(left, float) or isinstance(right, float):
        return float(left) / float(right)
    try:
        return float(Fraction(left) / Fraction(right))
    except OverflowError:
        return inf if (left > 0) == (right > 0) else -inf


def size(number: Number | None) -> Number | None:
    """It without its sign."""
    return None if number is None else times(number, -1) if number < 0 else number


def fits(kind: ColumnType, value: object) -> bool:
    """Whether a result can be told in its type."""
    if isinstance(value, float):
        return value not in (inf, -inf) and value == value
    return kind.holds(value) if isinstance(value, int | Decimal) else True


def as_number(value: object, kind: ColumnType) -> Number | None:
    """A measure's value: one that does not fit its type comes as text."""
    match value:
        case None:
            return None
        case str() if kind is not INTEGER:
            return Decimal(value)
        case int() | float() | Decimal():
            return value
        case _:
            return nan
