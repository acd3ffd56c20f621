"""The conditions of a question: `LEVEL=VALUE`, as text and as values."""

from __future__ import annotations

from collections.abc import Iterable

from flows.errors import QueryError
from flows.model.condition_text import parse_value, split_condition
from flows.model.conditions import Among
from flows.model.tables import Table
from flows.model.types import Value
from flows.web.table_names import LEVELS


def parse_conditions(table: Table, conditions: Iterable[str]) -> tuple[Among, ...]:
    """The conditions; the values of one level are alternatives.

    Raises:
        QueryError: a condition has another form, names no level, or its value is not of the level's type.
    """
    where: dict[str, list[Value]] = {}
    for condition in conditions:
        parts = split_condition(condition, LEVELS.of(table))
        if parts is None:
            raise not_a_condition(condition, LEVELS.of(table))
        name, text = parts
        LEVELS.require("where", name, table)
        try:
            where.setdefault(name, []).append(parse_value(table.level(name), text))
        except QueryError as error:
            raise QueryError(error.what, next_step=error.next_step, got=text, field="where") from None
    return tuple(Among(name, tuple(values)) for name, values in where.items())


def not_a_condition(text: str, levels: Iterable[str]) -> QueryError:
    """The error about a text that has another form."""
    return QueryError(
        "A condition needs LEVEL=VALUE",
        next_step="write for example Date=2021-05-01",
        got=text,
        field="where",
        allowed=[f"{level}=…" for level in levels],
    )
