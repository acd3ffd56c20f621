"""The measures of a table by business day. One that fails is an error of that measure, and of nothing else."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import isfinite

import polars as pl

from flows.cube.asking.calculate import calculate, is_calculated
from flows.cube.asking.widen import require_levels
from flows.cube.frames import sum_overflow
from flows.cube.port import Cube
from flows.errors import CubefeedError, QueryError
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
        calculated: the names of those that are calculated of the measures. They say nothing of whether a day is as it
            was: a share or a running total is another one once the rows of another day are.
    """

    measures: tuple[str, ...]
    by_day: Mapping[date, Mapping[str, Value]]
    failed: Mapping[str, str]
    calculated: tuple[str, ...] = ()

    def on(self, day: date | None) -> dict[str, Value]:
        """The measures of a day, but for calculated ones; null where it has no rows."""
        return self._on(day, self.measures)

    def shown_on(self, day: date | None) -> dict[str, Value]:
        """The measures of a day, and after them those that are calculated."""
        return self._on(day, (*self.measures, *self.calculated))

    def _on(self, day: date | None, names: tuple[str, ...]) -> dict[str, Value]:
        found = self.by_day.get(day, {}) if day is not None else {}
        return {name: found.get(name, NOT_COMPUTED if name in self.failed else None) for name in names}

    def rows_on(self, day: date) -> int | None:
        """How many rows a day has; None where they cannot be counted."""
        rows = self.on(day).get(CONTRIBUTORS_COUNT)
        return None if isinstance(rows, str | float | Decimal) else rows or 0

    def too_large_on(self, day: date) -> list[str]:
        """Which measures of a day are beyond what there is a number for, in words."""
        return [f"{name} {TOO_LARGE}" for name, value in self.shown_on(day).items() if value == TOO_LARGE]

    @property
    def complaints(self) -> list[str]:
        """Which measures fail, and why, in words."""
        return [f"{name} {NOT_COMPUTED}: {why}" for name, why in self.failed.items()]


def measure_days(
    cube: Cube, table: Table, level: str, days: Sequence[date] | None = None, *, with_calculated: bool = False
) -> Measured:
    """Ask for the measures that reports show, by day.

    Args:
        cube: where.
        table: of what.
        level: the Date column that holds the day.
        days: which days; all by default.
        with_calculated: whether also for the calculated numbers that the day alone tells.
    """
    names = tuple(measure.name for measure in table.shown)
    calculated = tuple(_told_by_day(table, level)) if with_calculated else ()
    by_day: dict[date, dict[str, Value]] = {}
    failed: dict[str, str] = {}
    answers = _together_or_each(cube, table, level, days, names, failed)
    answers += _together_or_each(cube, table, level, days, calculated, failed) if calculated else []
    for asked in answers:
        for row in asked.to_dicts():
            day = row.pop(level)
            if day is not None:
                by_day.setdefault(day, {}).update({name: _value(found) for name, found in row.items()})
    for found in by_day.values():
        found |= dict.fromkeys(failed, NOT_COMPUTED)
    return Measured(names, by_day, failed, calculated)


def _told_by_day(table: Table, level: str) -> Iterator[str]:
    """The calculated numbers that need no other level than the day."""
    for measure in table.calculated:
        with suppress(QueryError):
            require_levels(table, Query(table.name, (measure.name,), (level,)))
            if measure.type.numeric:
                yield measure.name


def _ask(cube: Cube, table: Table, query: Query) -> pl.DataFrame:
    if not is_calculated(table, query):
        return cube.query(query)
    rows, too_large = calculate(table, query, cube.query_together)
    if too_large:
        raise sum_overflow(table, too_large[0])
    return rows


def _together_or_each(
    cube: Cube, table: Table, level: str, days: Sequence[date] | None, names: Sequence[str], failed: dict[str, str]
) -> list[pl.DataFrame]:
    """The answer for all measures at once; where that fails, those of the measures that do not fail by themselves."""
    where = (Among(level, tuple(days)),) if days is not None else ()
    try:
        with boundary(Scope.QUESTION):
            return [_ask(cube, table, Query(table.name, tuple(names), (level,), where=where))]
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
