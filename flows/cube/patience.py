"""Ends what takes too long."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

AGAIN_S = 0.05
"""An interruption that comes before the engine has begun is forgotten by it, and so is said again."""


@contextmanager
def interrupted_after(interrupt: Callable[[], None], seconds: float | None) -> Iterator[None]:
    """Call `interrupt` from another thread when the block has taken so long, until it ends, and never afterwards."""
    if seconds is None:
        yield
        return
    over = threading.Event()

    def watch() -> None:
        patience = seconds
        while not over.wait(patience):
            interrupt()
            patience = AGAIN_S

    watching = threading.Thread(target=watch, name="patience", daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()
