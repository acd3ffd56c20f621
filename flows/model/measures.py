"""The measures of a table: what each aggregates, and whether those of two parts add up to that of the whole.

The aggregations are a closed set: whoever answers a measure matches all of them, so that one which an engine does not
know is a type error, and never another one's number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, assert_never


@dataclass(frozen=True)
class Sum:
    """The sum of a column's values; null where there are none."""

    column: str
    word: ClassVar = "SUM"


@dataclass(frozen=True)
class Mean:
    """The mean of a column's values; null where there are none."""

    column: str
    word: ClassVar = "MEAN"


@dataclass(frozen=True)
class ValueCount:
    """How many values of a column are not null."""

    column: str
    word: ClassVar = "COUNT"


@dataclass(frozen=True)
class RowCount:
    """How many rows there are."""

    column: ClassVar[None] = None
    word: ClassVar = "COUNT"


type Aggregation = Sum | Mean | ValueCount | RowCount


@dataclass(frozen=True)
class Measure:
    """A named aggregation."""

    name: str
    aggregation: Aggregation


def is_sum(aggregation: Aggregation) -> bool:
    """Whether it adds up values, so that what comes out may be wider than each of them."""
    match aggregation:
        case Sum():
            return True
        case Mean() | ValueCount() | RowCount():
            return False
        case _:
            assert_never(aggregation)


type Folding = Literal["sum", "count"]
"""How the measure of a whole is made from those of its parts: as a sum, which is null for no values, or as a count,
which is 0."""


def folding(aggregation: Aggregation) -> Folding | None:
    """How the measures of disjoint parts make that of the whole. None where they do not, and it is derived from what
    does (as `web/cells.py` does with means)."""
    match aggregation:
        case Sum():
            return "sum"
        case ValueCount() | RowCount():
            return "count"
        case Mean():
            return None
        case _:
            assert_never(aggregation)
