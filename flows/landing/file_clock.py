"""Since when a file has not changed, as far as its own times can be believed."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf

from flows.model.files import Signature

TICK_S = 0.02
"""The grain of a file's times, which is up to 10 ms before Linux 6.13: two writes within it may look like one, so
that even a file said to be complete is read only after it."""
CLOCK_STEP_S = 1.0
"""A wall clock that moves by more than this against the monotonic one was set."""


class FileClock:
    """Compares the times of files, which are of the wall clock, with a clock that never runs back.

    Args:
        clock: seconds from any beginning, never running back.
        trusted_age_s: a file whose times are at least this old counts as unchanged for so long when it is first
            seen; a mount whose clock may be another machine's wants more than 0.
    """

    def __init__(self, clock: Callable[[], float], *, trusted_age_s: float) -> None:
        self.trusted_age_s = trusted_age_s
        self._clock = clock
        self._wall_ahead_s = time.time() - time.monotonic()
        self._steady_since = -inf

    def check(self, now: float) -> None:
        """Notice that the wall clock was set: what was written before looks older or younger than it is."""
        ahead_s = time.time() - time.monotonic()
        if abs(ahead_s - self._wall_ahead_s) > CLOCK_STEP_S:
            self._steady_since = now
        self._wall_ahead_s = ahead_s

    def unchanged_since(self, signature: Signature, now: float) -> float:
        """Since when a file that looks so now has not changed."""
        age_s = time.time() - max(signature.mtime_ns, signature.ctime_ns) / 1e9
        if age_s <= 0 or age_s < self.trusted_age_s:
            return now
        return max(self._clock() - age_s, min(self._steady_since, now))
