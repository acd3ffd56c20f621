"""When something that has ended is started again."""

from __future__ import annotations

import time
from dataclasses import dataclass

SHORT_LIFE_S = 60.0
LONGEST_WAIT_S = 30.0
TRIES = 5
SLOW_S = 300.0
"""What has died soon so often is tried again slowly: it needs a person."""


@dataclass
class Backoff:
    """Waits longer each time something that was started again dies soon: 1 s, 2 s, … 30 s, then minutes.

    Args:
        started_at: when it was started last (monotonic seconds).
        wait_s: how long it is left alone after that.
        tries: how often in a row it was started and died soon, this time included.
    """

    started_at: float = 0.0
    wait_s: float = 1.0
    tries: int = 0

    def mark_start(self) -> None:
        """It was started now."""
        lived = time.monotonic() - self.started_at
        if self.started_at == 0.0 or lived > self.wait_s + SHORT_LIFE_S:
            self.tries = 0
        self.tries += 1
        self.wait_s = SLOW_S if self.hopeless else min(2.0 ** (self.tries - 1), LONGEST_WAIT_S)
        self.started_at = time.monotonic()

    @property
    def hopeless(self) -> bool:
        """Whether it has died soon so often that a person has to look."""
        return self.tries >= TRIES

    @property
    def due(self) -> bool:
        """Whether it may be started again."""
        return time.monotonic() - self.started_at >= self.wait_s
