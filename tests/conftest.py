"""What holds for all tests: whatever a test starts, it ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psutil
import pytest


@pytest.fixture(scope="session", autouse=True)
def no_process_is_left() -> Iterator[None]:
    """No child process outlives the session."""
    yield
    left = [child for child in psutil.Process().children(recursive=True) if child.is_running()]
    assert not left, [" ".join(child.cmdline()) for child in left]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """No thread that would keep the process alive outlives its test."""
    before = set(threading.enumerate())
    yield
    left = [each for each in threading.enumerate() if each not in before and not each.daemon]
    for each in left:
        each.join(timeout=2)
    assert not [each.name for each in left if each.is_alive()]
