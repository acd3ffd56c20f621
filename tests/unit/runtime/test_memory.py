"""The memory that a long-lived process does not use."""

from __future__ import annotations

import ctypes
import time

import psutil
import pytest

from flows.runtime import memory
from flows.runtime.memory import periodic_memory_trim

ON_GLIBC = hasattr(ctypes.CDLL(None), "malloc_trim")


@pytest.mark.skipif(not ON_GLIBC, reason="only glibc keeps what is free between what is not")
def test_what_is_free_between_what_is_used_goes_back_to_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "EVERY_S", 0.05)
    process = psutil.Process()
    blocks = [bytes(20_000) for _ in range(5_000)]
    del blocks[::2]
    blocks = [*blocks[::50]]
    before = process.memory_info().rss
    with periodic_memory_trim():
        deadline = time.monotonic() + 10
        while process.memory_info().rss > before - 40_000_000:
            assert time.monotonic() < deadline, f"{before} → {process.memory_info().rss}"
            time.sleep(0.05)
    assert len(blocks) == 50


def test_nothing_is_done_where_the_c_library_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    with periodic_memory_trim():
        pass
