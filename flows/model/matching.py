"""Which rows of a frame meet a condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import polars as pl

from flows.model.conditions import Among, Begins, Between, Compare, Condition, Contains
from flows.model.types import ColumnType, Value


def matches(condition: Condition, column: pl.Expr, kind: ColumnType) -> pl.Expr:
    """Whether each row meets a condition; never null.

    Args:
        condition: the condition.
        column: the values that it is about.
        kind: their type.
    """
    match condition:
        case Among(_, values, negated):
            found = _among(column, kind, values)
            return ~found if negated else found
        case Compare(_, operator, value):
            other = _literal(kind, value)
            match operator:
                case "<":
                    found = column < other
                case "<=":
                    found = column <= other
                case ">":
                    found = column > other
                case ">=":
                    found = column >= other
                case _:
                    assert_never(operator)
        case Between(_, first, last):
            found = column.is_between(_literal(kind, first), _literal(kind, last))
        case Begins(_, text):
            found = column.str.starts_with(text)
        case Contains(_, text):
            found = column.str.contains(text, literal=True)
        case _:
            assert_never(condition)
    return found.fill_null(False)


def _among(column: pl.Expr, kind: ColumnType, allowed: Sequence[Value]) -> pl.Expr:
    values = [value for value in allowed if value is not None]
    among = column.is_in(_series(kind, values).implode()).fill_null(False) if values else pl.lit(False)
    return among | column.is_null() if len(values) < len(allowed) else among


def _literal(kind: ColumnType, value: Value) -> pl.Expr:
    return pl.lit(_series(kind, [value])).first()


def _series(kind: ColumnType, values: Sequence[Value]) -> pl.Series:
    return pl.Series(values, dtype=kind.frame, strict=False)  # whole numbers may be meant as floats
