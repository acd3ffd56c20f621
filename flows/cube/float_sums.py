"""Exact sums of floats: the same question has the same answer, in whatever order its rows are added up.

A float is a whole number times a power of two. So each value of a column is cut into limbs, whole numbers of their own
powers; the sums of limbs are exact in 128 bits, and what they make together is rounded once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import frexp, inf, isfinite

import polars as pl

from flows.model.measures import Mean, Sum
from flows.model.query import Query
from flows.model.tables import Table

LIMB_BITS = 62
"""So that a limb fits into 64 bits."""
_EXACT_BITS = 126 - 36
"""What values may have so that sums of 2 to the power of 36 of them, more than a cube holds, fit in 128 bits."""
_DIGITS = 53
_LEAST = -1074
"""The power of two of which every float is a multiple."""
PLAIN = 1000
"""Powers of two up to this one, and down to its reciprocal, are floats with all digits."""
COUNT = "count"


@dataclass(frozen=True)
class FloatRange:
    """What the values of a column have in common. The same or a wider range gives the same sums.

    Args:
        lowest: all are multiples of 2 to the power of this,
        highest: and smaller than 2 to the power of that.
        finite: whether all are numbers; sums of others are infinite or none, in whatever order.
    """

    lowest: int
    highest: int
    finite: bool = True

    @property
    def limbs(self) -> tuple[int, ...]:
        """The power of two that each limb counts, the greatest first."""
        return tuple(range(self.lowest, self.highest, LIMB_BITS))[::-1] if self.finite else ()

    @property
    def fits_128_bits(self) -> bool:
        """Whether sums of the values, counted in the lowest power, fit in 128 bits."""
        return self.highest - self.lowest <= _EXACT_BITS and self.lowest >= -PLAIN


type FloatRanges = Mapping[str, FloatRange]
"""Column → the range of its values."""


def ranges_of(table: Table, rows: pl.DataFrame) -> dict[str, FloatRange]:
    """The ranges of the float columns that have other values than zero, with those of joined tables among them."""
    floats = [rows[c.name] for c in table.all_columns if c.type.sums == "float" and c.name in rows.columns]
    return {each.name: found for each in floats if (found := _range_of(each)) is not None}


def widest(one: FloatRanges, other: FloatRanges) -> dict[str, FloatRange]:
    """The ranges of both together."""
    both = [(name, one[name], other[name]) for name in one.keys() & other.keys()]
    joint = {
        name: FloatRange(min(a.lowest, b.lowest), max(a.highest, b.highest), a.finite and b.finite)
        for name, a, b in both
    }
    return {**one, **other, **joint}


def _range_of(values: pl.Series) -> FloatRange | None:
    sizes = values.abs().drop_nulls()
    if not sizes.is_finite().all():
        return FloatRange(0, 0, finite=False)
    sizes = sizes.filter(sizes > 0)
    least, greatest = sizes.min(), sizes.max()
    if not isinstance(least, float) or not isinstance(greatest, float):
        return None
    return FloatRange(max(frexp(least)[1] - _DIGITS, _LEAST), frexp(greatest)[1])


def summed_floats(table: Table, query: Query, ranges: FloatRanges) -> dict[str, tuple[Sum | Mean, FloatRange]]:
    """The measures asked for that are sums or means of floats, and are made of limbs."""
    asked = {name: table.measure(name).aggregation for name in query.measures}
    return {
        name: (each, ranges[each.column])
        for name, each in asked.items()
        if isinstance(each, Sum | Mean) and each.column in ranges and ranges[each.column].finite
    }


def with_float_sums(table: Table, query: Query, answer: pl.DataFrame, ranges: FloatRanges) -> pl.DataFrame:
    """An answer in which sums of limbs are made floats."""
    summed = summed_floats(table, query, ranges).items()
    return answer.with_columns(rounded(answer[name], found, each) for name, (each, found) in summed)


def with_limbs(rows: pl.DataFrame, ranges: Mapping[str, FloatRange]) -> pl.DataFrame:
    """Rows with the limbs of float columns beside them."""
    for column, found in ranges.items():
        rest = rows[column].alias("rest").to_frame()
        for index, power in enumerate(found.limbs):
            rest = rest.with_columns(times_power(pl.col("rest"), -power).cast(pl.Int64).alias("limb"))
            rows = rows.with_columns(rest["limb"].cast(pl.Int128).alias(_limb_column(column, index)))
            rest = rest.select(pl.col("rest") - times_power(pl.col("limb").cast(pl.Float64), power))
    return rows


def limb_sums(column: str, found: FloatRange) -> pl.Expr:
    """Of rows with limbs, the sums of a column's limbs, and how many values it has."""
    sums = (pl.col(_limb_column(column, i)).sum().alias(limb_name(i)) for i in range(len(found.limbs)))
    return pl.struct(pl.col(column).count().alias(COUNT), *sums)


def _limb_column(column: str, index: int) -> str:
    return f"\0{index}{column}"  # no column of a table


def limb_name(index: int) -> str:
    """The field of a limb's sum."""
    return f"limb{index}"


def powers(exponent: int) -> tuple[float, ...]:
    """Two to the power of it, as floats to multiply by one after another: one alone may have no place in a float."""
    half = exponent // 2
    return (2.0**exponent,) if abs(exponent) <= PLAIN else (2.0**half, 2.0 ** (exponent - half))


def times_power(column: pl.Expr, exponent: int) -> pl.Expr:
    """A column times two to the power of it."""
    for factor in powers(exponent):
        column = column * factor
    return column


def rounded(sums: pl.Series, found: FloatRange, aggregation: Sum | Mean) -> pl.Series:
    """The sums or means that sums of limbs make, rounded to floats: infinite where one is beyond them, null where there
    is no value.

    Args:
        sums: what `limb_sums` gives, of each group.
        found: the range that they were made by.
        aggregation: which of them is asked for.
    """
    parts = sums.struct.unnest()
    of_mean = isinstance(aggregation, Mean)
    if not found.fits_128_bits:
        exact = [_rounded_exactly(found, row, of_mean=of_mean) for row in parts.iter_rows(named=True)]
        return pl.Series(sums.name, exact, pl.Float64)
    whole = pl.lit(0, pl.Int128)
    for index, power in enumerate(found.limbs):
        whole = whole + pl.col(limb_name(index)).cast(pl.Int128) * pl.lit(2 ** (power - found.lowest), pl.Int128)
    units = whole.cast(pl.Float64) / (pl.col(COUNT) if of_mean else 1)
    value = pl.when(pl.col(COUNT) > 0).then(times_power(units, found.lowest))
    return parts.select(value.alias(sums.name)).to_series()


def _rounded_exactly(found: FloatRange, row: Mapping[str, int | None], *, of_mean: bool) -> float | None:
    count = row[COUNT]
    if not count:
        return None
    limbs = (int(row[limb_name(i)] or 0) * Fraction(2) ** power for i, power in enumerate(found.limbs))
    exact = sum(limbs, Fraction())
    total = _nearest(exact)
    return total if not of_mean else total / count if isfinite(total) else _nearest(exact / count)


def _nearest(number: Fraction) -> float:
    try:
        return float(number)
    except OverflowError:
        return inf if number > 0 else -inf
