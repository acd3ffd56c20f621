"""Days and moments: their parts, and what of them stays in the calendar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import polars as pl

from flows.model.expressions import exact
from flows.model.expressions.term import Kind, Refused, Sheet, Term, no_meaning

_YEARS = (1, 9999)
"""As Python has them."""
_PARTS = {
    "Year": "year", "IsoYear": "iso_year", "Quarter": "quarter", "Month": "month", "Week": "week",
    "WeekDay": "weekday", "Day": "day", "OrdinalDay": "ordinal_day",
}  # fmt: skip
_CLOCK_PARTS = {"Hour": "hour", "Minute": "minute", "Second": "second"}
_TOTALS = {
    "TotalDays": "total_days", "TotalHours": "total_hours", "TotalMinutes": "total_minutes",
    "TotalSeconds": "total_seconds",
}  # fmt: skip
_MOST_PART = 10_000
_MOST_TOTAL = 2**62


def in_calendar(sheet: Sheet, term: Term) -> Term:
    """The same days or moments, which fail outside of the years 1 to 9999."""
    years = [term.value.dt.year()]
    years += [term.value.dt.convert_time_zone("UTC").dt.year()] if term.kind is Kind.MOMENT else []
    outside = ~pl.all_horizontal(year.is_between(*_YEARS) for year in years)
    return replace(term, failed=sheet.failed(term.failed, sheet.flag(outside)))


def _part(method: str, *, of_clock: bool) -> Callable[[Sheet, Term], Term]:
    def part(sheet: Sheet, time: Term) -> Term:
        kinds = (Kind.CLOCK, Kind.MOMENT) if of_clock else (Kind.DAY, Kind.CLOCK, Kind.MOMENT)
        if time.kind not in kinds:
            raise no_meaning(f"dt.{method}()", time, expected=f"with {' or '.join(kind.value for kind in kinds)}")
        return exact.whole(sheet, getattr(time.value.dt, method)(), _MOST_PART, time)

    return part


def _total(method: str) -> Callable[..., Term]:
    def total(sheet: Sheet, span: Term, *, fractional: bool) -> Term:
        if span.kind is not Kind.SPAN or fractional:
            raise no_meaning(f"dt.{method}()", span, expected="with the difference of two moments, in whole")
        return exact.whole(sheet, getattr(span.value.dt, method)(), _MOST_TOTAL, span)

    return total


def _date(sheet: Sheet, time: Term) -> Term:
    if time.kind not in (Kind.DAY, Kind.CLOCK, Kind.MOMENT):
        raise no_meaning("dt.date()", time, expected="with a date and time")
    return sheet.term(Kind.DAY, time.value.dt.date(), time)


def _truncate(sheet: Sheet, time: Term, every: Term) -> Term:
    if time.kind not in (Kind.DAY, Kind.CLOCK, Kind.MOMENT) or not isinstance(every.constant, str):
        raise no_meaning(
            "dt.truncate()", time, every, expected='with a day or a moment, and a written length such as "1mo"'
        )
    return in_calendar(sheet, replace(time, value=sheet.keep(time.value.dt.truncate(every.constant)), constant=None))


def _edge(method: str) -> Callable[[Sheet, Term], Term]:
    def edge(sheet: Sheet, time: Term) -> Term:
        if time.kind is not Kind.DAY:
            raise no_meaning(f"dt.{method}()", time, expected="with a day; .dt.date() makes one of a moment")
        return sheet.term(Kind.DAY, getattr(time.value.dt, method)(), time)

    return edge


def _convert(sheet: Sheet, moment: Term, *, zone: str) -> Term:
    if moment.kind is not Kind.MOMENT:
        raise no_meaning("dt.convert_time_zone()", moment, expected="with a moment of a time zone")
    return replace(moment, value=sheet.keep(moment.value.dt.convert_time_zone(zone)), zone=zone, constant=None)


def zone_of(options: object) -> dict[str, object]:
    """The options of `convert_time_zone` as polars writes them."""
    match options:
        case {"inner": str(zone)}:
            return {"zone": zone}
    raise Refused("dt.convert_time_zone()", "with the name of a time zone")


TEMPORAL: dict[str, Callable[..., Term]] = {
    **{name: _part(method, of_clock=False) for name, method in _PARTS.items()},
    **{name: _part(method, of_clock=True) for name, method in _CLOCK_PARTS.items()},
    **{name: _total(method) for name, method in _TOTALS.items()},
    "Date": _date,
    "Truncate": _truncate,
    "MonthStart": _edge("month_start"),
    "MonthEnd": _edge("month_end"),
    "ConvertTimeZone": _convert,
}
"""Polars' name of a function of days and moments → what it computes."""
