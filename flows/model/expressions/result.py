"""Values as a type holds them. What has no place in it, to the last digit, fails; floats alone are rounded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import dataframely as dy
import polars as pl

from flows.model.expressions import exact
from flows.model.expressions.kinds import finite, in_zone, settled, whole_limits
from flows.model.expressions.term import MOST, Kind, Refused, Sheet, Term
from flows.model.types import type_of
from flows.model.types.decimal import DecimalType
from flows.model.types.moment import MomentType

_OF = {"string": Kind.TEXT, "enum": Kind.TEXT, "categorical": Kind.TEXT, "boolean": Kind.TRUTH, "date": Kind.DAY}
_ROUND = "with .round(…) around a quotient of exact numbers, which makes it exact, or of type dy.Float64()"


def fitted(sheet: Sheet, term: Term, column: dy.Column) -> Term:
    """The values of an expression as a column holds them.

    Raises:
        Refused: the column is of another kind.
    """
    known = type_of(column)
    if isinstance(known, DecimalType) and term.kind is Kind.NUMBER:
        return _as_decimal(sheet, term, known.precision, known.scale)
    if known.whole and term.kind is Kind.NUMBER:
        return _as_whole(sheet, term, column.dtype)
    if known.kind == "float" and term.kind in (Kind.NUMBER, Kind.FLOAT, Kind.RATIO):
        return as_float(sheet, term, column.dtype)
    if isinstance(known, MomentType) and term.kind is Kind.MOMENT:
        return _in_unit(sheet, in_zone(term, known.zone), column.dtype)
    if known.kind == "datetime" and term.kind is Kind.CLOCK:
        return _in_unit(sheet, term, column.dtype)
    if _OF.get(known.kind) is term.kind:
        if column.dtype == known.frame:
            return replace(term, value=sheet.keep(term.value), constant=None)
        return _where_given(sheet, term, term.value.cast(column.dtype, strict=False))
    instead = _ROUND if known.sums and term.kind in (Kind.FLOAT, Kind.RATIO) else "of a type that holds it"
    raise Refused(f"{term.kind.value} as {known.noun}", instead)


def cast(sheet: Sheet, term: Term, dtype: object, *, strict: bool) -> Term:
    """The values as another type; those that do not fit fail, or are null where the cast is not strict."""
    found = _cast(sheet, term, dtype)
    if strict:
        return found
    value = found.value if found.failed is None else pl.when(~found.failed).then(found.value)
    return replace(found, value=sheet.keep(value), failed=term.failed)


def _cast(sheet: Sheet, term: Term, dtype: object) -> Term:
    match dtype, term.kind:
        case {"Decimal": [int(precision), int(scale)]}, Kind.NUMBER:
            return _number(sheet, _limited(sheet, term, scale, 10**precision - 1), scale, 10**precision - 1)
        case str(name), Kind.NUMBER if _whole_type(name) is not None:
            low, high = whole_limits(_named(name))
            return _number(sheet, _limited(sheet, term, 0, high, low), 0, max(high, -low))
        case str(name), Kind.TRUTH if _whole_type(name) is not None:
            return exact.whole(sheet, term.value, 1, term)
        case "Int64", Kind.TEXT:
            read = _where_given(sheet, term, term.value.cast(pl.Int64, strict=False))
            return replace(exact.whole(sheet, read.value, 2**63), failed=read.failed)
        case "Float64", Kind.NUMBER | Kind.FLOAT:
            return as_float(sheet, term, pl.Float64())
        case "String", Kind.TEXT | Kind.DAY:
            return sheet.term(Kind.TEXT, term.value.cast(pl.String), term)
        case "String", Kind.NUMBER:
            return sheet.term(Kind.TEXT, _digits(term), term)
        case _:
            name = dtype if isinstance(dtype, str) else next(iter(dtype)) if isinstance(dtype, dict) else "that"
            raise Refused(
                f".cast({name}) of {term.kind.value}", "without it, or with a cast between numbers, or to text"
            )


def as_float(sheet: Sheet, term: Term, dtype: pl.DataType) -> Term:
    """The nearest floats."""
    found = settled(sheet, exact.as_float(sheet, term) if term.kind is Kind.NUMBER else term)
    return finite(sheet, replace(found, value=sheet.keep(found.value.cast(dtype, strict=False)), constant=None))


def _digits(term: Term) -> pl.Expr:
    """All digits of a number."""
    if not term.scale:
        return term.value.cast(pl.String)
    return _decimals(term.value, term.value.abs() <= pl.lit(MOST, pl.Int128), pl.Decimal(38, term.scale)).cast(
        pl.String
    )


def _decimals(units: pl.Expr, fits: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    return pl.when(fits).then(units).reinterpret(dtype=dtype)


def _as_decimal(sheet: Sheet, term: Term, precision: int, scale: int) -> Term:
    units = _limited(sheet, term, scale, 10**precision - 1)
    fits = pl.lit(True) if units.failed is None else ~units.failed
    return replace(units, value=sheet.keep(_decimals(units.value, fits, pl.Decimal(precision, scale))))


def _as_whole(sheet: Sheet, term: Term, dtype: pl.DataType) -> Term:
    low, high = whole_limits(dtype)
    units = _limited(sheet, term, 0, high, low)
    value = units.value if units.failed is None else pl.when(~units.failed).then(units.value)
    return replace(units, value=sheet.keep(value.cast(dtype)))


def _limited(sheet: Sheet, term: Term, scale: int, high: int, low: int | None = None) -> Term:
    """Units of another scale, which fail where digits would be lost, or outside of the limits."""
    low = -high if low is None else low
    found, failed = term, [term.failed]
    if scale >= term.scale:
        found = exact.rescaled(sheet, term, scale)
        failed = [found.failed]
    else:
        unit = pl.lit(10 ** (term.scale - scale), pl.Int128)
        found = replace(term, value=sheet.keep(term.value // unit), bound=term.bound)
        failed.append(sheet.flag(found.value * unit != term.value))
    if found.bound > min(high, -low) or any(flag is not None for flag in failed):
        failed.append(sheet.flag(~found.value.is_between(pl.lit(low, pl.Int128), pl.lit(high, pl.Int128))))
    return replace(found, failed=sheet.failed(*failed), constant=None)


def _number(sheet: Sheet, units: Term, scale: int, bound: int) -> Term:
    return replace(units, scale=scale, bound=bound)


def _in_unit(sheet: Sheet, term: Term, dtype: pl.DataType) -> Term:
    """Moments in another unit of time, which fail where one is not whole there."""
    value = sheet.keep(term.value.cast(dtype))
    inexact = sheet.flag(value.cast(pl.Datetime("us", term.zone)) != term.value)
    return replace(term, value=value, failed=sheet.failed(term.failed, inexact), constant=None)


def _where_given(sheet: Sheet, term: Term, value: pl.Expr) -> Term:
    """The same values, which fail where one is lost."""
    kept = sheet.keep(value)
    lost = sheet.flag(kept.is_null() & term.value.is_not_null())
    return replace(term, value=kept, failed=sheet.failed(term.failed, lost), constant=None)


def _whole_type(name: str) -> pl.DataType | None:
    found: Any = getattr(pl, name, None)
    return found() if isinstance(found, type) and issubclass(found, pl.DataType) and found.is_integer() else None


def _named(name: str) -> pl.DataType:
    found = _whole_type(name)
    assert found is not None
    return found
