"""Notices that a business day is late: its time has passed, and nothing of it has come."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta

from flows.ingest.dataset_state import DatasetState
from flows.ingest.outcome_publisher import OutcomePublisher
from flows.ingest.work import Outcome
from flows.model.business_day import BusinessDay
from flows.model.calendar import business_day, due_at, in_zone
from flows.runtime.boundaries import DatasetFailed, Scope, boundary
from flows.runtime.health import Health, Phase
from flows.store.business_days import note_late
from flows.store.ledger import Ledger

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""How often the clock is looked at."""
GRACE = timedelta(seconds=60)
"""How long a day's time is passed before it is late where files wait: they lay there in time, and may be the day's."""


class Lateness:
    """Tells that a day is late, once. Not before what lay there at the start is loaded.

    Args:
        datasets: whose days.
        ledger: where they are noted.
        publisher: tells it.
        health: whether the session is live.
        clock: the time now.
    """

    def __init__(
        self,
        datasets: Mapping[str, DatasetState],
        ledger: Ledger,
        publisher: OutcomePublisher,
        health: Health,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._datasets = datasets
        self._ledger = ledger
        self._publisher = publisher
        self._health = health
        self._clock = clock
        self._looked_at: dict[str, date] = {}
        self._next = 0.0

    def look(self) -> None:
        """Look at the clock, where it is time for that."""
        if time.monotonic() < self._next or self._health.phase is not Phase.LIVE:
            return
        self._next = time.monotonic() + LOOK_S
        for state in self._datasets.values():
            self._look_at(state)

    def _look_at(self, state: DatasetState) -> None:
        """The day that is due now; the ledger is asked once for each."""
        expect, name, now = state.dataset.expect, state.dataset.name, self._clock()
        day = business_day(expect, now) if expect is not None else None
        if expect is None or day is None or self._looked_at.get(name) == day:
            return
        if in_zone(now, UTC) - in_zone(due_at(expect, day), UTC) < GRACE and state.monitor.inbox.list_waiting():
            return
        try:
            with boundary(Scope.DATASET):
                late = note_late(self._ledger, name, day)
        except DatasetFailed as failed:
            log.warning("%s: whether %s is late is looked at again: %s", name, day, failed)
            return
        self._looked_at[name] = day
        if late is not None:
            self._tell(state, late)

    def _tell(self, state: DatasetState, day: BusinessDay) -> None:
        days = (day.change,) if day.change is not None else ()
        self._publisher.publish(state, Outcome(day.dataset, problem=state.degraded, days=days))
