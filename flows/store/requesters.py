"""Who waits for requests, so that the owner knows when nobody does any more.

A process that waits holds the lock of a file of its request's number. The kernel lets go of it when the process ends,
however it ends. A request without such a file was left on purpose by who does not wait.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout


class Requesters:
    """The lock files of those who wait, beside a ledger."""

    def __init__(self, ledger: Path) -> None:
        self._directory = ledger.parent / "askers"

    def hold(self, request: int, *, timeout_s: float) -> FileLock:
        """Wait for a request from now on, until the lock is released or this process ends."""
        self._directory.mkdir(mode=0o700, exist_ok=True)
        lock = FileLock(self._file(request))
        lock.acquire(timeout=timeout_s)
        return lock

    def is_gone(self, request: int) -> bool:
        """Whether who waited has ended; unknown, and so no, where there is nothing that says so."""
        file = self._file(request)
        if not file.exists():
            return False
        try:
            with FileLock(file).acquire(timeout=0):
                return True
        except (Timeout, OSError):
            return False

    def forget(self, request: int) -> None:
        """Nobody has to know any more who waits for a request."""
        _remove(self._file(request))

    def forget_others(self, requests: Collection[int]) -> None:
        """Forget who waited for all but these requests."""
        kept = {str(request) for request in requests}
        for file in self._directory.glob("*"):
            if file.name not in kept:
                _remove(file)

    def _file(self, request: int) -> Path:
        return self._directory / str(request)


def this_requester() -> str:
    """Who asks, for people: the user of this process and its pid; a number in a container that knows no name for it."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):
        user = f"uid {os.getuid()}"
    return f"{user} (pid {os.getpid()})"


def _remove(file: Path) -> None:
    with suppress(OSError):  # another user's; nobody needs it any more
        file.unlink(missing_ok=True)
