"""Random questions to a shop, each as people write it and as plain rules have it, and random calculated measures."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from flows.model.calculated import (
    Change,
    Difference,
    Formula,
    Growth,
    Parent,
    Plus,
    Previous,
    Rank,
    Ratio,
    Running,
    Share,
    Times,
    Total,
    operands,
    required_level,
)
from tests.property.plain_cube import PERIODS, Kept
from tests.property.plain_questions import Asked
from tests.property.shops import CATEGORIES, COUNTRIES, DAYS, PRODUCTS, SHOPS, Shop

TEXTS: dict[str, list[str]] = {
    "Shop": list(SHOPS),
    "Product": list(PRODUCTS),
    "Kind": ["a/p", "A b/q", "none", "many", "few"],
    "Product.Category": [*CATEGORIES, "no Product"],
    "Product.Supplier.Country": [*COUNTRIES, "no Product", "no Supplier"],
}
DATED = ("Day", "Product.Since")
FOLLOWING = [*DATED, *(f"{level}.{part}" for level in DATED for part in PERIODS if part != "Weekday")]
LEVELS = [*TEXTS, *DATED, *(f"{level}.{part}" for level in DATED for part in PERIODS)]
EXACT = [
    "contributors.COUNT", "Price.SUM", "Made.SUM", "Qty.SUM", "Made.COUNT", "Small.MAX", "Made.MIN",
    "Kind.COUNT_DISTINCT", "Product.COUNT_DISTINCT", "Day.COUNT_DISTINCT",
    "Product.Cost.SUM", "Product.Cost.COUNT", "Product.Supplier.Points.SUM", "Product.Supplier.Points.MIN",
]  # fmt: skip
"""Measures of exact numbers."""
SORTED = [*EXACT, "Day.MIN", "Kind.MAX"]
MEASURES = [*SORTED, "Qty.MEAN", "Made.MEAN", "Product.Cost.MEAN"]

_OPERAND: st.SearchStrategy[Any] = (
    st.sampled_from(EXACT) | st.integers(-2, 3) | st.sampled_from([Decimal("0.5"), Decimal("-1.25")])
)


def _formulas(of: st.SearchStrategy[Any]) -> st.SearchStrategy[Formula]:
    return st.one_of(
        *(st.builds(kind, of, of) for kind in (Plus, Difference, Times, Ratio)),
        *(st.builds(kind, of, st.sampled_from(FOLLOWING)) for kind in (Previous, Change, Growth)),
        st.builds(Running, of, st.sampled_from(LEVELS)),
        st.builds(Share, of, st.sampled_from([Total(), Parent(), *LEVELS])),
        st.builds(Rank, of, st.sampled_from([None, *LEVELS])),
    )


@st.composite
def formulas(draw: st.DrawFn) -> dict[str, Formula]:
    """Calculated measures by name; later ones may be computed of earlier ones."""
    found: dict[str, Formula] = {}
    for name in ("X", "Y", "Z"):
        of = _OPERAND | st.sampled_from(list(found)) if found else _OPERAND
        found[name] = draw(_formulas(of | _formulas(of)) if name == "X" else _formulas(of))
    return found


def levels_of(operand: Any, known: Mapping[str, Formula]) -> set[str]:
    """The levels that have to be asked for a measure."""
    formula = known.get(operand) if isinstance(operand, str) else operand
    if formula is None or isinstance(formula, int | float | Decimal):
        return set()
    level = required_level(formula)
    return {*([] if level is None else [level]), *(each for of in operands(formula) for each in levels_of(of, known))}


def rounds_once(operand: Any, known: Mapping[str, Formula], *, inside: bool = False) -> bool:
    """Whether a measure is exact, or rounded at the end alone, so that it is sorted as its exact value is."""
    formula = known.get(operand) if isinstance(operand, str) else operand
    if formula is None or isinstance(formula, int | float | Decimal):
        return True
    if inside and isinstance(formula, Ratio | Share | Growth):
        return False
    return all(rounds_once(each, known, inside=True) for each in operands(formula))


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge
}  # fmt: skip


def _values(shop: Shop, level: str) -> list[Any]:
    if level in TEXTS:
        return list(TEXTS[level])
    days = [*DAYS, date(2021, 2, 3), DAYS[0] - timedelta(days=1)]
    if level in DATED:
        return list(days)
    base = level.rpartition(".")[0]
    return list({shop.periods(base, day)[level]: None for day in days})


@st.composite
def _condition(draw: st.DrawFn, shop: Shop) -> tuple[Kept, str]:
    name = draw(st.sampled_from(LEVELS))
    values = st.sampled_from(_values(shop, name))
    one, other = draw(values), draw(values)

    def text(value: Any) -> str:
        return str(shop.shown(name, value))

    forms = [
        "=",
        "!=",
        "in",
        "not in",
        "null",
        "not null",
        "between",
        *OPERATORS,
        *(["~", "^"] if name in TEXTS else []),
    ]
    form = draw(st.sampled_from(forms))
    match form:
        case "=":
            return Kept(name, lambda value: value == one, alternative=True), f"{name}={text(one)}"
        case "!=":
            return Kept(name, lambda value: value != one), f"{name} != {text(one)}"
        case "in":
            return Kept(name, lambda value: value in (one, None), alternative=True), f"{name} in ({text(one)}, null)"
        case "not in":
            listed = f"{name} not in ({text(one)}, {text(other)})"
            return Kept(name, lambda value: value not in (one, other)), listed
        case "null":
            return Kept(name, lambda value: value is None, alternative=True), f"{name} is null"
        case "not null":
            return Kept(name, lambda value: value is not None), f"{name} is not null"
        case "between":
            low, high = sorted((one, other))
            pair = f"{name} between {text(low)} and {text(high)}"
            return Kept(name, lambda value: value is not None and low <= value <= high), pair
        case "~":
            return Kept(name, lambda value: value is not None and one[:1] in value), f"{name}~{one[:1]}"
        case "^":
            return Kept(name, lambda value: value is not None and value.startswith(one[:1])), f"{name}^{one[:1]}"
        case sign:
            meets = OPERATORS[sign]
            return Kept(name, lambda value: value is not None and meets(value, one)), f"{name}{sign}{text(one)}"


@st.composite
def _having(draw: st.DrawFn, names: list[str]) -> tuple[Kept, str]:
    name, least = draw(st.sampled_from(names)), draw(st.integers(-2, 6))
    sign = draw(st.sampled_from([*OPERATORS, "null", "not null"]))
    if sign == "null":
        return Kept(name, lambda value: value is None, alternative=True), f"{name} is null"
    if sign == "not null":
        return Kept(name, lambda value: value is not None), f"{name} is not null"
    meets = OPERATORS[sign]
    return Kept(name, lambda value: value is not None and meets(value, Fraction(least))), f"{name}{sign}{least}"


@st.composite
def questions(draw: st.DrawFn, shop: Shop, known: Mapping[str, Formula]) -> Asked:
    """A question: its levels, half of the time those that a calculated measure needs, then all the rest."""
    wanted = draw(st.none() | st.sampled_from(sorted(known)))
    needed = levels_of(wanted, known) if wanted else set()
    more = draw(st.lists(st.sampled_from(LEVELS), max_size=2, unique=True))
    by = tuple(draw(st.permutations(sorted({*needed, *more}))))
    calculated = [name for name in known if levels_of(name, known) <= set(by)]
    exact = [*EXACT, *(name for name in calculated if rounds_once(name, known))]
    others = draw(st.lists(st.sampled_from([*MEASURES, *calculated]), min_size=1, max_size=3, unique=True))
    measures = tuple(dict.fromkeys([*([wanted] if wanted else []), *others]))
    where = draw(st.lists(_condition(shop), max_size=2))
    having = draw(st.lists(_having(exact), max_size=2)) if draw(st.booleans()) else []
    orders = st.tuples(st.sampled_from([*by, *SORTED, *exact]), st.booleans())
    sort = draw(st.lists(orders, max_size=2, unique_by=lambda order: order[0]))
    top = draw(st.none() | st.tuples(st.integers(1, 3), st.sampled_from([None, *by[:-1]]))) if by else None
    if top and not sort and measures[0] not in (*SORTED, *exact):
        sort = [("contributors.COUNT", True)]
    return Asked(
        measures,
        by,
        tuple(kept for kept, _ in where),
        tuple(text for _, text in where),
        tuple(kept for kept, _ in having),
        tuple(text for _, text in having),
        tuple(sort),
        top,
        top is not None and draw(st.booleans()),
        draw(st.booleans()),
        draw(st.sampled_from([None, None, None, 1, 5])),
        draw(st.sampled_from([0, 0, 0, 2])),
    )
