"""From the columns of a row to terms, and from terms of different kinds to those of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import isfinite

import dataframely as dy
import polars as pl

from flows.model.expressions import exact
from flows.model.expressions.term import Kind, Refused, Sheet, Term
from flows.model.types import type_of
from flows.model.types.decimal import DecimalType
from flows.model.types.moment import MomentType

_DTYPES = {
    Kind.NUMBER: pl.Int128(), Kind.FLOAT: pl.Float64(), Kind.TEXT: pl.String(), Kind.TRUTH: pl.Boolean(),
    Kind.DAY: pl.Date(), Kind.CLOCK: pl.Datetime("us"), Kind.SPAN: pl.Duration("us"),
}  # fmt: skip
_KINDS = {"float": Kind.FLOAT, "boolean": Kind.TRUTH, "date": Kind.DAY, "datetime": Kind.CLOCK, "moment": Kind.MOMENT}


def column_term(name: str, column: dy.Column) -> Term:
    """The values of a column, whose frame has the type that the schema declares."""
    held, known = pl.col(name), type_of(column)
    match known:
        case DecimalType():
            return Term(Kind.NUMBER, held.to_physical(), known.scale, 10**known.precision - 1)
        case MomentType():
            return Term(Kind.MOMENT, held.dt.cast_time_unit("us"), zone=known.zone)
    if known.whole:
        return Term(Kind.NUMBER, held.cast(pl.Int128), bound=2 ** _bits(column.dtype))
    kind = _KINDS.get(known.kind, Kind.TEXT)
    return Term(kind, held.dt.cast_time_unit("us") if kind is Kind.CLOCK else held.cast(_DTYPES[kind]))


def whole_limits(dtype: pl.DataType) -> tuple[int, int]:
    """The least and the greatest whole number of a type."""
    bits = _bits(dtype)
    return (-(2**bits), 2**bits - 1) if dtype.is_signed_integer() else (0, 2**bits - 1)


def _bits(dtype: pl.DataType) -> int:
    """How many bits a whole number has beside its sign."""
    bits = int(str(dtype).lstrip("UInt"))
    return bits - 1 if dtype.is_signed_integer() else bits


def settled(sheet: Sheet, term: Term) -> Term:
    """The same as a kind of its own: a quotient that nobody rounds is a float."""
    return finite(sheet, exact.as_float(sheet, term)) if term.kind is Kind.RATIO else term


def finite(sheet: Sheet, term: Term) -> Term:
    """The same float, which fails where it is infinite or no number."""
    return replace(term, failed=sheet.failed(term.failed, sheet.flag(~term.value.is_finite())))


def numbers_of(sheet: Sheet, terms: Sequence[Term]) -> list[Term] | None:
    """Exact numbers, or floats where one of them is; None where others are among them."""
    kinds = {term.kind for term in terms}
    if not kinds <= {Kind.NUMBER, Kind.FLOAT, Kind.NOTHING} or kinds == {Kind.NOTHING}:
        return None
    return of_one_kind(sheet, terms)


def of_one_kind(sheet: Sheet, terms: Sequence[Term]) -> list[Term]:
    """The same terms, all of one kind.

    Raises:
        Refused: they have none together.
    """
    kinds = dict.fromkeys(term.kind for term in terms if term.kind is not Kind.NOTHING)
    if set(kinds) == {Kind.NUMBER, Kind.FLOAT}:
        kinds = {Kind.FLOAT: None}
        terms = [exact.as_float(sheet, term) if term.kind is Kind.NUMBER else term for term in terms]
    if len(kinds) > 1:
        names = " and ".join(kind.value for kind in kinds)
        raise Refused(
            f"{names} side by side", "of values of one kind; .cast(…), .dt.date() or another literal makes it"
        )
    if not kinds:
        return list(terms)
    (kind,) = kinds
    zone = next((term.zone for term in terms if term.zone is not None), None)
    found = [_absent(kind, zone) if term.kind is Kind.NOTHING else in_zone(term, zone) for term in terms]
    return exact.aligned(sheet, found) if kind is Kind.NUMBER else found


def in_zone(term: Term, zone: str | None) -> Term:
    """A moment as the clocks of a zone show it; anything else as it is."""
    if zone is None or term.zone == zone:
        return term
    return replace(term, value=term.value.dt.convert_time_zone(zone), zone=zone)


def _absent(kind: Kind, zone: str | None) -> Term:
    if kind is Kind.NUMBER:
        return exact.no_number()
    return Term(kind, pl.lit(None, pl.Datetime("us", zone) if kind is Kind.MOMENT else _DTYPES[kind]), zone=zone)


def literal_term(value: object) -> Term:
    """A written value.

    Raises:
        Refused: it is of a type that no column has.
    """
    match value:
        case None:
            return Term(Kind.NOTHING, pl.lit(None))
        case bool():
            return Term(Kind.TRUTH, pl.lit(value), constant=value)
        case int() | Decimal():
            return exact.constant(value)
        case float() if isfinite(value):
            return Term(Kind.FLOAT, pl.lit(value), constant=value)
        case str():
            return Term(Kind.TEXT, pl.lit(value), constant=value)
        case datetime() if value.tzinfo is not None:
            zone = str(value.tzinfo)
            return Term(Kind.MOMENT, pl.lit(value).dt.cast_time_unit("us"), constant=value, zone=zone)
        case datetime():
            return Term(Kind.CLOCK, pl.lit(value, pl.Datetime("us")), constant=value)
        case date():
            return Term(Kind.DAY, pl.lit(value), constant=value)
        case timedelta():
            return Term(Kind.SPAN, pl.lit(value, pl.Duration("us")), constant=value)
        case _:
            raise Refused(f"a literal of type {type(value).__name__}", "with literals of the columns' types")
