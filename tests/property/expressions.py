"""Random expressions of exact numbers, each with what it means in fractions, row by row."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import dataframely as dy
import polars as pl
from hypothesis import strategies as st

from flows.model.expressions.term import MOST

COLUMNS: dict[str, dy.Column] = {
    "Price": dy.Decimal(9, 2, nullable=True),
    "Rate": dy.Decimal(38, 4, nullable=True),
    "Qty": dy.Int64(nullable=True),
    "Small": dy.UInt8(nullable=True),
}
type Row = Mapping[str, Fraction | None]


class NoValueError(Exception):
    """What a part needs more than 38 digits for."""


@dataclass(frozen=True)
class Drawn:
    """An expression, and what it means.

    Args:
        polars: it, as an author writes it.
        scale: how many digits stand behind the point.
        of: the value in a row; raises NoValueError.
    """

    polars: pl.Expr
    scale: int
    of: Callable[[Row], Fraction | None]


def fitting(value: Fraction | None, scale: int) -> Fraction | None:
    """A value of a scale, if it has at most 38 digits there."""
    if value is not None and abs(value * 10**scale) > MOST:
        raise NoValueError
    return value


def _columns(name: str) -> Drawn:
    scale = getattr(COLUMNS[name], "scale", 0)
    return Drawn(pl.col(name), scale, lambda row: row[name])


def _whole(value: int) -> Drawn:
    return Drawn(pl.lit(value), 0, lambda row: Fraction(value))


def _written(hundredths: int) -> Drawn:
    value = Decimal(hundredths).scaleb(-2)
    scale = -min(0, int(value.normalize().as_tuple().exponent))  # as `0.1` is written, and `2.0` is
    scale = max(scale, 1)
    return Drawn(pl.lit(float(value)), scale, lambda row: Fraction(value))


LEAVES = st.one_of(
    st.sampled_from(sorted(COLUMNS)).map(_columns),
    st.integers(-1_000, 1_000).map(_whole),
    st.integers(-500, 500).map(_written),
)


def _both(one: Drawn, other: Drawn, row: Row, scale: int) -> tuple[Fraction | None, Fraction | None]:
    return fitting(one.of(row), scale), fitting(other.of(row), scale)


def _arithmetic(one: Drawn, other: Drawn, combine: Callable[[Any, Any], Any]) -> Drawn:
    product = combine is operator.mul
    scale = one.scale + other.scale if product else max(one.scale, other.scale)
    kept = 0 if combine is operator.floordiv else scale

    def of(row: Row) -> Fraction | None:
        left, right = (one.of(row), other.of(row)) if product else _both(one, other, row, scale)
        if left is None or right is None or (combine in (operator.floordiv, operator.mod) and right == 0):
            return None
        return fitting(Fraction(combine(left, right)), kept)

    return Drawn(combine(one.polars, other.polars), kept, of)


def rounded(value: Fraction, decimals: int, *, away: bool) -> Fraction:
    """The nearest number with so many digits behind the point."""
    units = abs(value) * 10**decimals
    down = math.floor(units)
    half = units - down == Fraction(1, 2)
    up = units - down > Fraction(1, 2) or (half and (away or down % 2 == 1))
    return Fraction(down + up, 10**decimals) * (-1 if value < 0 else 1)


def _quotient(one: Drawn, other: Drawn, decimals: int, away: bool) -> Drawn:
    more = decimals + other.scale - one.scale

    def of(row: Row) -> Fraction | None:
        left = fitting(one.of(row), one.scale + max(more, 0))
        right = fitting(other.of(row), other.scale + max(-more, 0))
        return None if left is None or not right else rounded(left / right, decimals, away=away)

    mode: Any = "half_away_from_zero" if away else "half_to_even"
    return Drawn((one.polars / other.polars).round(decimals, mode=mode), decimals, of)


def _rounded(one: Drawn, decimals: int, away: bool) -> Drawn:
    def of(row: Row) -> Fraction | None:
        value = one.of(row)
        return None if value is None else rounded(value, decimals, away=away)

    mode: Any = "half_away_from_zero" if away else "half_to_even"
    return Drawn(one.polars.round(decimals, mode=mode), min(one.scale, decimals), of)


def _alone(one: Drawn, change: Callable[[pl.Expr], pl.Expr], mean: Callable[[Fraction], Any], *, whole: bool) -> Drawn:
    def of(row: Row) -> Fraction | None:
        value = one.of(row)
        return None if value is None else Fraction(mean(value))

    return Drawn(change(one.polars), 0 if whole else one.scale, of)


def _chosen(one: Drawn, other: Drawn, then: Drawn, otherwise: Drawn) -> Drawn:
    compared, scale = max(one.scale, other.scale), max(then.scale, otherwise.scale)

    def of(row: Row) -> Fraction | None:
        left, right = _both(one, other, row, compared)
        holds = left is not None and right is not None and left < right
        return fitting((then if holds else otherwise).of(row), scale)

    chosen = pl.when(one.polars < other.polars).then(then.polars).otherwise(otherwise.polars)
    return Drawn(chosen, scale, of)


def _filled(one: Drawn, other: Drawn) -> Drawn:
    scale = max(one.scale, other.scale)

    def of(row: Row) -> Fraction | None:
        left, right = _both(one, other, row, scale)
        return right if left is None else left

    return Drawn(one.polars.fill_null(other.polars), scale, of)


def _larger(one: Drawn, other: Drawn) -> Drawn:
    scale = max(one.scale, other.scale)

    def of(row: Row) -> Fraction | None:
        there = [value for value in _both(one, other, row, scale) if value is not None]
        return max(there, default=None)

    return Drawn(pl.max_horizontal(one.polars, other.polars), scale, of)


def _grown(parts: st.SearchStrategy[Drawn]) -> st.SearchStrategy[Drawn]:
    combine = st.sampled_from([operator.add, operator.sub, operator.mul, operator.mul, operator.floordiv, operator.mod])
    return st.one_of(
        st.builds(_arithmetic, parts, parts, combine),
        st.builds(_quotient, parts, parts, st.integers(0, 6), st.booleans()),
        st.builds(_rounded, parts, st.integers(0, 3), st.booleans()),
        parts.map(lambda one: _alone(one, lambda value: -value, operator.neg, whole=False)),
        parts.map(lambda one: _alone(one, lambda value: value.abs(), abs, whole=False)),
        parts.map(lambda one: _alone(one, lambda value: value.floor(), math.floor, whole=True)),
        parts.map(lambda one: _alone(one, lambda value: value.ceil(), math.ceil, whole=True)),
        st.builds(_chosen, parts, parts, parts, parts),
        st.builds(_filled, parts, parts),
        st.builds(_larger, parts, parts),
    )


NUMBERS = st.recursive(LEAVES, _grown, max_leaves=6)


def _units(digits: int) -> st.SearchStrategy[int]:
    most = 10**digits - 1
    return st.integers(-most, most) | st.integers(-2_000, 2_000) | st.sampled_from([most, -most, 0])


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "Price": st.none() | _units(9).map(lambda units: Fraction(units, 100)),
            "Rate": st.none() | _units(38).map(lambda units: Fraction(units, 10_000)),
            "Qty": st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-20, 20),
            "Small": st.none() | st.integers(0, 255),
        }
    ),
    min_size=1,
    max_size=12,
)


def frame_of(rows: list[Row]) -> pl.DataFrame:
    """Rows as they stand after the files' own columns have their types."""
    return pl.DataFrame(
        {
            name: pl.Series([_value(row[name], column) for row in rows], dtype=column.dtype)
            for name, column in COLUMNS.items()
        }
    )


def _value(value: Fraction | None, column: dy.Column) -> Decimal | int | None:
    if value is None or not isinstance(column, dy.Decimal):
        return None if value is None else int(value)
    units = int(value * 10**column.scale)
    return Decimal((int(units < 0), tuple(map(int, str(abs(units)))), -column.scale))
