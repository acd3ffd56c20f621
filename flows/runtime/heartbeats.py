"""What is expected to go on: loops and pieces of work, and when each showed progress last."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from flows.runtime.progress import progress_shown_by


class Heartbeat(NamedTuple):
    """When a loop or a piece of work showed progress last.

    Args:
        name: what it is, in words.
        limit_s: how long it may show no progress.
        at: when it showed progress last (monotonic seconds).
    """

    name: str
    limit_s: float
    at: float


class Heartbeats:
    """The heartbeats of one session, from all its threads."""

    def __init__(self) -> None:
        self._by_name: dict[str, Heartbeat] = {}
        self._lock = threading.Lock()

    @contextmanager
    def expect(self, name: str, *, limit_s: float) -> Iterator[None]:
        """Watch whether the block goes on: by `beat`, or by what it shows of its progress."""
        with self._lock:
            outer = self._by_name.get(name)
            self._by_name[name] = Heartbeat(name, limit_s, time.monotonic())
        try:
            with progress_shown_by(lambda _: self.beat(name)):
                yield
        finally:
            with self._lock:
                self._by_name.pop(name, None)
                if outer is not None:
                    self._by_name[name] = outer

    def beat(self, name: str) -> None:
        """This goes on."""
        with self._lock:
            before = self._by_name.get(name)
            if before is not None:
                self._by_name[name] = before._replace(at=time.monotonic())

    def reset(self) -> None:
        """Count from now: the whole process was stopped, and with it everything that should go on."""
        now = time.monotonic()
        with self._lock:
            self._by_name = {name: each._replace(at=now) for name, each in self._by_name.items()}

    def list_quiet(self, limit_s: float) -> list[tuple[Heartbeat, float]]:
        """What has shown no progress for longer than that, and for how long."""
        now = time.monotonic()
        with self._lock:
            return [(each, now - each.at) for each in self._by_name.values() if now - each.at > limit_s]

    def list_names(self) -> list[str]:
        """What is under way."""
        with self._lock:
            return sorted(self._by_name)
