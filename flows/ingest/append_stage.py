"""The last stage of a piece of work: it is committed, recorded, answered and published."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from flows.errors import CubefeedError
from flows.ingest.availability import Availability
from flows.ingest.commit import Appender, Commit
from flows.ingest.dataset_state import DatasetState
from flows.ingest.outcome_publisher import OutcomePublisher
from flows.ingest.request_actions import RequestActions
from flows.ingest.request_answers import RequestAnswers
from flows.ingest.resources import Resources
from flows.ingest.table_fill import TableFill
from flows.ingest.work import CheckedBatch, Outcome, Work
from flows.model.lifecycle import PathFacts
from flows.runtime.boundaries import DatasetFailed, RequestLost, Scope, boundary
from flows.store.accepted_keys import accept_keys
from flows.store.allowance import Allowance
from flows.store.expiry import Expiry
from flows.store.requests import Request

log = logging.getLogger(__name__)


class AppendStage:
    """Brings checked batches into the cube. All of it runs in the thread that writes the cube."""

    def __init__(
        self,
        resources: Resources,
        appender: Appender,
        *,
        tables: TableFill,
        actions: RequestActions,
        answers: RequestAnswers,
        availability: Availability,
        publisher: OutcomePublisher,
    ) -> None:
        self._ledger = resources.ledger
        self._crashes = resources.crashes
        self._appender = appender
        self._tables = tables
        self._actions = actions
        self._answers = answers
        self._availability = availability
        self._publisher = publisher
        self._allowance = Allowance(resources.ledger, resources.quarantine)
        self._expiry = Expiry(resources.ledger)

    def append(self, state: DatasetState, batch: CheckedBatch) -> Commit:
        """Bring a batch into the cube and record it; its files are not in hand any more.

        Raises:
            SessionFailed: the cube or the ledger failed; the session must end, and the next start rebuilds.
        """
        commit = self._append(state, batch)
        if commit.outcome.problem is None:
            batch.held.release(recorded=commit.batch.reads)
            self._crashes.forget(state.dataset.name, batch.work.gone)
        else:
            batch.held.release()
        return commit

    def _append(self, state: DatasetState, batch: CheckedBatch) -> Commit:
        if batch.work.fill:
            return Commit(batch, self._tables.fill(state))
        try:
            with boundary(Scope.DATASET):
                self._accept_keys(state, batch.work)
                state.require_filled()
            commit = self._appender.append(state.dataset, batch)
        except DatasetFailed as failed:
            return Commit(batch, self._availability.degrade(state, batch.work, failed))
        return replace(commit, outcome=self._record(state, commit))

    def _accept_keys(self, state: DatasetState, work: Work) -> None:
        """Where a request says so, another key counts from now on, and a table that has waited for that is filled."""
        if work.request is None or not work.request.payload.accept_keys or work.request.payload.dry_run:
            return
        accept_keys(self._ledger, state.dataset)
        if not state.filled:
            self._tables.fill(state)

    def _record(self, state: DatasetState, commit: Commit) -> Outcome:
        """What a batch has done is known to the inbox, to who asked, and to who listens."""
        batch, outcome, work, inbox = commit.batch, commit.outcome, commit.batch.work, state.monitor.inbox
        if not outcome.dry_run:
            inbox.record(batch.file_signatures, work.gone)
        else:
            inbox.release(list(batch.reads))
        inbox.release(batch.unread)
        state.recover()
        if work.request is not None:
            outcome = self._answer(state, work, work.request, outcome)
        self._publisher.publish(state, outcome)
        if outcome.batch is not None:
            self._appender.compact_if_crowded(state.dataset)
        self._tidy(state, commit.touched, outcome.batch)
        return outcome

    def _answer(self, state: DatasetState, work: Work, request: Request, outcome: Outcome) -> Outcome:
        """Do what a request asks for besides its files, and answer it; it fails with whatever that raises."""
        try:
            with boundary(Scope.REQUEST):
                if work.more:
                    self._answers.add_part(request, outcome)
                    return outcome
                answer, days = self._actions.perform(state, request.kind, request.payload)
                outcome = replace(outcome, answer=answer, days=(*outcome.days, *days))
                self._answers.finish(request, outcome)
        except (RequestLost, CubefeedError) as error:
            self._availability.check_filled(state)
            self._answers.fail(request.id, error)
            self._publisher.publish_untold(state)
        except DatasetFailed as failed:
            return self._availability.degrade(state, work, failed)
        return outcome

    def _tidy(self, state: DatasetState, touched: Sequence[PathFacts], batch: int | None) -> None:
        """Free what nobody needs any more of what was refused, and of the ledger; what hinders that can wait until the
        next time."""
        try:
            with boundary(Scope.DATASET):
                certain = state.monitor.inbox.problem is None
                self._allowance.after_batch(state.dataset, touched, certain=certain)
            if batch is not None:
                with boundary(Scope.CUBE):
                    self._expiry.after_batch(batch)
        except DatasetFailed as failed:
            log.warning("%s: what is superfluous stays for now: %s", state.dataset.name, failed)
