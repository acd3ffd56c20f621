"""A business day in a line for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from flows.model.business_day import BusinessDay, DayChange, DayState, TotalChange
from flows.text.numbers import format_number, format_utc
from flows.text.plural import counted

_SAID_BY = {
    "path": "as a file without rows says by its path",
    "expected": "as a file without rows says that came when the day was expected",
}
_NAMED = 5
"""Totals that are named."""


def day_words(day: BusinessDay, due_utc: str | None = None) -> str:
    """What a day is, since when, and why.

    Args:
        day: the day.
        due_utc: when its data must have come.
    """
    since = format_utc(day.since_utc)
    match day.state:
        case DayState.EXPECTED:
            return f"expected by {format_utc(due_utc)}" if due_utc is not None else "expected"
        case DayState.LATE:
            return f"late: nothing had come by {format_utc(due_utc) if due_utc is not None else since}"
        case DayState.ARRIVED:
            return ", ".join(filter(None, [f"arrived {since}", _late(day), _no_rows(day)]))
        case DayState.CLOSED:
            return ", ".join(filter(None, [f"closed {since}", _late(day), _no_rows(day) or _rows(day)]))
        case DayState.RESTATED:
            return f"restated {since}, {_rows(day)}: {_changes(day.changes)}"
        case _:
            assert_never(day.state)


def change_words(change: DayChange) -> str:
    """What a day has become, for a log."""
    totals = [TotalChange.from_json(each) for each in change.facts.get("changes", ())]
    why = f": {_changes(totals)}" if change.state is DayState.RESTATED else ""
    return f"{change.day} is {change.state.value}, {counted(change.facts['rows'], 'row')}{why}"


def _late(day: BusinessDay) -> str:
    return "late" if day.late_utc is not None and day.arrived_utc is not None else ""


def _rows(day: BusinessDay) -> str:
    return counted(day.rows or 0, "row")


def _no_rows(day: BusinessDay) -> str:
    return f"no rows, {_SAID_BY[day.said_by]}" if day.said_by in _SAID_BY and not day.rows else ""


def _changes(changes: Sequence[TotalChange]) -> str:
    if not changes:
        return "its totals are as they were when it was closed"
    named = [f"{c.measure} {format_number(c.before)} → {format_number(c.after)}" for c in changes[:_NAMED]]
    more = len(changes) - len(named)
    return ", ".join([*named, *([f"and {more} more"] if more else [])])
