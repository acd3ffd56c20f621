"""Where the values of levels come from, by which levels of several tables are the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from flows.model.levels import CalendarPart, Joined, Level, OwnColumn, SourceFact
from flows.model.tables import Table

type Origin = tuple[str, str]
"""A table, and a level of it."""


def missing_names(level: Level) -> list[str]:
    """What stands where there is no match, that of the last join first."""
    if not isinstance(level.source, Joined) or level.source.missing is None:
        return []
    return [*missing_names(level.source.level), level.source.missing]


def origins(table: Table, level: Level) -> Iterator[Origin]:
    """Where a level comes from: its own table, and those tables in which it is found as it is."""
    yield table.name, level.name
    joins = {join.name: join for join in table.joins}
    match level.source:
        case OwnColumn(column) | CalendarPart(column):
            period = level.name.removeprefix(column)
            for join in table.joins:
                yield from ((join.table.name, f"{there}{period}") for here, there in join.on if here == column)
        case Joined(name, _, found):
            yield from origins(joins[name].table, found)
        case SourceFact():
            pass
        case _:
            assert_never(level.source)
