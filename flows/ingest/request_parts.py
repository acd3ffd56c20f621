"""The parts of a request that wait for their turn: each is bounded as a batch is."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence

from flows.ingest.dataset_state import DatasetState
from flows.ingest.work import Work


class RequestParts:
    """Parts of the request that is being worked on. Any thread may use it."""

    def __init__(self, datasets: Mapping[str, DatasetState]) -> None:
        self._datasets = datasets
        self._parts: deque[Work] = deque()
        self._lock = threading.Lock()

    def put_first(self, parts: Sequence[Work]) -> None:
        """These come before the others."""
        with self._lock:
            self._parts.extendleft(reversed(parts))

    def any(self) -> bool:
        """Whether parts wait."""
        with self._lock:
            return bool(self._parts)

    def next(self) -> Work | None:
        """The one whose turn it is."""
        with self._lock:
            return self._parts.popleft() if self._parts else None

    def drop(self, request: int) -> None:
        """Give up the parts of a request; their files are offered again."""
        with self._lock:
            dropped = [work for work in self._parts if work.request is not None and work.request.id == request]
            for work in dropped:
                self._parts.remove(work)
        for work in dropped:
            self._datasets[work.dataset].monitor.inbox.release(work.claimed)
