"""What stands between two parts of an expression, or chooses among several: arithmetic, comparisons, conditions."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import polars as pl

from flows.model.expressions import exact
from flows.model.expressions.calendar import in_calendar
from flows.model.expressions.kinds import finite, numbers_of, of_one_kind
from flows.model.expressions.term import Kind, Refused, Sheet, Term, no_meaning

type Combine = Callable[[Sheet, Term, Term], Term]

_TIMES = frozenset((Kind.DAY, Kind.CLOCK, Kind.MOMENT))
_LONGEST = timedelta(days=10_000 * 366)
"""More than the years that a calendar has."""


def compare(sheet: Sheet, left: Term, right: Term, name: str) -> Term:
    """Whether two values of one kind compare so; null where one of them is, but for `eq_missing` and `ne_missing`."""
    one, other = of_one_kind(sheet, [left, right])
    value = getattr(one.value, name)(other.value)
    return sheet.term(Kind.TRUTH, value, one, other)


def logic(sheet: Sheet, left: Term, right: Term, combine: Callable[[pl.Expr, pl.Expr], pl.Expr]) -> Term:
    """And, or, either-or of truth values, where null is not known."""
    if not {left.kind, right.kind} <= {Kind.TRUTH, Kind.NOTHING}:
        raise no_meaning("and, or, xor", left, right, expected="with truth values on both sides, such as comparisons")
    return sheet.term(Kind.TRUTH, combine(_truth(left), _truth(right)), left, right)


def _truth(term: Term) -> pl.Expr:
    return term.value.cast(pl.Boolean) if term.kind is Kind.NOTHING else term.value


def add(sheet: Sheet, left: Term, right: Term) -> Term:
    """Numbers added, texts joined, a day or a moment so much later."""
    numbers = numbers_of(sheet, [left, right])
    if numbers is not None:
        return _floats(sheet, operator.add, numbers[0], numbers[1]) or exact.add(sheet, numbers[0], numbers[1])
    if {left.kind, right.kind} == {Kind.TEXT}:
        return sheet.term(Kind.TEXT, left.value + right.value, left, right)
    if left.kind in _TIMES and right.kind is Kind.SPAN:
        return _moved(sheet, left, right, operator.add)
    if left.kind is Kind.SPAN and right.kind in _TIMES:
        return _moved(sheet, right, left, operator.add)
    raise no_meaning("the sum", left, right, expected="with numbers, texts, or a timedelta after a day or a moment")


def subtract(sheet: Sheet, left: Term, right: Term) -> Term:
    """The difference of numbers, the time between two days or moments, one of those so much earlier."""
    numbers = numbers_of(sheet, [left, right])
    if numbers is not None:
        return _floats(sheet, operator.sub, numbers[0], numbers[1]) or exact.add(sheet, numbers[0], numbers[1], sign=-1)
    if left.kind is right.kind and left.kind in _TIMES:
        one, other = of_one_kind(sheet, [left, right])
        return sheet.term(Kind.SPAN, (one.value - other.value).cast(pl.Duration("us")), left, right)
    if left.kind in _TIMES and right.kind is Kind.SPAN:
        return _moved(sheet, left, right, operator.sub)
    raise no_meaning("the difference", left, right, expected="with numbers, two days, two moments, or a timedelta")


def _moved(sheet: Sheet, time: Term, span: Term, move: Callable[[pl.Expr, pl.Expr], pl.Expr]) -> Term:
    by = span.constant
    if not isinstance(by, timedelta) or abs(by) > _LONGEST:
        raise Refused("a day or a moment moved by another column", "with a written timedelta of at most 10,000 years")
    if time.kind is Kind.DAY and by % timedelta(days=1):
        raise Refused(f"a day moved by {by}", "with a timedelta of whole days")
    return in_calendar(sheet, replace(time, value=sheet.keep(move(time.value, span.value)), constant=None))


def multiply(sheet: Sheet, left: Term, right: Term) -> Term:
    """The product of numbers."""
    one, other = _both(sheet, left, right, "the product", scaled=False)
    return _floats(sheet, operator.mul, one, other) or exact.multiply(sheet, one, other)


def divide(sheet: Sheet, left: Term, right: Term) -> Term:
    """The quotient of numbers; null where the divisor is zero."""
    one, other = _both(sheet, left, right, "the quotient", scaled=False)
    return _floats(sheet, _by(operator.truediv), one, other) or exact.quotient(sheet, one, other)


def divide_whole(sheet: Sheet, left: Term, right: Term) -> Term:
    """How often the divisor fits, towards minus infinity; null where it is zero."""
    one, other = _both(sheet, left, right, "the quotient")
    return _floats(sheet, _by(operator.floordiv), one, other) or exact.divide_whole(sheet, one, other)


def remainder(sheet: Sheet, left: Term, right: Term) -> Term:
    """What is left of that, with the sign of the divisor; null where it is zero."""
    one, other = _both(sheet, left, right, "the remainder")
    return _floats(sheet, _by(operator.mod), one, other) or exact.remainder(sheet, one, other)


def _both(sheet: Sheet, left: Term, right: Term, what: str, *, scaled: bool = True) -> tuple[Term, Term]:
    """Two numbers or two floats, of one scale where that matters."""
    if not scaled and left.kind is right.kind is Kind.NUMBER:
        return left, right
    found = numbers_of(sheet, [left, right])
    if found is None:
        raise no_meaning(what, left, right, expected="with numbers; .cast(…) makes one of a truth value or a text")
    return found[0], found[1]


def _by(divide: Callable[[pl.Expr, pl.Expr], pl.Expr]) -> Callable[[pl.Expr, pl.Expr], pl.Expr]:
    return lambda left, right: divide(left, pl.when(right != 0).then(right))


def _floats(sheet: Sheet, combine: Callable[[pl.Expr, pl.Expr], pl.Expr], left: Term, right: Term) -> Term | None:
    """What floats make, in floats; None where these are exact numbers."""
    if left.kind is not Kind.FLOAT:
        return None
    return finite(sheet, sheet.term(Kind.FLOAT, combine(left.value, right.value), left, right))


def choose(sheet: Sheet, condition: Term, then: Term, otherwise: Term) -> Term:
    """One value where the condition holds, the other one where it does not or is not known."""
    if condition.kind not in (Kind.TRUTH, Kind.NOTHING):
        raise no_meaning("a condition", condition, expected="with a truth value in when(…), such as a comparison")
    held = _truth(condition)
    one, other = of_one_kind(sheet, [then, otherwise])
    flags = [pl.lit(False) if each.failed is None else each.failed for each in (one, other)]
    branch = (
        None if one.failed is other.failed is None else sheet.keep(pl.when(held).then(flags[0]).otherwise(flags[1]))
    )
    value = sheet.keep(pl.when(held).then(one.value).otherwise(other.value))
    return replace(_blank(one, other), value=value, failed=sheet.failed(condition.failed, branch))


def first_present(sheet: Sheet, terms: Sequence[Term]) -> Term:
    """The first value that is there."""
    found = of_one_kind(sheet, terms)
    value = sheet.keep(pl.coalesce(each.value for each in found))
    return replace(_blank(*found), value=value, failed=sheet.failed(*(each.failed for each in found)))


def _blank(*terms: Term) -> Term:
    """A term that may be each of these."""
    return Term(
        terms[0].kind,
        terms[0].value,
        scale=max(term.scale for term in terms),
        bound=max(term.bound for term in terms),
        zone=next((term.zone for term in terms if term.zone is not None), None),
    )


BINARY: dict[str, Combine] = {
    "Plus": add,
    "Minus": subtract,
    "Multiply": multiply,
    "TrueDivide": divide,
    "FloorDivide": divide_whole,
    "Modulus": remainder,
    "And": lambda sheet, one, other: logic(sheet, one, other, operator.and_),
    "Or": lambda sheet, one, other: logic(sheet, one, other, operator.or_),
    "Xor": lambda sheet, one, other: logic(sheet, one, other, operator.xor),
    "Eq": lambda sheet, one, other: compare(sheet, one, other, "eq"),
    "NotEq": lambda sheet, one, other: compare(sheet, one, other, "ne"),
    "Lt": lambda sheet, one, other: compare(sheet, one, other, "lt"),
    "LtEq": lambda sheet, one, other: compare(sheet, one, other, "le"),
    "Gt": lambda sheet, one, other: compare(sheet, one, other, "gt"),
    "GtEq": lambda sheet, one, other: compare(sheet, one, other, "ge"),
    "EqValidity": lambda sheet, one, other: compare(sheet, one, other, "eq_missing"),
    "NotEqValidity": lambda sheet, one, other: compare(sheet, one, other, "ne_missing"),
}
"""Polars' name of an operator between two parts → what it computes."""
