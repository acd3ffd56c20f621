"""Conditions in the language of the embedded engine."""

from __future__ import annotations

from typing import assert_never

from flows.model.conditions import Among, Begins, Between, Compare, Condition, Contains
from flows.model.types import ColumnType, Value


def compile_condition(condition: Condition, column: str, kind: ColumnType) -> tuple[str, list[Value]]:
    """A condition in SQL, and the values to bind.

    Args:
        condition: the condition.
        column: what it is about, in SQL.
        kind: its type.
    """
    match condition:
        case Among(_, allowed, negated):
            values = [kind.in_engine(value) for value in allowed if value is not None]
            choices = [f"{column} IN ({', '.join('?' * len(values))})"] if values else []
            choices += [f"{column} IS NULL"] if len(values) < len(allowed) else []
            found = f"({' OR '.join(choices) or 'false'})"
            return (f"{found} IS NOT TRUE" if negated else found), values
        case Compare(_, operator, value):
            return f"{column} {operator} ?", [kind.in_engine(value)]
        case Between(_, first, last):
            return f"{column} BETWEEN ? AND ?", [kind.in_engine(first), kind.in_engine(last)]
        case Begins(_, text):
            return f"starts_with({column}, ?)", [text]
        case Contains(_, text):
            return f"contains({column}, ?)", [text]
        case _:
            assert_never(condition)
