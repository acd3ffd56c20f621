"""Levels in the language of the embedded engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

from flows.model.levels import CalendarPart, Joined, Level, OwnColumn
from flows.model.tables import VERSION, Table
from flows.model.types.periods import PeriodType


@dataclass(frozen=True)
class JoinedTable:
    """A table as it is joined to another one, under names that no other table has.

    Args:
        clause: what joins it.
        inside: its columns → their names inside.
        joins: what is joined to it in turn.
    """

    clause: str
    inside: Mapping[str, str]
    joins: Mapping[str, JoinedTable]


def joined_tables(
    table: Table, inside: Mapping[str, str], tables: Mapping[str, tuple[str, Mapping[str, str]]], prefix: str = "j"
) -> dict[str, JoinedTable]:
    """The tables that are joined to one, by the names of their joins.

    Args:
        table: the table.
        inside: its columns → their names inside.
        tables: each table of the cube → its name inside, and its columns' names inside.
        prefix: what the names of joined columns begin with.
    """
    found = {}
    for number, join in enumerate(table.joins):
        name, columns = tables[join.table.name]
        own = f"{prefix}{number}"
        named = {column: f"{own}{each}" for column, each in columns.items()}
        renamed = ", ".join(f"{each} AS {named[column]}" for column, each in columns.items())
        met = " AND ".join(f"{inside[here]} = {named[there]}" for here, there in join.on)
        clause = f" LEFT JOIN (SELECT {renamed} FROM {name}) ON {met}"
        found[join.name] = JoinedTable(clause, named, joined_tables(join.table, named, tables, f"{own}j"))
    return found


def join_clauses(levels: Iterable[Level], joins: Mapping[str, JoinedTable]) -> str:
    """What joins the tables that levels are of."""

    def clauses(level: Level, joins: Mapping[str, JoinedTable]) -> Iterator[str]:
        if isinstance(level.source, Joined):
            joined = joins[level.source.join]
            yield joined.clause
            yield from clauses(level.source.level, joined.joins)

    return "".join(dict.fromkeys(clause for level in levels for clause in clauses(level, joins)))


def all_joins(joins: Mapping[str, JoinedTable], before: str = "") -> dict[str, tuple[str, str]]:
    """All tables that are joined, by what their levels are called by: what joins them, and which rows have a row of the
    table before, and none there.

    Args:
        joins: what is joined to a table.
        before: which rows have a row of that table; all, where nothing is said.
    """
    found = {}
    for name, joined in joins.items():
        matched = joined.inside[VERSION]
        found[name] = (joined.clause, f"{before}{matched} IS NULL")
        behind = all_joins(joined.joins, f"{matched} IS NOT NULL AND ")
        found |= {f"{name}.{other}": each for other, each in behind.items()}
    return found


def compile_level(level: Level, inside: Mapping[str, str], joins: Mapping[str, JoinedTable]) -> str:
    """A level in SQL, as the engine holds its values.

    Args:
        level: the level.
        inside: column of the table → its name inside.
        joins: the tables that are joined to it.
    """
    match level.source:
        case OwnColumn(column):
            return inside[column]
        case CalendarPart(column, zone, period):
            day = _local_day(inside[column], zone)
            return day if period is None else _period_number(day, period)
        case Joined(join, _, found, missing):
            joined = joins[join]
            value = compile_level(found, joined.inside, joined.joins)
            no_row = f"{joined.inside[VERSION]} IS NULL"
            return value if missing is None else f"CASE WHEN {no_row} THEN '{missing}' ELSE {value} END"
        case _:
            assert_never(level.source)


def compile_grouping(
    level: Level, inside: Mapping[str, str], joins: Mapping[str, JoinedTable], *, totals: bool
) -> tuple[str, str]:
    """A level as one groups by it, and as it is shown of a group. What has no match is named once a group, not once a
    row, where no other null is among it.

    Args:
        level: the level.
        inside: column of the table → its name inside.
        joins: the tables that are joined to it.
        totals: whether there are also groups that do not fix it, of which it is null.
    """
    source = level.source
    if not isinstance(source, Joined) or source.missing is None or source.level.nullable:
        compiled = compile_level(level, inside, joins)
        return compiled, compiled
    joined = joins[source.join]
    found = compile_level(source.level, joined.inside, joined.joins)
    shown = f"coalesce({found}, '{source.missing}')"
    return found, f"CASE WHEN grouping({found}) = 0 THEN {shown} END" if totals else shown


def _local_day(column: str, zone: str | None) -> str:
    clock = column if zone is None else f"timezone('{zone}', timezone('UTC', {column}))"
    return f"CAST({clock} AS DATE)"


def _period_number(day: str, period: PeriodType) -> str:
    """The number of the period in which a day lies, as `PeriodType` counts."""
    units = f"year({day}) * 12 + month({day}) - 1" if period.unit == "month" else f"({day} - DATE '0001-01-01')"
    found = f"(({units} - {period.shift}) // {period.size})"
    return found if period.cycle is None else f"(({found} + {period.cycle}) % {period.cycle})"
