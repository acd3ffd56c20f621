"""The business days that a status shows: the last ones, the one that is due, and the next."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flows.model.business_day import BusinessDay
from flows.model.calendar import business_day, day_after, due_at, has_data, in_zone
from flows.model.dataset import Dataset
from flows.store.business_days import last_days
from flows.store.ledger import Ledger
from flows.text.day_words import day_words

SHOWN_DAYS = 5
"""Days that are shown of those of which something is known."""


def shown_days(
    dataset: Dataset, ledger: Ledger, now: datetime | None = None, *, most: int = SHOWN_DAYS
) -> list[dict[str, Any]]:
    """The days in JSON types, the last one first; none where no day is expected."""
    expect = dataset.expect
    if expect is None:
        return []
    days = {day.day: day for day in last_days(ledger, dataset.name, most)}
    due = business_day(expect, now or datetime.now(UTC))
    following = day_after(expect, due) if due is not None else None
    for day in (due, following):
        if day is not None:
            days.setdefault(day, BusinessDay(dataset.name, day))
    return [_shown(dataset, days[day]) for day in sorted(days, reverse=True)]


def _shown(dataset: Dataset, day: BusinessDay) -> dict[str, Any]:
    expect = dataset.expect
    due = due_at(expect, day.day) if expect is not None and has_data(expect, day.day) else None
    due_utc = in_zone(due, UTC).isoformat(timespec="seconds") if due is not None else None
    facts = {name: value for name, value in day.as_json().items() if name != "dataset"}
    return {**facts, "due_utc": due_utc, "words": day_words(day, due_utc)}
