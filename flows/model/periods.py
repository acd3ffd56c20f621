"""The period before another one, of levels whose values are periods."""

from __future__ import annotations

from datetime import date, timedelta

from flows.model.types import DATE, ColumnType, Value
from flows.model.types.periods import PeriodType


def has_periods(kind: ColumnType) -> bool:
    """Whether values of a type follow each other in the calendar, as days and months do and weekdays do not."""
    return kind is DATE or (isinstance(kind, PeriodType) and kind.cycle is None)


def period_before(kind: ColumnType, value: Value) -> Value:
    """The period before one; None where there is none."""
    if isinstance(kind, PeriodType) and isinstance(value, str):
        number = kind.number(value)
        return kind.from_engine(number - 1) if number > 0 else None
    if isinstance(value, date) and value > date.min:
        return value - timedelta(days=1)
    return None
