"""The measures of a table by business day. One that fails is an error of that measure, and of nothing else."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import isfinite

import polars as pl

from flows.cube.port import Cube
from flows.errors import CubefeedError
from flows.model.conditions import Among
from flows.model.query import Query
from flows.model.tables import CONTRIBUTORS_COUNT, Table
from flows.model.totals import NOT_COMPUTED, TOO_LARGE, Number, Value
from flows.model.types.decimal import MOST_DIGITS
from flows.runtime.boundaries import QuestionFailed, Scope, boundary, describe

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Measured:
    """Measures by day.

    Args:
        measures: their names.
        by_day: day → measure → value, of the days that have rows; null days are left out.
        failed: measure → why it cannot be computed.
    """

    measures: tuple[str, ...]
    by_day: Mapping[date, Mapping[str, Value]]
    failed: Mapping[str, str]

    def on(self, day: date | None) -> dict[str, Value]:
        """The measures of a day; null where it has no rows."""
        found = self.by_day.get(day, {}) if day is not None else {}
        missing: dict[str, Value] = {name: NOT_COMPUTED if name in self.failed else None for name in self.measures}
        return missing | dict(found)

    def rows_on(self, day: date) -> int | None:
        """How many rows a day has; None where they cannot be counted."""
        rows = self.on(day).get(CONTRIBUTORS_COUNT)
        return None if isinstance(rows, str | float | Decimal) else rows or 0

    def too_large_on(self, day: date) -> list[str]:
        """Which measures of a day are beyond what there is a number for, in words."""
        return [f"{name} {TOO_LARGE}" for name, value in self.on(day).items() if value == TOO_LARGE]

    @property
    def complaints(self) -> list[str]:
        """Which measures fail, and why, in words."""
        return [f"{name} {NOT_COMPUTED}: {why}" for name, why in self.failed.items()]


def measure_days(cube: Cube, table: Table, level: str, days: Sequence[date] | None = None) -> Measured:
    """Ask for the measures that reports show, by day.

    Args:
        cube: where.
        table: of what.
        level: the Date column that holds the day.
        days: which days; all by default.
    """
    names = tuple(measure.name for measure in table.shown)
    by_day: dict[date, dict[str, Value]] = {}
    failed: dict[str, str] = {}
    for asked in _together_or_each(cube, table, level, days, names, failed):
        for row in asked.to_dicts():
            day = row.pop(level)
            if day is not None:
                by_day.setdefault(day, {}).update({name: _value(found) for name, found in row.items()})
    for found in by_day.values():
        found |= dict.fromkeys(failed, NOT_COMPUTED)
    return Measured(names, by_day, failed)


def _together_or_each(
    cube: Cube, table: Table, level: str, days: Sequence[date] | None, names: Sequence[str], failed: dict[str, str]
) -> list[pl.DataFrame]:
    """The answer for all measures at once; where that fails, those of the measures that do not fail by themselves."""
    where = (Among(level, tuple(days)),) if days is not None else ()
    try:
        with boundary(Scope.QUESTION):
            return [cube.query(Query(table.name, tuple(names), (level,), where=where))]
    except (QuestionFailed, CubefeedError) as error:
        if len(names) == 1:
            log.warning("%s: %s %s", table.name, names[0], NOT_COMPUTED, exc_info=error)
            failed[names[0]] = describe(error.cause if isinstance(error, QuestionFailed) else error)
            return []
    return [frame for name in names for frame in _together_or_each(cube, table, level, days, [name], failed)]


def _value(found: Number | str | None) -> Value:
    """What is told of a measure. Whole numbers beyond 64 bits are none that a reader of JSON could hold, and infinite
    ones neither. A decimal comes as text where one of the answer has too many digits."""
    match found:
        case None:
            return None
        case str():
            return total if len((total := Decimal(found)).as_tuple().digits) <= MOST_DIGITS else TOO_LARGE
        case Decimal():
            return found
        case float():
            return found if isfinite(found) else TOO_LARGE
        case _:
            return found if -(2**63) <= found < 2**63 else TOO_LARGE
