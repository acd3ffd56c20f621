"""The value of a measure as reports say it."""

from __future__ import annotations

from decimal import Decimal
from math import isclose
from typing import Final, Literal

from flows.model.types.base import decimal_text
from flows.model.types.decimal import EXACT

Number = int | float | Decimal
TOO_LARGE: Final = "does not fit"
"""In place of a sum that 64 bits, or the digits of a decimal, cannot hold."""
NOT_COMPUTED: Final = "cannot be computed"
"""In place of a measure whose aggregation fails."""
Words = Literal["does not fit", "cannot be computed"]
Value = Number | Words | None
JsonValue = int | float | str | None
"""A value in JSON: decimals are text, so that no reader makes floats of them."""


def is_same(before: Value, after: Value) -> bool:
    """Whether two totals are the same; engines add up floats in any order, so that the last digits differ.

    Nothing is known of one that could not be computed.
    """
    if NOT_COMPUTED in (before, after):
        return True
    if isinstance(before, Number) and isinstance(after, Number) and float in (type(before), type(after)):
        return isclose(before, after, rel_tol=1e-9, abs_tol=1e-9)
    return before == after


def difference(value: Value, before: Value) -> Number | None:
    """By how much a total is another one than before, exactly where both are exact; None where one is no number."""
    if not isinstance(value, Number) or not isinstance(before, Number):
        return None
    if isinstance(value, float) or isinstance(before, float):
        return float(value) - float(before)
    if isinstance(value, int) and isinstance(before, int):
        return value - before
    return EXACT.subtract(Decimal(value), Decimal(before))


def to_json(value: Value) -> JsonValue:
    """A value in JSON types."""
    return decimal_text(value) if isinstance(value, Decimal) else value


def from_json(value: JsonValue) -> Value:
    """The value that `to_json` made."""
    match value:
        case "does not fit" | "cannot be computed" | None | int() | float():
            return value
        case _:
            return Decimal(value)
