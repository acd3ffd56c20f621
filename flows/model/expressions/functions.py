"""Functions of numbers, truth values, and of values of any kind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import polars as pl

from flows.model.expressions import exact
from flows.model.expressions.kinds import finite, numbers_of, of_one_kind
from flows.model.expressions.operators import compare, first_present, logic, multiply
from flows.model.expressions.term import Kind, Refused, Sheet, Term, no_meaning

_MOST_POWER = 8


def _number(what: str, sheet: Sheet, term: Term) -> Term:
    found = numbers_of(sheet, [term])
    if found is None:
        raise no_meaning(what, term, expected="with a number")
    return found[0]


def _simple(
    what: str, exactly: Callable[[Sheet, Term], Term], approximately: Callable[[pl.Expr], pl.Expr]
) -> Callable[[Sheet, Term], Term]:
    """A function of one number, exact where that is."""

    def change(sheet: Sheet, term: Term) -> Term:
        number = _number(what, sheet, term)
        if number.kind is Kind.NUMBER:
            return exactly(sheet, number)
        return sheet.term(Kind.FLOAT, approximately(number.value), number)

    return change


def _round(sheet: Sheet, term: Term, *, decimals: int, mode: str) -> Term:
    if mode not in ("HalfToEven", "HalfAwayFromZero"):
        raise Refused(f"round(mode={mode})", 'with mode="half_to_even" or "half_away_from_zero"')
    if term.kind is Kind.RATIO:
        return exact.round_to(sheet, term, decimals, mode)
    number = _number("round()", sheet, term)
    if number.kind is Kind.NUMBER:
        return exact.round_to(sheet, number, decimals, mode)
    away = mode == "HalfAwayFromZero"
    value = number.value.round(decimals, "half_away_from_zero" if away else "half_to_even")
    return finite(sheet, sheet.term(Kind.FLOAT, value, number))


def _sign(sheet: Sheet, number: Term) -> Term:
    return exact.whole(sheet, number.value.sign(), 1, number)


def _in_float(what: str, compute: Callable[[pl.Expr], pl.Expr]) -> Callable[[Sheet, Term], Term]:
    def change(sheet: Sheet, term: Term) -> Term:
        number = _number(f"{what}()", sheet, term)
        number = exact.as_float(sheet, number) if number.kind is Kind.NUMBER else number
        return finite(sheet, sheet.term(Kind.FLOAT, compute(number.value), number))

    return change


def _log(sheet: Sheet, term: Term, base: Term) -> Term:
    if not isinstance(base.constant, int | float) and base.kind not in (Kind.NUMBER, Kind.FLOAT):
        raise no_meaning("log()", term, base, expected="with a written base")
    if base.constant is None:
        raise Refused("log() to the base of a column", "with a written base")
    return _in_float("log", lambda value: value.log(float(str(base.constant))))(sheet, term)


def _power(sheet: Sheet, base: Term, exponent: Term) -> Term:
    number, power = _number("**", sheet, base), exponent.constant
    if number.kind is Kind.FLOAT and exponent.kind in (Kind.NUMBER, Kind.FLOAT) and power is not None:
        return finite(sheet, sheet.term(Kind.FLOAT, number.value ** float(str(power)), number))
    if not isinstance(power, int) or not 1 <= power <= _MOST_POWER:
        raise Refused("** of exact numbers", f"with a written exponent of 1 to {_MOST_POWER}, or with a float")
    found = number
    for _ in range(power - 1):
        found = multiply(sheet, found, number)
    return found


def _extreme(what: str, choose: Callable[..., pl.Expr]) -> Callable[..., Term]:
    def find(sheet: Sheet, *terms: Term) -> Term:
        found = of_one_kind(sheet, terms)
        if found[0].kind is Kind.NUMBER:
            return exact.extreme(sheet, found, choose)
        if found[0].kind in (Kind.TRUTH, Kind.TEXT):
            raise no_meaning(what, *found, expected="with numbers, days or moments")
        return sheet.term(found[0].kind, choose(*(each.value for each in found)), *found, zone=found[0].zone)

    return find


def _is_null(sheet: Sheet, term: Term, *, negated: bool = False) -> Term:
    return sheet.term(Kind.TRUTH, term.value.is_not_null() if negated else term.value.is_null(), term)


def _not(sheet: Sheet, term: Term) -> Term:
    if term.kind is not Kind.TRUTH:
        raise no_meaning("~", term, expected="with a truth value after ~")
    return sheet.term(Kind.TRUTH, term.value.not_(), term)


_SIDES = {"Both": ("ge", "le"), "Left": ("ge", "lt"), "Right": ("gt", "le"), "None": ("gt", "lt")}


def _between(sheet: Sheet, term: Term, low: Term, high: Term, *, closed: str) -> Term:
    above, below = _SIDES[closed]
    sides = compare(sheet, term, low, above), compare(sheet, term, high, below)
    return logic(sheet, *sides, lambda one, other: one & other)


def _is_in(sheet: Sheet, term: Term, among: Term, *, nulls_equal: bool) -> Term:
    """Whether a value is one of a written list."""
    if not isinstance(among.constant, tuple) or nulls_equal or None in among.constant:
        raise Refused("is_in() of a column, or of a list with None", "with a written list of values, such as [1, 2]")
    match term.kind:
        case Kind.NUMBER:
            units = [exact.in_units(each, term.scale) for each in among.constant]
            listed = pl.Series([each for each in units if each is not None], dtype=pl.Int128)
            apart = [each for each in among.constant if isinstance(each, str | date | bool)]
        case Kind.FLOAT:
            apart = [each for each in among.constant if isinstance(each, str | date | bool)]
            listed = pl.Series([] if apart else [float(each) for each in among.constant], dtype=pl.Float64)
        case Kind.TEXT:
            apart = [each for each in among.constant if not isinstance(each, str)]
            listed = pl.Series([each for each in among.constant if isinstance(each, str)], dtype=pl.String)
        case Kind.DAY:
            apart = [each for each in among.constant if not isinstance(each, date) or isinstance(each, datetime)]
            listed = pl.Series([] if apart else among.constant, dtype=pl.Date)
        case _:
            raise no_meaning("is_in()", term, expected="with a number, a text or a day")
    if apart:
        raise Refused(f"is_in() of {term.kind.value} with {apart[0]!r}", "with a list of values of the same kind")
    return sheet.term(Kind.TRUTH, term.value.is_in(listed.implode()), term)


def _all(combine: Callable[[pl.Expr, pl.Expr], pl.Expr]) -> Callable[..., Term]:
    def fold(sheet: Sheet, *terms: Term) -> Term:
        found = terms[0]
        for term in terms[1:]:
            found = logic(sheet, found, term, combine)
        return found

    return fold


NUMERIC: dict[str, Callable[..., Term]] = {
    "Negate": _simple("-", exact.negate, lambda value: -value),
    "Abs": _simple("abs()", exact.absolute, lambda value: value.abs()),
    "Sign": _simple("sign()", _sign, lambda value: value.sign()),
    "Floor": _simple("floor()", exact.floor, lambda value: value.floor()),
    "Ceil": _simple("ceil()", lambda sheet, term: exact.floor(sheet, term, up=True), lambda value: value.ceil()),
    "Round": _round,
    "Exp": _in_float("exp", lambda value: value.exp()),
    "Log": _log,
    "Pow.Sqrt": _in_float("sqrt", lambda value: value.sqrt()),
    "Pow.Generic": _power,
    "MinHorizontal": _extreme("min_horizontal()", pl.min_horizontal),
    "MaxHorizontal": _extreme("max_horizontal()", pl.max_horizontal),
    "FillNull": lambda sheet, term, other: first_present(sheet, [term, other]),
    "Coalesce": lambda sheet, *terms: first_present(sheet, terms),
    "Boolean.IsNull": _is_null,
    "Boolean.IsNotNull": lambda sheet, term: _is_null(sheet, term, negated=True),
    "Boolean.Not": _not,
    "Boolean.IsBetween": _between,
    "Boolean.IsIn": _is_in,
    "Boolean.AnyHorizontal": _all(lambda one, other: one | other),
    "Boolean.AllHorizontal": _all(lambda one, other: one & other),
}
"""Polars' name of a function of numbers, truth values or any values → what it computes."""
