"""Keeps a process that lives for weeks from growing.

glibc gives each thread an arena of its own and returns to the system only what is free at an arena's end: what some
fifty threads leave behind as they come and go adds up. Where the C library is another one, nothing is done.

Source: mallopt(3), M_ARENA_MAX; malloc_trim(3).
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager

EVERY_S = 10.0
_M_ARENA_MAX = -8


@contextmanager
def periodic_memory_trim() -> Iterator[None]:
    """Let all threads share one arena, and return what is unused in it again and again; this takes under a
    millisecond each time."""
    libc = ctypes.CDLL(None)
    if not (hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim")):
        yield
        return
    libc.mallopt(_M_ARENA_MAX, 1)
    ending = threading.Event()

    def give_back() -> None:
        while not ending.wait(EVERY_S):
            _trim(libc)

    thread = threading.Thread(target=give_back, name="give-back-memory", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def _trim(libc: ctypes.CDLL) -> None:
    libc.malloc_trim(0)
