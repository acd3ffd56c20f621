"""Conditions in Atoti's language, and which of them it can check. Imports no atoti."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, assert_never

from flows.model.conditions import Among, Begins, Between, Compare, Condition, Contains, Ordering
from flows.model.levels import Level
from flows.model.tables import Column, Table
from flows.model.types import ColumnType

_COMPARE: Mapping[Ordering, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def is_inexact_there(column: Column | Level) -> bool:
    """Whether Atoti holds a column's numbers as others than they are: decimals as floats, or as texts where a float has
    too few digits."""
    return column.type.sums == "decimal"


def is_said_there(table: Table, condition: Condition) -> bool:
    """Whether Atoti can check a condition: it looks for no parts of texts, and their order is not the port's."""
    match condition:
        case Among():
            return True
        case Compare(name) | Between(name):
            return table.level(name).type.atoti != "String"
        case Begins() | Contains():
            return False
        case _:
            assert_never(condition)


def asked_values(condition: Among, kind: ColumnType) -> list[Any]:
    """Those of the values that are not null, as Atoti compares them."""
    return [kind.in_engine(value) for value in condition.values if value is not None]


def is_hopeless(condition: Condition, kind: ColumnType) -> bool:
    """Whether no row of a level without nulls meets it."""
    return isinstance(condition, Among) and not condition.negated and not asked_values(condition, kind)


def narrowing(table: Table, where: Iterable[Condition]) -> list[Condition]:
    """The conditions that Atoti can check on rows: those of levels that it holds exactly, where what it makes of nulls
    makes no difference."""
    return [
        condition
        for condition in where
        if table.level(condition.name).is_column
        and is_said_there(table, condition)
        and not is_inexact_there(table.level(condition.name))
        and not _may_take_nulls(condition)
    ]


def _may_take_nulls(condition: Condition) -> bool:
    return isinstance(condition, Among) and (condition.negated or not condition.values or None in condition.values)


def compile_condition(
    table: Table, field: Any, condition: Condition
) -> Any:  # levels and columns are compared in the same way, and what comes of it is not public
    """A condition as Atoti checks it on a level or a column; None for one that every row without nulls meets.

    Raises:
        ValueError: it is one that Atoti does not check; see `is_said_there`.
    """
    kind = table.level(condition.name).type
    match condition:
        case Among(negated=negated):
            values = asked_values(condition, kind)
            found = field.isin(*values) if values else None
            return ~found if negated and found is not None else found
        case Compare(_, ordering, value):
            return _COMPARE[ordering](field, kind.in_engine(value))
        case Between(_, first, last):
            return (field >= kind.in_engine(first)) & (field <= kind.in_engine(last))
        case Begins() | Contains():
            raise ValueError(f"Atoti looks for no parts of texts: {condition}")
        case _:
            assert_never(condition)
