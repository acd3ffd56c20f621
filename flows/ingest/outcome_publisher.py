"""What became of work, for the log and for those who listen."""

from __future__ import annotations

import logging
from collections.abc import Callable

from flows.ingest.dataset_state import DatasetState
from flows.ingest.outcome_log import OutcomeLog
from flows.ingest.work import Outcome
from flows.runtime.boundaries import DatasetFailed, Scope, boundary
from flows.store.business_days import mark_told, untold_days
from flows.store.ledger import Ledger

log = logging.getLogger(__name__)


class OutcomePublisher:
    """Logs each outcome, and hands it to the listeners."""

    def __init__(self, ledger: Ledger) -> None:
        self.listeners: list[Callable[[Outcome], None]] = []
        self._ledger = ledger
        self._log = OutcomeLog()

    def publish(self, state: DatasetState, outcome: Outcome) -> None:
        """Log it, and hand it on where it is no dry run."""
        self._log.note(outcome)
        if outcome.dry_run:
            return
        state.note_loaded(file.file for file in outcome.files if file.state == "loaded")
        for listener in self.listeners:
            listener(outcome)
        if outcome.days:
            self._mark_told(outcome)

    def publish_untold(self, state: DatasetState) -> None:
        """Tell what business days had become when the process died, before anybody was told."""
        changes = tuple(day.change for day in untold_days(self._ledger, state.dataset.name) if day.change is not None)
        if changes:
            self.publish(state, Outcome(state.dataset.name, problem=state.degraded, days=changes))

    def _mark_told(self, outcome: Outcome) -> None:
        """Where that cannot be written, the next start tells it again."""
        try:
            with boundary(Scope.DATASET):
                mark_told(self._ledger, outcome.dataset, (change.day for change in outcome.days))
        except DatasetFailed as failed:
            log.warning("%s: what was told of business days is told again: %s", outcome.dataset, failed)
