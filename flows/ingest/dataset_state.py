"""One dataset at work: what watches it, how it stands, and when it is tried again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from flows.errors import RequestFailed
from flows.ingest.repair import RepairReport
from flows.landing.monitor import DirectoryMonitor
from flows.model.dataset import Dataset

log = logging.getLogger(__name__)

RETRY_S = 5.0
RETRY_MOST_S = 40.0
"""How long a dataset that could not load is left alone before it is tried again: twice as long each time, so that it
goes on within a minute of what hindered it."""


class TableNotFilled(RequestFailed):
    """Nothing can be appended to a table that is not filled."""


@dataclass
class DatasetState:
    """One dataset at work. Each stage may degrade it, from a thread of its own, and let it recover.

    Args:
        dataset: its declaration.
        monitor: what watches its landing directory.
        degraded: why it cannot load now.
        repairs: what the last repair of its segments has done.
        filled: whether the cube holds what the ledger says; else its table has to be filled again first of all.
        retry_at: when it is tried again (monotonic seconds).
        retry_s: how long it is left alone the next time.
    """

    dataset: Dataset
    monitor: DirectoryMonitor
    degraded: str | None = None
    repairs: RepairReport = field(default_factory=RepairReport)
    filled: bool = False
    retry_at: float = 0.0
    retry_s: float = 0.0
    _changing: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def degrade(self, why: str) -> None:
        """It cannot load now; it is tried again after a while."""
        with self._changing:
            self.retry_s = min(self.retry_s * 2, RETRY_MOST_S) or RETRY_S
            self.retry_at = time.monotonic() + self.retry_s
            self.degraded = f"{why}; it is tried again by itself"

    def recover(self) -> bool:
        """It loads again. Returns whether it was degraded."""
        with self._changing:
            was_degraded = self.degraded is not None
            self.degraded, self.retry_s, self.retry_at = None, 0.0, 0.0
        if was_degraded:
            log.info("%s loads again", self.dataset.name)
        return was_degraded

    def await_filling(self) -> None:
        """Its table is to be filled: once is enough while that is under way."""
        self.retry_at = time.monotonic() + RETRY_MOST_S

    @property
    def is_left_alone(self) -> bool:
        """Whether it is not yet to be looked at again."""
        return time.monotonic() < self.retry_at

    def add_repairs(self, done: RepairReport) -> None:
        """More of its segments were repaired; what was lost before is still lost."""
        self.repairs = replace(done, lost=[*self.repairs.lost, *done.lost])

    def note_loaded(self, files: Iterable[str]) -> None:
        """These files were loaded, and so are not lost any more."""
        if self.repairs.lost:
            loaded = set(files)
            self.repairs = replace(self.repairs, lost=[name for name in self.repairs.lost if name not in loaded])

    def require_filled(self) -> None:
        """Refuse to append to a table that is not filled.

        Raises:
            TableNotFilled: it is not.
        """
        if not self.filled:
            raise TableNotFilled(
                f"{self.dataset.name} is degraded: {self.degraded or 'its table is not filled yet'}",
                next_step="see cubefeed status",
            )
