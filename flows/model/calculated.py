"""Calculated measures: what is computed of other measures, by name, after the engine has answered for those.

The formulas are a closed set; whoever computes one matches all of them. Where an operand is null, or a divisor zero,
the result is null. Whole numbers and decimals are computed exactly; quotients are floats, rounded once.

Of the rows below, by Country and City, with `S` = `Revenue.SUM`:

    Country  City    S    Share("S")  Share("S", of="Country")  Rank("S")  Rank("S", within="Country")
    FR       Lyon    20   0.2         0.4                       3          2
    FR       Paris   30   0.3         0.6                       2          1
    DE       Berlin  50   0.5         1.0                       1          1

With the condition `City=Paris` there is the row of Paris alone, and it says the same: a condition on a level that is
asked chooses what is shown, not what it is a share of, or ranked among. With `Day>=2021-05-02`, of a level that is not
asked, all numbers are of those days.

Of the rows below, by Day.Month, there is no row for March:

    Day.Month  S   Previous("S", "Day.Month")  Change(…)  Growth(…)  Running("S", "Day.Month")
    2021-01    40  null                        null       null       40
    2021-02    50  40                          10         0.25       90
    2021-04    60  null                        null       null       150

With a condition on `Day` or its months, such as `Day.Month=2021-02`, what was before is still known: conditions on the
column of the period choose what is shown. A running total begins with the first row that is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from flows.model.types import DECIMAL, FLOAT, INTEGER, ColumnType
from flows.model.types.decimal import MOST_DIGITS, DecimalType

type Constant = int | float | Decimal
type Operand = str | Constant | Formula
"""The name of a measure, a number, or a formula in place."""


@dataclass(frozen=True)
class Plus:
    """Both together."""

    left: Operand
    right: Operand


@dataclass(frozen=True)
class Difference:
    """The first without the second."""

    left: Operand
    right: Operand


@dataclass(frozen=True)
class Times:
    """Both multiplied."""

    left: Operand
    right: Operand


@dataclass(frozen=True)
class Ratio:
    """The first divided by the second."""

    left: Operand
    right: Operand


@dataclass(frozen=True)
class Total:
    """All that the question is about."""


@dataclass(frozen=True)
class Parent:
    """What the levels asked say without the last of them."""


@dataclass(frozen=True)
class Share:
    """What part of a whole it is: of all, of the parent, or of what the levels asked say up to a named one."""

    measure: Operand
    of: str | Total | Parent = Total()


@dataclass(frozen=True)
class Previous:
    """The same in the period before: the day before by a date, the month before by months. Null where the period before
    has no row, even where an earlier one has."""

    measure: Operand
    level: str


@dataclass(frozen=True)
class Change:
    """By how much it is more than in the period before."""

    measure: Operand
    level: str


@dataclass(frozen=True)
class Growth:
    """The change divided by the size of what it was in the period before: 0.25 is a quarter more."""

    measure: Operand
    level: str


@dataclass(frozen=True)
class Running:
    """The sum from the first row that is shown along a level; the other levels stay the same. Nulls are left out."""

    measure: Operand
    along: str


@dataclass(frozen=True)
class Rank:
    """The place among the rows of the same totals, 1 for the greatest; equal ones share it, and the next place stays
    empty. With `within`, among those that the levels asked say up to that one. What is null has no place."""

    measure: Operand
    within: str | None = None


type Formula = Plus | Difference | Times | Ratio | Share | Previous | Change | Growth | Running | Rank


@dataclass(frozen=True)
class CalculatedMeasure:
    """A named formula.

    Args:
        name: its name.
        formula: what is computed.
        type: of the results.
    """

    name: str
    formula: Formula
    type: ColumnType


def operands(formula: Formula) -> tuple[Operand, ...]:
    """What it is computed of."""
    if isinstance(formula, Plus | Difference | Times | Ratio):
        return formula.left, formula.right
    return (formula.measure,)


def required_level(formula: Formula) -> str | None:
    """The level that has to be asked for it."""
    match formula:
        case Share(of=str(level)) | Previous(level=level) | Change(level=level) | Growth(level=level):
            return level
        case Running(along=level):
            return level
        case Rank(within=level):
            return level
        case _:
            return None


def constant_type(number: Constant) -> ColumnType:
    """The type of a constant."""
    match number:
        case int():
            return INTEGER
        case float():
            return FLOAT
        case Decimal():
            exponent = number.as_tuple().exponent
            return DECIMAL.sized(MOST_DIGITS, max(0, -exponent) if isinstance(exponent, int) else 0)


def type_of_result(formula: Formula, of: tuple[ColumnType, ...]) -> ColumnType:
    """The type of its results, from those of its operands."""
    match formula:
        case Plus() | Difference() | Times():
            return _joint_type(*of, scales_add=isinstance(formula, Times))
        case Change() | Running():
            return _joint_type(*of, *of, scales_add=False)
        case Ratio() | Share() | Growth():
            return FLOAT
        case Previous():
            return of[0]
        case Rank():
            return INTEGER


def _joint_type(left: ColumnType, right: ColumnType, *, scales_add: bool) -> ColumnType:
    if "float" in (left.sums, right.sums):
        return FLOAT
    scales = [each.scale if isinstance(each, DecimalType) else 0 for each in (left, right)]
    if not any(isinstance(each, DecimalType) for each in (left, right)):
        return INTEGER
    return DECIMAL.sized(MOST_DIGITS, min(MOST_DIGITS, sum(scales) if scales_add else max(scales)))
