"""The session's work on all datasets: the parts of it are put together here, and work in modules of their own."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from flows.ingest.append_stage import AppendStage
from flows.ingest.availability import Availability
from flows.ingest.business_days import Days
from flows.ingest.checks import check_work
from flows.ingest.commit import Appender
from flows.ingest.dataset_state import DatasetState
from flows.ingest.lateness import Lateness
from flows.ingest.outcome_publisher import OutcomePublisher
from flows.ingest.request_actions import RequestActions
from flows.ingest.request_answers import RequestAnswers
from flows.ingest.request_parts import RequestParts
from flows.ingest.request_queue import RequestQueue
from flows.ingest.request_work import RequestWork
from flows.ingest.resources import Resources
from flows.ingest.table_fill import Progress, TableFill
from flows.ingest.work import CheckedBatch, Outcome, Work
from flows.ingest.work_selection import WorkSelection
from flows.runtime.boundaries import DatasetFailed, Scope, boundary
from flows.runtime.health import Health
from flows.store.hold import Hold
from flows.store.requests import RequestBox


class Feed:
    """Keeps one cube live. `detect`, `validate` and `append` may each run in a thread of their own.

    Args:
        datasets: what is fed, by name.
        resources: what the session has open.
        requests: where other processes leave requests.
        wake: set when there may be work.
        health: whether the session is well, and when it ends.
        hold: whether the state directory is still ours.
    """

    def __init__(
        self,
        datasets: Mapping[str, DatasetState],
        resources: Resources,
        *,
        requests: RequestBox,
        wake: threading.Event,
        health: Health | None = None,
        hold: Hold | None = None,
    ) -> None:
        self.datasets = dict(datasets)
        self.cube, self.ledger = resources.cube, resources.ledger
        self.segments, self.quarantine = resources.segments, resources.quarantine
        self.crashes = resources.crashes
        self.health = health or Health()
        self.health.on_end(wake.set)
        self.health.on_live(self._forget_absent)
        publisher = OutcomePublisher(self.ledger)
        self.listeners = publisher.listeners
        self.appender = Appender(self.ledger, self.segments, self.quarantine, self.cube)
        parts = RequestParts(self.datasets)
        self.answers = RequestAnswers(requests, parts)
        self._availability = Availability(self.appender, publisher, self.answers)
        self.tables = TableFill(resources, self.appender, self._availability)
        self.days = Days(resources, self.appender, self.tables)
        self._append_stage = AppendStage(
            resources,
            self.appender,
            tables=self.tables,
            actions=RequestActions(resources, self.tables, self.days),
            answers=self.answers,
            availability=self._availability,
            publisher=publisher,
        )
        work = RequestWork(self.datasets, self.ledger, self.segments)
        self.requests = RequestQueue(
            self.datasets, requests, self.crashes, parts=parts, work=work, answers=self.answers
        )
        self._selection = WorkSelection(
            self.datasets,
            self.requests,
            self._availability,
            crashes=self.crashes,
            health=self.health,
            hold=hold or Hold(),
            lateness=Lateness(self.datasets, self.ledger, publisher, self.health),
            wake=wake,
        )

    @property
    def stopping(self) -> bool:
        return self.health.stopping.is_set()

    def stop(self) -> None:
        """End `detect`, from any thread."""
        self.health.stop()

    def rebuild(self, progress: Progress | None = None) -> None:
        """Repair the segments and fill the cube from them; then everything staged is loaded.

        A dataset of which that fails is degraded, and tried again later.
        """
        for state in self.datasets.values():
            self.tables.fill(state, progress)

    def detect(self, timeout_s: float) -> Work | None:
        """Wait for work: a request, or files that are settled or gone. None when the time is over."""
        return self._selection.detect(timeout_s)

    def find_work(self) -> Work | None:
        """The next work that is ready now; the looks that are under way are waited for."""
        return self._selection.find_work()

    def waiting(self) -> int:
        """How many files wait in all datasets."""
        return self._selection.waiting()

    def validate(self, work: Work) -> CheckedBatch | Outcome:
        """Read and check the files of a piece of work; or an outcome, where that fails as a whole."""
        state = self.datasets[work.dataset]
        held = self.crashes.hold(state.dataset, work.landed)
        try:
            with boundary(Scope.DATASET):
                checked = check_work(state.dataset, work, self.ledger, state.monitor.read_thread, held)
        except DatasetFailed as failed:
            held.release()
            return self._availability.degrade(state, work, failed)
        held.keep(checked.work.landed)
        return checked

    def append(self, checked: CheckedBatch | Outcome) -> Outcome:
        """Bring a checked batch into the cube and record it.

        Raises:
            SessionFailed: the cube or the ledger failed; the session must end, and the next start rebuilds.
        """
        if isinstance(checked, Outcome):
            return checked
        commit = self._append_stage.append(self.datasets[checked.work.dataset], checked)
        if commit.further is not None:
            self._selection.add_further(commit.further)
        return commit.outcome

    def _forget_absent(self) -> None:
        """Once all that lay there was read, what was to be read alone and was not found has gone."""
        for name, state in self.datasets.items():
            inbox = state.monitor.inbox
            if inbox.problem is None and state.degraded is None:
                self.crashes.forget_absent(name, inbox.list_waiting())
