"""Levels in the language of the embedded engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

from flows.cube.duckdb.names import TableNames
from flows.cube.duckdb.zones import SHIFT, local_clock
from flows.model.levels import CalendarPart, Joined, Level, OwnColumn, SourceFact
from flows.model.tables import VERSION
from flows.model.types.periods import PeriodType


def join_clauses(levels: Iterable[Level], names: TableNames) -> str:
    """What joins the tables that levels are of, or are computed by."""

    def clauses(level: Level, names: TableNames) -> Iterator[str]:
        match level.source:
            case OwnColumn():
                pass
            case CalendarPart(column):
                yield from (names.shifts[column].clause,) if column in names.shifts else ()
            case SourceFact():
                yield names.sources.clause
            case Joined(join, _, found):
                joined = names.joins[join]
                yield joined.clause
                yield from clauses(found, joined.names)
            case _:
                assert_never(level.source)

    return "".join(dict.fromkeys(clause for level in levels for clause in clauses(level, names)))


def all_joins(names: TableNames, before: str = "") -> dict[str, tuple[str, str]]:
    """All tables that are joined, by what their levels are called by: what joins them, and which rows have a row of the
    table before, and none there.

    Args:
        names: of a table.
        before: which rows have a row of that table; all, where nothing is said.
    """
    found = {}
    for name, joined in names.joins.items():
        matched = joined.names.inside[VERSION]
        found[name] = (joined.clause, f"{before}{matched} IS NULL")
        behind = all_joins(joined.names, f"{matched} IS NOT NULL AND ")
        found |= {f"{name}.{other}": each for other, each in behind.items()}
    return found


def compile_level(level: Level, names: TableNames) -> str:
    """A level in SQL, as the engine holds its values."""
    match level.source:
        case OwnColumn(column):
            return names.inside[column]
        case CalendarPart(column, zone, period):
            day = _local_day(column, zone, names)
            return day if period is None else _period_number(day, period, once=zone is not None)
        case SourceFact(fact):
            return names.sources.columns[fact]
        case Joined(join, _, found, missing):
            joined = names.joins[join].names
            value = compile_level(found, joined)
            no_row = f"{joined.inside[VERSION]} IS NULL"
            return value if missing is None else f"CASE WHEN {no_row} THEN '{missing}' ELSE {value} END"
        case _:
            assert_never(level.source)


def compile_values(level: Level, names: TableNames) -> str:
    """The values of a level in SQL, of which what has no match in a joined table has none."""
    match level.source:
        case Joined(join, _, found):
            return compile_values(found, names.joins[join].names)
        case OwnColumn() | CalendarPart() | SourceFact():
            return compile_level(level, names)
        case _:
            assert_never(level.source)


def compile_grouping(level: Level, names: TableNames, *, totals: bool) -> tuple[str, str]:
    """A level as one groups by it, and as it is shown of a group. What has no match is named once a group, not once a
    row, where no other null is among it.

    Args:
        level: the level.
        names: of the table that is asked.
        totals: whether there are also groups that do not fix it, of which it is null.
    """
    source = level.source
    if not isinstance(source, Joined) or source.missing is None or source.level.nullable:
        compiled = compile_level(level, names)
        return compiled, compiled
    found = compile_level(source.level, names.joins[source.join].names)
    shown = f"coalesce({found}, '{source.missing}')"
    return found, f"CASE WHEN grouping({found}) = 0 THEN {shown} END" if totals else shown


def _local_day(column: str, zone: str | None, names: TableNames) -> str:
    """The day that clocks show; the shift of their zone is looked up, where it is the same all day."""
    moment = names.inside[column]
    if zone is None:
        return f"CAST({moment} AS DATE)"
    shift = names.shifts[column].columns[SHIFT]
    shifted = f"CAST(make_timestamp(epoch_us({moment}) + {shift}) AS DATE)"
    return f"CASE WHEN {shift} IS NULL THEN CAST({local_clock(moment, zone)} AS DATE) ELSE {shifted} END"


def _period_number(day: str, period: PeriodType, *, once: bool) -> str:
    """The number of the period in which a day lies, as `PeriodType` counts.

    Args:
        day: the day.
        period: the periods.
        once: whether it takes longer to find the day twice than to count months in the slower way.
    """
    months = f"12 + datediff('month', DATE '0001-01-01', {day})" if once else f"year({day}) * 12 + month({day}) - 1"
    units = months if period.unit == "month" else f"({day} - DATE '0001-01-01')"
    found = f"(({units} - {period.shift}) // {period.size})"
    return found if period.cycle is None else f"(({found} + {period.cycle}) % {period.cycle})"
