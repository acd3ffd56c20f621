"""Conditions as people write them."""

from __future__ import annotations

from collections.abc import Iterable

from flows.errors import QueryError
from flows.model.levels import Level
from flows.model.tables import Column
from flows.model.types import Value


def split_condition(condition: str, names: Iterable[str]) -> tuple[str, str] | None:
    """The name and the value of NAME=VALUE; None where it has another form. Names may have a `=` in them: the longest
    that fits is meant."""
    known = max((name for name in names if condition.startswith(f"{name}=")), key=len, default=None)
    if known is not None:
        return known, condition[len(known) + 1 :]
    name, equals, text = condition.partition("=")
    return (name, text) if equals else None


def parse_value(column: Column | Level, text: str) -> Value:
    """The value that `text` writes, in the column's type; an empty text is null.

    Raises:
        QueryError: the text is no such value.
    """
    if text == "":
        return None
    try:
        value = column.type.parse(text)
    except ValueError:
        raise QueryError(
            f"Not a value of level {column.name}",
            next_step=f"write a {column.type.noun}, dates as 2021-05-01",
            got=text,
        ) from None
    if not column.type.holds(value):
        raise QueryError(f"Not a value of level {column.name}", next_step=f"give a {column.type.noun}", got=repr(value))
    return value
