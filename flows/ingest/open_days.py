"""The days of which more rows are no news, so that the usual commit asks the ledger nothing about days."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from flows.model.business_day import BusinessDay, DayState
from flows.store.business_days import last_closed
from flows.store.ledger import Ledger


class OpenDays:
    """Remembers, of each dataset, the days that have come with rows and are not closed, and whether any ever was.

    One process writes the ledger, in one thread.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._open: dict[str, set[date]] = {}
        self._closes: dict[str, bool] = {}

    def others(self, dataset: str, days: Iterable[date]) -> set[date]:
        """Those of the days of which rows may be news."""
        return set(days) - self._open.get(dataset, set())

    def note(self, dataset: str, days: Iterable[BusinessDay]) -> None:
        """What days are in the ledger now."""
        known = self._open.setdefault(dataset, set())
        for day in days:
            if day.state is DayState.ARRIVED and day.rows:
                known.add(day.day)
            else:
                known.discard(day.day)

    def forget(self, dataset: str) -> None:
        """Ask the ledger again: a day is about to be closed."""
        self._open.pop(dataset, None)
        self._closes.pop(dataset, None)

    def has_closed(self, dataset: str) -> bool:
        """Whether any day was ever closed."""
        if dataset not in self._closes:
            self._closes[dataset] = last_closed(self._ledger, dataset) is not None
        return self._closes[dataset]
