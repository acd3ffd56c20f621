"""The requests that other processes leave: which is next, and its parts."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from flows.errors import CubefeedError, DiskFull, LedgerUnavailable
from flows.ingest.dataset_state import DatasetState
from flows.ingest.request_answers import PATIENCE_S, RETRY_S, RequestAnswers, why_unwritten
from flows.ingest.request_parts import RequestParts
from flows.ingest.request_work import RequestWork
from flows.ingest.work import Work
from flows.runtime.boundaries import RequestLost, Scope, boundary
from flows.store.crashes import Crashes
from flows.store.payload import Kind
from flows.store.requests import OpenRequest, RequestBox

log = logging.getLogger(__name__)

QUICK: frozenset[str] = frozenset[Kind](("close-day", "report", "verify"))
"""Requests that are about what is loaded, and so need not wait until all is loaded that somebody else has asked for."""


class RequestQueue:
    """Takes one request after the other, in the thread that finds work.

    Args:
        datasets: who serves requests.
        requests: where they are left.
        crashes: which files have to be read alone.
        parts: where the parts of a request wait.
        work: makes work of a request.
        answers: answers those that cannot be done.
    """

    def __init__(
        self,
        datasets: Mapping[str, DatasetState],
        requests: RequestBox,
        crashes: Crashes,
        *,
        parts: RequestParts,
        work: RequestWork,
        answers: RequestAnswers,
    ) -> None:
        self._datasets = datasets
        self._requests = requests
        self._crashes = crashes
        self._parts = parts
        self._work = work
        self._answers = answers
        self._more = True
        self._quick_begun = False
        self._retry_at = 0.0

    def next_work(self, *, max_files: int, max_bytes: int) -> Work | None:
        """The work of the oldest request that waits, or the next part of the one that is being worked on, bounded as a
        batch is. Between two parts one of the requests that take moments has its turn, so that hours of loading do not
        keep a day from being closed."""
        begun = self._parts.any()
        if begun and self._quick_begun:
            self._quick_begun = False
            return self._parts.next()
        self._answers.send_again()
        if time.monotonic() < self._retry_at or not (self._requests.has_changed() or self._more):
            return self._parts.next()
        self._more = False
        for request in self._requests.open_requests():
            if begun and request.kind not in QUICK:
                self._more = True  # its turn comes when nothing is left of the one before
            elif self._begin(request, max_files=max_files, max_bytes=max_bytes):
                self._more, self._quick_begun = True, begun  # others may wait behind it
                break
        return self._parts.next()

    def _begin(self, found: OpenRequest, *, max_files: int, max_bytes: int) -> bool:
        """Make work of a request, where that is still wanted and can be done."""
        try:
            if not self._requests.claim(found.id, patience_s=PATIENCE_S):
                return False
        except (LedgerUnavailable, DiskFull) as error:  # the ledger is locked or full, which passes
            log.warning("request %s has to wait: %s", found.id, why_unwritten(error))
            self._more, self._retry_at = True, time.monotonic() + RETRY_S
            return False
        log.info("%s: %s asked for %s", found.dataset, found.who, found.kind)
        try:
            with boundary(Scope.REQUEST):
                work = self._work.work_of(found.checked())
                apart = self._crashes.to_read_alone(self._datasets[work.dataset].dataset, work.landed)
                self._parts.put_first(work.parts(max_files=max_files, max_bytes=max_bytes, apart=apart))
                return True
        except (CubefeedError, RequestLost) as error:
            self._answers.fail(found.id, error)
            return False
