"""Conditions: which values of a level count. A closed set, that each engine compiles whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, assert_never

from flows.errors import QueryError
from flows.model.types import ColumnType, Value

type Ordering = Literal["<", "<=", ">", ">="]


@dataclass(frozen=True)
class Among:
    """It has one of these values.

    Args:
        name: the level, or, of an answer, the measure.
        values: those; None is that it has no value. Without any of them no row counts.
        negated: it has none of them instead. What this and its opposite find is together everything: rows without a
            value are among those that have none of some values.
    """

    name: str
    values: tuple[Value, ...]
    negated: bool = False


@dataclass(frozen=True)
class Compare:
    """It has a value before or behind another, in the order of its type; texts are in that of their characters."""

    name: str
    operator: Ordering
    value: Value


@dataclass(frozen=True)
class Between:
    """It has a value from one to another, both included."""

    name: str
    first: Value
    last: Value


@dataclass(frozen=True)
class Begins:
    """Its text begins with this one, letter by letter."""

    name: str
    text: str


@dataclass(frozen=True)
class Contains:
    """Its text has this one somewhere, letter by letter."""

    name: str
    text: str


type Condition = Among | Compare | Between | Begins | Contains


def check_condition(condition: Condition, kind: ColumnType) -> None:
    """Refuse a condition that a column of this type cannot meet.

    Raises:
        QueryError: a value is not of the type, or has no order, or text is looked for in what is none.
    """
    for value in _values(condition):
        if not kind.holds(value):
            raise QueryError(f"Not a value of {condition.name}", next_step=f"give a {kind.noun}", got=repr(value))
        if value != value and not isinstance(condition, Among):  # as no other number does
            raise QueryError(f"Not in any order of {condition.name}", next_step="give a number", got=repr(value))
    if isinstance(condition, Begins | Contains) and str not in kind.values:
        raise QueryError(
            f"{condition.name} is no text, but a {kind.kind}",
            next_step="compare it with =, <, <=, >, >= or between",
            got=condition.text,
        )


def _values(condition: Condition) -> Iterator[Value]:
    match condition:
        case Among(_, values):
            yield from (value for value in values if value is not None)
        case Compare(_, _, value):
            yield value
        case Between(_, first, last):
            yield from (first, last)
        case Begins() | Contains():
            pass
        case _:
            assert_never(condition)
