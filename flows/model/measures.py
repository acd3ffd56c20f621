"""The measures of a table: what each aggregates, and whether those of two parts add up to that of the whole.

The aggregations are a closed set: whoever answers a measure matches all of them, so that one which an engine does not
know is a type error, and never another one's number.

Nulls are left out, as SQL has it. Of the rows with 4, null, 4 and 6 the sum is 14, the mean 14 / 3, the least value 4,
the greatest 6; 3 values are counted, 2 different ones, and 4 rows. Of rows that have nothing but nulls, and of no rows
at all, the counts are 0 and the others null.
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


@dataclass(frozen=True)
class Min:
    """The least of a column's values, in the order of the column's type; null where there are none."""

    column: str
    word: ClassVar = "MIN"


@dataclass(frozen=True)
class Max:
    """The greatest of a column's values, in the order of the column's type; null where there are none."""

    column: str
    word: ClassVar = "MAX"


@dataclass(frozen=True)
class DistinctCount:
    """How many different values a level has; exact. What has no match in a joined table has no value of its levels."""

    level: str
    word: ClassVar = "COUNT_DISTINCT"


type Shown = Sum | Mean | ValueCount | RowCount
"""What the live page and the reports of days show of each table without being asked: what is known of a whole from its
parts, so that a page can make each total of its cells."""
type Aggregation = Shown | Min | Max | DistinctCount


@dataclass(frozen=True)
class Measure[A: Aggregation]:
    """A named aggregation."""

    name: str
    aggregation: A


def of_column(aggregation: Aggregation) -> str | None:
    """The column of which it aggregates the values; None where it counts rows, or the values of a level."""
    return None if isinstance(aggregation, RowCount | DistinctCount) else aggregation.column


def is_sum(aggregation: Aggregation) -> bool:
    """Whether it adds up values, so that what comes out may be wider than each of them."""
    match aggregation:
        case Sum():
            return True
        case Mean() | ValueCount() | RowCount() | Min() | Max() | DistinctCount():
            return False
        case _:
            assert_never(aggregation)


type Folding = Literal["sum", "count", "least", "greatest"]
"""How the measure of a whole is made from those of its parts: as a sum, which is null for no values, as a count, which
is 0, or as the least or greatest of them."""


def folding(aggregation: Aggregation) -> Folding | None:
    """How the measures of disjoint parts make that of the whole. None where they do not: a mean is derived from what
    does (as in `web/cells.py`), and different values are counted anew."""
    match aggregation:
        case Sum():
            return "sum"
        case ValueCount() | RowCount():
            return "count"
        case Min():
            return "least"
        case Max():
            return "greatest"
        case Mean() | DistinctCount():
            return None
        case _:
            assert_never(aggregation)
