"""Keeps one inbox up to date: events where the mount reports them, listings always."""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Callable

from flows.landing.inbox import Inbox
from flows.landing.watcher import Heard, Watcher, choose_observer
from flows.settings import Observer

log = logging.getLogger(__name__)

POLL_S = 0.2
"""How often a polled directory is listed, as long as a listing is cheap."""
RESCAN_S = 5.0
"""How often a watched directory is listed all the same, as long as a listing is cheap."""
SHARE = 0.02
"""The share of a core that listings may take; it lengthens the intervals of large directories."""
ROOT_S = 1.0
"""How often the landing directory itself is looked at: it may be removed and made again. It is listed as often
while it cannot be seen as a whole."""


class Lookout:
    """One landing directory's watcher and inbox.

    Args:
        inbox: what is kept up to date.
        observer: how to watch.
        wake: called from other threads when `tick` has something to do.
    """

    def __init__(self, inbox: Inbox, *, observer: Observer, wake: Callable[[], None]) -> None:
        self.inbox = inbox
        self.observer, self.why = choose_observer(observer, inbox.dataset.directory)
        self._wake = wake
        self._watcher: Watcher | None = None
        self._root: tuple[int, int] | None = None
        self._looked_at = 0.0
        self._said: str | None = None

    def tick(self) -> None:
        """Take in what happened since the last call."""
        heard = self._watcher.drain() if self._watcher is not None else Heard()
        rescan = self._check_root(deaf=heard.deaf) or heard.relist
        self.inbox.glance(heard.hints)
        if rescan or time.monotonic() - self.inbox.scanned_at >= self._interval_s():
            self.inbox.rescan()
        self._say_problem()

    def next_due_s(self) -> float:
        """Seconds until `tick` should be called again even when nothing wakes it."""
        until_rescan = self.inbox.scanned_at + self._interval_s() - time.monotonic()
        until_settled = self.inbox.next_due_s()
        due = min(until_rescan, ROOT_S, until_settled if until_settled is not None else ROOT_S)
        return max(due, 0.005)

    def close(self) -> None:
        """Stop watching."""
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher = None

    def _interval_s(self) -> float:
        without_events = ROOT_S if self.inbox.problem else RESCAN_S
        least = POLL_S if self.observer == "polling" else without_events
        return max(least, self.inbox.scan_s / SHARE)

    def _check_root(self, *, deaf: bool) -> bool:
        """Watch again when the directory was removed and made again, or when events were lost.

        A directory made anew may have the inode of the old one, so that only the watcher knows the difference.
        Returns whether the directory has to be listed.
        """
        now = time.monotonic()
        if now - self._looked_at < ROOT_S and self._root is not None and not deaf:
            return False
        self._looked_at = now
        root = _identity(self.inbox.root)
        if root == self._root and not deaf:
            return False
        if root == self._root:
            log.warning("%s: events were lost; listing the directory", self.inbox.dataset.name)
        self.close()
        self._root = root
        if root is not None and self.observer == "native":
            self._arm()
        return True

    def _arm(self) -> None:
        try:
            self._watcher = Watcher(self.inbox.root, recursive=self.inbox.dataset.recursive, wake=self._wake)
            self._watcher.start()
        except (FileNotFoundError, NotADirectoryError):
            self._watcher = self._root = None
        except OSError as error:
            self._watcher = None
            self.observer, self.why = "polling", f"the directory cannot be watched ({error.strerror})"
            log.warning("%s: polling, because %s", self.inbox.dataset.name, self.why)

    def _say_problem(self) -> None:
        problem = self.inbox.problem
        if problem != self._said:
            name, where = self.inbox.dataset.name, self.inbox.dataset.directory
            if problem:
                log.warning("%s: waiting, because %s [%s]. What is loaded stays.", name, problem, where)
            else:
                log.info("%s: %s can be read again", name, where)
            self._said = problem


def _identity(root: bytes) -> tuple[int, int] | None:
    """The device and inode of a directory; None where there is none to be seen."""
    try:
        status = os.stat(root)
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISDIR(status.st_mode) else None
