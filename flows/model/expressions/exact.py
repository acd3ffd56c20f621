"""Exact arithmetic: numbers are whole units in 128 bits, and what would need more than 38 digits fails, row by row."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

import polars as pl

from flows.model.expressions.term import MOST, Kind, Refused, Sheet, Term
from flows.model.types.decimal import EXACT

_SURE = 1.2e38
"""As a float estimate: what is less has not left 128 bits, what is more has more than 38 digits."""
_BITS = 2**127
_MOST_SCALE = 38


def whole(sheet: Sheet, value: pl.Expr, bound: int, *of: Term) -> Term:
    """A term of whole numbers."""
    found = sheet.term(Kind.NUMBER, value.cast(pl.Int128), *of)
    return replace(found, bound=bound)


def constant(value: Decimal | int) -> Term:
    """A written number.

    Raises:
        Refused: it has more than 38 digits.
    """
    sign, digits, exponent = Decimal(value).as_tuple()
    assert isinstance(exponent, int)
    scale = max(0, -exponent)
    units = int("".join(map(str, digits))) * 10 ** max(0, exponent)
    units = -units if sign else units
    if abs(units) > MOST or scale > _MOST_SCALE:
        raise Refused(f"the number {value}", "with numbers of at most 38 digits")
    return Term(Kind.NUMBER, pl.lit(units, pl.Int128), scale, abs(units), constant=value)


def no_number() -> Term:
    """A number that is not there."""
    return Term(Kind.NUMBER, pl.lit(None, pl.Int128))


def rescaled(sheet: Sheet, term: Term, scale: int) -> Term:
    """The same number in smaller units."""
    if scale == term.scale:
        return term
    if scale > _MOST_SCALE:
        raise Refused(f"a number with {scale} digits behind the point", "with .round(…) on its parts: at most 38")
    if term.constant is not None:
        assert isinstance(term.constant, Decimal | int)
        units = int(Decimal(term.constant).scaleb(scale, EXACT))
        if abs(units) <= MOST:
            return replace(term, value=pl.lit(units, pl.Int128), scale=scale, bound=abs(units))
    factor = 10 ** (scale - term.scale)
    return _checked(sheet, term.value * _lit(factor), _float(term) * float(factor), scale, term.bound * factor, term)


def aligned(sheet: Sheet, terms: Sequence[Term]) -> list[Term]:
    """The same numbers in the smallest of their units."""
    scale = max(term.scale for term in terms)
    return [rescaled(sheet, term, scale) for term in terms]


def add(sheet: Sheet, left: Term, right: Term, sign: int = 1) -> Term:
    """The sum, or with another sign the difference."""
    one, other = aligned(sheet, [left, right])
    value = one.value + other.value if sign > 0 else one.value - other.value
    return _checked(sheet, value, _float(one) + sign * _float(other), one.scale, one.bound + other.bound, one, other)


def multiply(sheet: Sheet, left: Term, right: Term) -> Term:
    """The product, with the digits behind the point of both."""
    scale = left.scale + right.scale
    if scale > _MOST_SCALE:
        raise Refused(f"a product with {scale} digits behind the point", "with .round(…) on its factors: at most 38")
    return _checked(
        sheet, left.value * right.value, _float(left) * _float(right), scale, left.bound * right.bound, left, right
    )


def quotient(sheet: Sheet, left: Term, right: Term) -> Term:
    """A quotient that is not computed yet, since one that is rounded is exact; null where the divisor is zero."""
    divisor = replace(right, value=sheet.keep(_unless_zero(right.value)), constant=None)
    return Term(Kind.RATIO, pl.lit(None), ratio=(left, divisor))


def divide_whole(sheet: Sheet, left: Term, right: Term) -> Term:
    """How often the divisor fits, towards minus infinity; null where it is zero."""
    one, other = aligned(sheet, [left, right])
    return whole(sheet, one.value // _unless_zero(other.value), one.bound, one, other)


def remainder(sheet: Sheet, left: Term, right: Term) -> Term:
    """What is left of that, with the sign of the divisor; null where it is zero."""
    one, other = aligned(sheet, [left, right])
    found = whole(sheet, one.value % _unless_zero(other.value), other.bound, one, other)
    return replace(found, scale=one.scale)


def round_to(sheet: Sheet, term: Term, decimals: int, mode: str) -> Term:
    """A number or a quotient, exactly rounded to so many digits behind the point."""
    if decimals > _MOST_SCALE:
        raise Refused(f"round({decimals})", "with .round(…) to at most 38 digits")
    if term.ratio is None:
        if decimals >= term.scale:
            return term
        divided, divisor = term, Term(Kind.NUMBER, _lit(10 ** (term.scale - decimals)))
    else:
        left, right = term.ratio
        more = decimals + right.scale - left.scale
        divided = rescaled(sheet, left, left.scale + max(more, 0))
        divisor = rescaled(sheet, right, right.scale + max(-more, 0))
    return _rounded(sheet, divided, divisor, decimals, mode)


def _rounded(sheet: Sheet, left: Term, right: Term, scale: int, mode: str) -> Term:
    """The quotient of units, to the nearest one."""
    size = sheet.keep(right.value.abs())
    down = sheet.keep(left.value.abs() // size)
    rest = sheet.keep(left.value.abs() - down * size)
    half = rest == size - rest
    up = (rest > size - rest) | (half if mode == "HalfAwayFromZero" else half & (down % 2 == 1))
    units = sheet.keep(down + up.cast(pl.Int128))
    negative = (left.value < 0) != (right.value < 0)
    found = whole(sheet, pl.when(negative).then(_minus(units)).otherwise(units), left.bound, left, right)
    return replace(found, scale=scale)


def floor(sheet: Sheet, term: Term, *, up: bool = False) -> Term:
    """The whole number below, or above."""
    unit = _lit(10**term.scale)
    return whole(sheet, _minus(_minus(term.value) // unit) if up else term.value // unit, term.bound, term)


def negate(sheet: Sheet, term: Term) -> Term:
    """With the other sign."""
    return _same(sheet, _minus(term.value), term)


def absolute(sheet: Sheet, term: Term) -> Term:
    """Without its sign."""
    return _same(sheet, term.value.abs(), term)


def extreme(sheet: Sheet, terms: Sequence[Term], choose: Callable[..., pl.Expr]) -> Term:
    """The least or the greatest of those that are there."""
    same = aligned(sheet, terms)
    found = whole(sheet, choose(*(each.value for each in same)), max(each.bound for each in same), *same)
    return replace(found, scale=same[0].scale)


def as_float(sheet: Sheet, term: Term) -> Term:
    """The float next to a number; that of a quotient may be one beside it."""
    if term.ratio is not None:
        left, right = term.ratio
        more = left.scale - right.scale
        value = _float(left) * 10.0 ** max(-more, 0) / (_float(right) * 10.0 ** max(more, 0))
        return sheet.term(Kind.FLOAT, value, left, right)
    if term.constant is not None:
        assert isinstance(term.constant, Decimal | int)
        return Term(Kind.FLOAT, pl.lit(float(term.constant)), constant=float(term.constant))
    return sheet.term(Kind.FLOAT, _float(term) / 10.0**term.scale if term.scale else _float(term), term)


def in_units(value: object, scale: int) -> int | None:
    """How many units a written number is; None where it is not a whole number of them."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    units = Decimal(repr(value) if isinstance(value, float) else value).scaleb(scale, EXACT)
    found = int(units)
    return found if found == units and abs(found) <= MOST else None


def _same(sheet: Sheet, value: pl.Expr, term: Term) -> Term:
    return replace(term, value=sheet.keep(value), constant=None)


def _checked(sheet: Sheet, value: pl.Expr, estimate: pl.Expr, scale: int, bound: int, *of: Term) -> Term:
    """A term whose value fails where it has more than 38 digits, which is looked for only where it may have."""
    kept, failed = sheet.keep(value), [each.failed for each in of]
    if bound > MOST:
        over = kept.abs() > _lit(MOST)
        failed.append(sheet.flag(over | (estimate.abs() >= _SURE) if bound >= _BITS else over))
    return Term(Kind.NUMBER, kept, scale, min(bound, MOST), sheet.failed(*failed))


def _minus(value: pl.Expr) -> pl.Expr:
    return _lit(0) - value  # polars has no minus of 128 bits


def _unless_zero(value: pl.Expr) -> pl.Expr:
    return pl.when(value != 0).then(value)


def _float(term: Term) -> pl.Expr:
    return term.value.cast(pl.Float64)


def _lit(value: int) -> pl.Expr:
    return pl.lit(value, pl.Int128)
