"""The value of a measure as reports say it."""

from __future__ import annotations

from math import isclose
from typing import Final, Literal

Number = int | float
TOO_LARGE: Final = "does not fit"
"""In place of a sum that 64 bits cannot hold."""
NOT_COMPUTED: Final = "cannot be computed"
"""In place of a measure whose aggregation fails."""
Value = Number | Literal["does not fit", "cannot be computed"] | None


def is_same(before: Value, after: Value) -> bool:
    """Whether two totals are the same; engines add up floats in any order, so that the last digits differ.

    Nothing is known of one that could not be computed.
    """
    if NOT_COMPUTED in (before, after):
        return True
    if isinstance(before, float) and isinstance(after, float | int):
        return isclose(before, after, rel_tol=1e-9, abs_tol=1e-9)
    return before == after
