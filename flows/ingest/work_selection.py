"""Which work is next: a request, files that are settled or gone, a table to be filled."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping

from flows.ingest.availability import Availability
from flows.ingest.dataset_state import DatasetState
from flows.ingest.lateness import Lateness
from flows.ingest.request_queue import RequestQueue
from flows.ingest.work import Work
from flows.landing.file_states import ClaimedFiles
from flows.runtime.boundaries import DatasetFailed, Scope, boundary
from flows.runtime.health import Health
from flows.store.crashes import Crashes
from flows.store.hold import Hold

BATCH_FILES = 10_000
BATCH_BYTES = 16 << 20
"""A batch is one transaction: large enough to be cheap per row, small enough to be seen soon."""
REQUEST_POLL_S = 0.1
DETECTING = "detecting files"


class WorkSelection:
    """Finds work, in a thread of its own.

    Args:
        datasets: whose work it is.
        requests: the requests, which come first.
        availability: degrades a dataset whose directory cannot be read.
        crashes: which files have to be read alone.
        health: whether the session ends, and who wants to know that this thread goes on.
        hold: whether the state directory is still ours.
        lateness: notices which days are late.
        wake: set when there may be work.
    """

    def __init__(
        self,
        datasets: Mapping[str, DatasetState],
        requests: RequestQueue,
        availability: Availability,
        *,
        crashes: Crashes,
        health: Health,
        hold: Hold,
        lateness: Lateness,
        wake: threading.Event,
    ) -> None:
        self._datasets = datasets
        self._requests = requests
        self._availability = availability
        self._crashes = crashes
        self._health = health
        self._hold = hold
        self._lateness = lateness
        self._wake = wake
        self._alone: deque[Work] = deque()
        self._further: deque[Work] = deque()
        self._turn = 0

    def add_further(self, work: Work) -> None:
        """Files that a commit has handed back are next; from any thread."""
        self._further.append(work)
        self._wake.set()

    def detect(self, timeout_s: float) -> Work | None:
        """Wait for work: a request, or files that are settled or gone. None when the time is over."""
        deadline = time.monotonic() + timeout_s
        while not self._stopping:
            self._health.beat(DETECTING)
            work = self.poll()
            if work is not None:
                return work
            self._lateness.look()
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            due = min(self._due_s(state) for state in self._datasets.values())
            self._wake.wait(min(left, due, REQUEST_POLL_S))
        return None

    def _due_s(self, state: DatasetState) -> float:
        """Seconds until a dataset wants to be looked at again."""
        return max(state.monitor.next_due_s(), state.retry_at - time.monotonic())

    def find_work(self) -> Work | None:
        """The next work that is ready now; the looks that are under way are waited for."""
        while (work := self.poll()) is None and any(self._is_looking(state) for state in self._datasets.values()):
            self._health.beat(DETECTING)
            self._wake.wait(REQUEST_POLL_S)
        return work

    def _is_looking(self, state: DatasetState) -> bool:
        return state.monitor.is_scanning and not state.is_left_alone and not self._stopping

    def poll(self) -> Work | None:
        """The next work that is ready now, from each dataset in turn.

        Raises:
            StateError: the state directory is another one now.
        """
        self._wake.clear()
        self._hold.require_ours()
        request = self._requests.next_work(max_files=BATCH_FILES, max_bytes=BATCH_BYTES)
        if request is not None:
            return request
        further = self._next_of(self._further)
        if further is not None:
            return further
        for state in self._in_turn():
            if state.is_left_alone:
                continue
            if not state.filled:
                state.await_filling()
                return Work(state.dataset.name, fill=True)
            work = self._look(state)
            if work is not None:
                return work
        return self._next_of(self._alone)

    def _look(self, state: DatasetState) -> Work | None:
        """What is settled or gone in a landing directory."""
        inbox = state.monitor.inbox
        try:
            with boundary(Scope.DATASET):
                self._hold.require_there()
                found = state.monitor.claim_settled(max_files=BATCH_FILES, max_bytes=BATCH_BYTES)
        except DatasetFailed as failed:
            self._availability.degrade(state, Work(state.dataset.name), failed)
            return None
        if found.settled or found.deleted:
            return self._work_of(state, found)
        if state.degraded is not None and not inbox.list_waiting():
            self._availability.recover(state)
        return None

    def _work_of(self, state: DatasetState, found: ClaimedFiles) -> Work | None:
        """Work on what was found; files that may end the process come after all others, each by itself."""
        name = state.dataset.name
        apart = self._crashes.to_read_alone(state.dataset, found.settled)
        if not apart:
            return Work(name, *found)
        self._alone.extend(Work(name, (landed,)) for landed in found.settled if landed.path in apart)
        others = tuple(landed for landed in found.settled if landed.path not in apart)
        return Work(name, others, found.deleted, found.missing) if others or found.deleted else None

    def _next_of(self, waiting: deque[Work]) -> Work | None:
        """The first that waits there for a dataset that can load."""
        ready = (work for work in list(waiting) if not self._datasets[work.dataset].is_left_alone)
        work = next(ready, None)
        if work is not None:
            waiting.remove(work)
        return work

    def waiting(self) -> int:
        """How many files wait in all datasets."""
        return sum(len(state.monitor.inbox.list_waiting()) for state in self._datasets.values())

    def _in_turn(self) -> Iterator[DatasetState]:
        states = list(self._datasets.values())
        self._turn = (self._turn + 1) % len(states)
        yield from states[self._turn :] + states[: self._turn]

    @property
    def _stopping(self) -> bool:
        return self._health.stopping.is_set()
