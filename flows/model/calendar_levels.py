"""The levels of the calendar that each date and each moment has: `Day.Year`, `Day.Quarter`, and so on."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flows.model.declaration import require
from flows.model.levels import CalendarPart, Level
from flows.model.types import DATE, DATETIME, ColumnType
from flows.model.types.moment import MomentType
from flows.model.types.periods import WEEKDAYS, MonthType, PeriodType, QuarterType, WeekType, YearType, weekdays_from


@dataclass(frozen=True)
class Calendar:
    """How days are grouped into the periods of the calendar.

    Args:
        fiscal_start: the month in which years begin, 1 to 12: their quarters are counted from it, and where it is not
            January, a year has the name of both that it lies in, such as `2021/22`.
        first_weekday: the day that `Weekday` sorts first. Weeks are those of ISO 8601, from Monday to Sunday, anyhow.
    """

    fiscal_start: int = 1
    first_weekday: str = "Monday"

    def __post_init__(self) -> None:
        months = type(self.fiscal_start) is int and 1 <= self.fiscal_start <= 12
        require(months, "calendar.fiscal_start", "a month from 1 to 12", self.fiscal_start)
        known = self.first_weekday in WEEKDAYS
        require(known, "calendar.first_weekday", f"one of {', '.join(WEEKDAYS)}", self.first_weekday)

    @property
    def periods(self) -> dict[str, PeriodType]:
        """Name → the type of its periods."""
        begin = self.fiscal_start - 1
        return {
            "Year": YearType("year", (), shift=begin),
            "Quarter": QuarterType("quarter", (), shift=begin),
            "Month": MonthType("month", ()),
            "Week": WeekType("week", ()),
            "Weekday": weekdays_from(WEEKDAYS.index(self.first_weekday)),
        }


def calendar_levels(of: Level, calendar: Calendar) -> tuple[Level, ...]:
    """The calendar levels of a column of dates or moments; none of other columns. Moments have the day
    itself too."""
    if of.type is not DATE and not _is_moment(of.type):
        return ()
    zone = of.type.zone if isinstance(of.type, MomentType) else None
    day = CalendarPart(of.name, zone)
    days = (Level(f"{of.name}.Day", DATE, day, of.nullable),) if _is_moment(of.type) else ()
    parts = calendar.periods.items()
    return (*days, *(Level(f"{of.name}.{part}", each, replace(day, period=each), of.nullable) for part, each in parts))


def _is_moment(kind: ColumnType) -> bool:
    return kind is DATETIME or isinstance(kind, MomentType)
