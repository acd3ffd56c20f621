"""What an answer may take, and the end of a question that takes more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf

from flows.errors import CubefeedError, NobodyWaits, TooManyRows, TooSlow

AGAIN_S = 0.05
"""An interruption that comes before the engine has begun is forgotten by it, and so is said again."""


class Bounds:
    """What one answer may take, from now on, waiting included.

    Args:
        within_s: how long it may take; for ever by default.
        most_rows: how many rows it may have, totals included.
    """

    def __init__(self, *, within_s: float | None = None, most_rows: int | None = None) -> None:
        self.within_s = within_s
        self.most_rows = most_rows
        self._until = inf if within_s is None else time.monotonic() + within_s
        self._has_left = False
        self._stirred = threading.Event()

    @property
    def left_s(self) -> float | None:
        """How long it may still take."""
        return None if self.within_s is None else max(0.0, self._until - time.monotonic())

    @property
    def is_over(self) -> bool:
        """Whether the time is over, or nobody waits for the answer."""
        return self._has_left or time.monotonic() >= self._until

    def leave(self) -> None:
        """Nobody waits for the answer any longer. Called from any thread."""
        self._has_left = True
        self._stirred.set()

    def require_wanted(self) -> None:
        """Do not begin what is over already.

        Raises:
            TooSlow: the time is over.
            NobodyWaits: who asked has left.
        """
        if self.is_over:
            raise self.ended()

    def require_fits(self, rows: int) -> None:
        """Refuse an answer of so many rows, or more, where that is too many.

        Raises:
            TooManyRows: it is.
        """
        if self.most_rows is not None and rows > self.most_rows:
            raise TooManyRows.beyond(self.most_rows)

    def ended(self) -> CubefeedError:
        """Why a question that is over was ended."""
        if self.within_s is not None and time.monotonic() >= self._until:
            return TooSlow.after(self.within_s)
        return NobodyWaits.now()

    @contextmanager
    def interrupting(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """Call `interrupt` from another thread once this is over, until the block ends, and never afterwards."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.is_set():
                if self.is_over:
                    interrupt()
                    ended.wait(AGAIN_S)
                else:
                    self._stirred.wait(self.left_s)

        watching = threading.Thread(target=watch, name="bounds", daemon=True)
        watching.start()
        try:
            yield
        finally:
            ended.set()
            self._stirred.set()
            watching.join()
            if not self._has_left:
                self._stirred.clear()  # one question may ask the engine twice
