"""Closes business days from outside of the session: asks it for each, keeps the report, and says what came of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from flows.day_report.build import complete_report, keep_report
from flows.errors import CubefeedError, NotRunning, RequestFailed
from flows.model.day_facts import DayReport
from flows.model.day_range import short_list
from flows.text.plural import counted

NAMED = 5
"""Days whose reasons a sentence gives."""


@dataclass(frozen=True)
class DayClose:
    """What came of closing a day.

    Args:
        day: in ISO; None where nothing says which rows belong to a day.
        complaints: what is wrong, in words; nothing where the day is closed.
        facts: what the session found.
        report: of the day.
        places: where the report lies.
        error: why it could not be closed at all.
    """

    day: str | None
    complaints: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)
    report: DayReport | None = field(default=None, repr=False)  # Prefect's log shows a result where it is that of a day
    places: tuple[str, ...] = field(default=(), repr=False)
    error: CubefeedError | None = field(default=None, repr=False)

    @property
    def result(self) -> str:
        """In a sentence."""
        if self.complaints:
            return "; ".join(self.complaints)
        if self.facts["day_rows"] is None:
            return f"{counted(self.facts['rows'], 'row')}; the cube equals the ledger"
        if not self.facts["arrived"] and not self.facts["expected"]:
            return f"no data expected for {self.day}; the cube equals the ledger"
        return f"{counted(self.facts['day_rows'], 'row')} of {self.day}; the cube equals the ledger"

    def as_json(self) -> dict[str, Any]:
        """For programs, and for tables."""
        named = {"business_day": self.day, "result": self.result, "report": ", ".join(self.places)}
        return {**named, **self.facts, "complaints": list(self.complaints)}


def close_business_day(
    state: Path, day: date | None, ask: Callable[[Mapping[str, Any]], dict[str, Any]], **asked: object
) -> DayClose:
    """Have a business day closed, and keep its report.

    Args:
        state: the state directory.
        day: which one; by default the one that is due.
        ask: asks the session to close a day, with the payload of that request, and returns its answer.
        asked: what else the request says.
    """
    named = None if day is None else day.isoformat()
    try:
        answer = ask({**asked, "date": named})
    except (RequestFailed, NotRunning) as error:
        return DayClose(named, (str(error),), error=error)
    facts, report = dict(answer["day"]), complete_report(state, answer["report"])
    complaints = tuple(facts.pop("complaints"))
    return DayClose(facts["business_day"], complaints, facts, report, tuple(keep_report(state, report)))


def days_left_by(closed: Sequence[DayClose], days: Sequence[date | None]) -> list[DayClose]:
    """The days that are left where there is no session any more to ask for them; none while there is one."""
    if not closed or not isinstance(closed[-1].error, NotRunning):
        return []
    return [DayClose(str(day), closed[-1].complaints, error=closed[-1].error) for day in days[len(closed) :]]


def verdict_of(closed: Sequence[DayClose]) -> str:
    """What came of all of them, those that are wrong first."""
    if len(closed) == 1:
        return closed[0].result
    wrong = [each for each in closed if each.complaints]
    if not wrong:
        rows = sum(each.facts["day_rows"] or 0 for each in closed)
        return f"{counted(len(closed), 'day')} closed, {counted(rows, 'row')}; the cube equals the ledger"
    days = short_list(date.fromisoformat(each.day) for each in wrong if each.day)
    reasons = "".join(f". {each.day}: {each.result}" for each in wrong[:NAMED])
    more = f". And {counted(len(wrong) - NAMED, 'more day')}" if len(wrong) > NAMED else ""
    verb = "is" if len(wrong) == 1 else "are"
    return f"{len(wrong)} of {counted(len(closed), 'day')} {verb} wrong: {days}{reasons}{more}"
