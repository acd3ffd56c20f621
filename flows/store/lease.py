"""Files are removed once nobody reads them any more."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

log = logging.getLogger(__name__)


class Lease:
    """Keeps files for those who began to read before they were given up. Any thread may read or remove."""

    def __init__(self) -> None:
        self._moments = count()
        self._readers: set[int] = set()
        self._given_up: list[tuple[int, Path]] = []
        self._lock = threading.Lock()

    @contextmanager
    def held(self) -> Iterator[None]:
        """While this is held, every file stays that was there when it began."""
        with self._lock:
            began = next(self._moments)
            self._readers.add(began)
        try:
            yield
        finally:
            with self._lock:
                self._readers.discard(began)
                self._remove_unread()

    def remove(self, file: Path) -> None:
        """Remove a file: now, or when the last one ends who began to read before."""
        with self._lock:
            self._given_up.append((next(self._moments), file))
            self._remove_unread()

    def waiting(self) -> set[Path]:
        """The files that are still read, and go after that."""
        with self._lock:
            return {file for _, file in self._given_up}

    def _remove_unread(self) -> None:
        oldest = min(self._readers, default=None)
        kept = []
        for moment, file in self._given_up:
            if oldest is not None and oldest < moment:
                kept.append((moment, file))
                continue
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                log.warning("%s cannot be removed, which is tried again: %s", file, error)
                kept.append((moment, file))
        self._given_up = kept
