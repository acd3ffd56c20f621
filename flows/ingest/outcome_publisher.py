"""What became of work, for the log and for those who listen."""

from __future__ import annotations

from collections.abc import Callable

from flows.ingest.dataset_state import DatasetState
from flows.ingest.outcome_log import OutcomeLog
from flows.ingest.work import Outcome


class OutcomePublisher:
    """Logs each outcome, and hands it to the listeners."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[Outcome], None]] = []
        self._log = OutcomeLog()

    def publish(self, state: DatasetState, outcome: Outcome) -> None:
        """Log it, and hand it on where it is no dry run."""
        self._log.note(outcome)
        if outcome.dry_run:
            return
        state.note_loaded(file.file for file in outcome.files if file.state == "loaded")
        for listener in self.listeners:
            listener(outcome)
