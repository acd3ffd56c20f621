"""A cube as plain lists of rows: what conditions, measures and formulas mean, said of them in exact fractions.

A row has a value for each column and each level; periods are whole numbers that count them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, assert_never

from flows.model.calculated import (
    Change,
    Difference,
    Formula,
    Growth,
    Operand,
    Parent,
    Plus,
    Previous,
    Rank,
    Ratio,
    Running,
    Share,
    Times,
    Total,
)

PERIODS = ("Year", "Quarter", "Month", "Week", "Weekday")
type Row = Mapping[str, Any]
type Key = Mapping[str, Any]


@dataclass(frozen=True)
class Kept:
    """A condition: on which level or measure, and which of its values count. What are alternatives of one level need
    not all hold."""

    name: str
    holds: Callable[[Any], bool]
    alternative: bool = False


type Where = tuple[Kept, ...]


def meets(row: Row, where: Where) -> bool:
    """Whether conditions hold."""
    choices = {each.name for each in where if each.alternative}
    return all(each.holds(row[each.name]) for each in where if not each.alternative) and all(
        any(each.holds(row[name]) for each in where if each.alternative and each.name == name) for name in choices
    )


def aggregated(measure: str, rows: Iterable[Row]) -> Any:
    """A measure of a column, of some rows."""
    column, word = measure.rsplit(".", 1)
    if column == "contributors":
        return Fraction(len(list(rows)))
    values = [_number(row[column]) for row in rows if row[column] is not None]
    match word:
        case "COUNT":
            return Fraction(len(values))
        case "COUNT_DISTINCT":
            return Fraction(len(set(values)))
        case "SUM":
            return sum(values, Fraction()) if values else None
        case "MEAN":
            return sum(values, Fraction()) / len(values) if values else None
        case "MIN":
            return min(values, default=None)
        case _:
            return max(values, default=None)


def _number(value: Any) -> Any:
    return Fraction(value) if isinstance(value, int | Decimal) else value


def base_of_period(level: str) -> str:
    """The level of days whose periods a level has; the level itself where it has none."""
    before, _, part = level.rpartition(".")
    return before if part in PERIODS else level


class PlainCube:
    """What each formula means, said of rows, one group at a time."""

    def __init__(self, rows: Iterable[Row], asked: tuple[str, ...], formulas: Mapping[str, Formula]) -> None:
        self.rows = list(rows)
        self.asked = asked
        self.formulas = formulas
        self._known: dict[tuple[Any, ...], Any] = {}

    def members(self, at: Key, where: Where) -> list[Row]:
        """The rows of a group."""
        return [row for row in self.rows if all(row[n] == value for n, value in at.items()) and meets(row, where)]

    def groups(self, depth: int, where: Where) -> list[dict[str, Any]]:
        """The groups by the first levels, in their order, without a value first."""
        found = {tuple(row[level] for level in self.asked[:depth]): None for row in self.rows if meets(row, where)}
        keys = [dict(zip(self.asked[:depth], key, strict=True)) for key in found]
        return sorted(keys, key=lambda key: [(value is not None, value) for value in key.values()])

    def value(self, operand: Operand, at: Key, where: Where) -> Any:
        """The value in the group whose levels have these values."""
        known = (operand, tuple(at.items()), where)
        if known not in self._known:
            self._known[known] = self._value(operand, at, where)
        return self._known[known]

    def _value(self, operand: Operand, at: Key, where: Where) -> Any:
        match operand:
            case str():
                named = self.formulas.get(operand)
                return aggregated(operand, self.members(at, where)) if named is None else self.value(named, at, where)
            case int() | float() | Decimal():
                return Fraction(operand)
            case Plus(left, right):
                return self._both(lambda a, b: a + b, left, right, at, where)
            case Difference(left, right):
                return self._both(lambda a, b: a - b, left, right, at, where)
            case Times(left, right):
                return self._both(lambda a, b: a * b, left, right, at, where)
            case Ratio(left, right):
                return _quotient(self.value(left, at, where), self.value(right, at, where))
            case Share(measure, of):
                return self._share(measure, of, at, where)
            case Previous(measure, level):
                return self._before(measure, level, at, where)
            case Change(measure, level) | Growth(measure, level):
                now, then = self.value(measure, at, where), self._before(measure, level, at, where)
                change = None if now is None or then is None else now - then
                return _quotient(change, abs(then)) if isinstance(operand, Growth) and then is not None else change
            case Running(measure, along):
                return self._running(measure, along, at, where)
            case Rank(measure, within):
                return self._rank(measure, within, at, where)
            case _:
                assert_never(operand)

    def _both(self, compute: Any, left: Operand, right: Operand, at: Key, where: Where) -> Any:
        one, other = self.value(left, at, where), self.value(right, at, where)
        return None if one is None or other is None else compute(one, other)

    def _share(self, measure: Operand, of: str | Total | Parent, at: Key, where: Where) -> Any:
        levels = list(at)
        match of:
            case Total():
                fixed: list[str] = []
            case Parent():
                fixed = levels[:-1]
            case str() if of in levels:
                fixed = levels[: levels.index(of) + 1]
            case _:
                return None
        shown = [level for level in self.asked if level not in fixed]
        loose = tuple(each for each in where if each.name not in shown)
        whole = self.value(measure, {level: at[level] for level in fixed}, loose)
        return _quotient(self.value(measure, at, where), whole)

    def _before(self, measure: Operand, level: str, at: Key, where: Where) -> Any:
        if at.get(level) is None:
            return None
        days = base_of_period(level)
        loose = tuple(each for each in where if base_of_period(each.name) != days)
        now = at[level]
        then = {**at, level: now - timedelta(days=1) if isinstance(now, date) else now - 1}
        return self.value(measure, then, loose) if then in self.groups(len(at), loose) else None

    def _running(self, measure: Operand, along: str, at: Key, where: Where) -> Any:
        if along not in at:
            return None
        line = [key for key in self.groups(len(at), where) if all(key[n] == at[n] for n in at if n != along)]
        values = [self.value(measure, key, where) for key in line[: line.index(dict(at)) + 1]]
        known = [value for value in values if value is not None]
        return sum(known, Fraction()) if known else None

    def _rank(self, measure: Operand, within: str | None, at: Key, where: Where) -> Any:
        levels = list(at)
        if within is not None and within not in levels:
            return None
        fixed = [] if within is None else levels[: levels.index(within) + 1]
        loose = tuple(each for each in where if each.name not in levels[len(fixed) :])
        rivals = [key for key in self.groups(len(at), loose) if all(key[level] == at[level] for level in fixed)]
        own = self.value(measure, at, where)
        values = [self.value(measure, key, loose) for key in rivals]
        return None if own is None else 1 + sum(value is not None and value > own for value in values)


def _quotient(one: Any, other: Any) -> Any:
    return None if one is None or not other else one / other
