"""Levels in the language of the embedded engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from flows.model.levels import CalendarPart, Level, OwnColumn
from flows.model.types.periods import PeriodType


def compile_level(level: Level, inside: Mapping[str, str]) -> str:
    """A level in SQL, as the engine holds its values.

    Args:
        level: the level.
        inside: column of the table → its name inside.
    """
    match level.source:
        case OwnColumn(column):
            return inside[column]
        case CalendarPart(column, zone, period):
            day = _local_day(inside[column], zone)
            return day if period is None else _period_number(day, period)
        case _:
            assert_never(level.source)


def _local_day(column: str, zone: str | None) -> str:
    clock = column if zone is None else f"timezone('{zone}', timezone('UTC', {column}))"
    return f"CAST({clock} AS DATE)"


def _period_number(day: str, period: PeriodType) -> str:
    """The number of the period in which a day lies, as `PeriodType` counts."""
    units = f"year({day}) * 12 + month({day}) - 1" if period.unit == "month" else f"({day} - DATE '0001-01-01')"
    found = f"(({units} - {period.shift}) // {period.size})"
    return found if period.cycle is None else f"(({found} + {period.cycle}) % {period.cycle})"
