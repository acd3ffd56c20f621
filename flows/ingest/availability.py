"""Which datasets can load: one that cannot is degraded, and tried again; the others go on."""

from __future__ import annotations

import logging

from flows.errors import CubefeedError
from flows.ingest.commit import Appender
from flows.ingest.dataset_state import DatasetState, TableNotFilled
from flows.ingest.outcome_publisher import OutcomePublisher
from flows.ingest.request_answers import RequestAnswers
from flows.ingest.work import Outcome, Work
from flows.runtime.boundaries import DatasetFailed

log = logging.getLogger(__name__)


class Availability:
    """Degrades datasets and lets them recover. Any thread may do so."""

    def __init__(self, appender: Appender, publisher: OutcomePublisher, answers: RequestAnswers) -> None:
        self._appender = appender
        self._publisher = publisher
        self._answers = answers

    def degrade(self, state: DatasetState, work: Work, failed: DatasetFailed) -> Outcome:
        """A dataset could not do this work: its files are offered again, and who asked gets the reason."""
        self.check_filled(state)
        if not isinstance(failed.cause, TableNotFilled):
            state.degrade(str(failed))
            text = "%s cannot load and is tried again in %g s; the other datasets go on. %s"
            trace = None if isinstance(failed.cause, CubefeedError) else failed.cause  # an error says all by itself
            log.error(text, work.dataset, state.retry_s, failed, exc_info=trace)
        state.monitor.inbox.release(work.claimed)
        if work.request is not None:
            self._answers.fail(work.request.id, failed.cause)
        outcome = Outcome(work.dataset, problem=state.degraded or str(failed))
        self._publisher.publish(state, outcome)
        return outcome

    def recover(self, state: DatasetState) -> Outcome:
        """It loads again."""
        outcome = Outcome(state.dataset.name)
        if state.recover():
            self._publisher.publish(state, outcome)
        self._publisher.publish_untold(state)
        return outcome

    def check_filled(self, state: DatasetState) -> None:
        """Have a table filled again that is behind the ledger."""
        state.filled = state.filled and state.dataset.name not in self._appender.unapplied
