"""Keeps one inbox up to date: events where the mount reports them, listings always."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Callable
from functools import partial
from math import inf

from flows.errors import LandingHangs
from flows.landing.events import DirectoryEvents, Watcher, choose_observer
from flows.landing.file_states import ClaimedFiles, ReadyFiles
from flows.landing.identity import DirectoryIdentity, DirectoryRecord
from flows.landing.inbox import Inbox
from flows.landing.mount_thread import STOP_S, MountCall, MountThread
from flows.landing.tree import reason_of
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
REARM_S = 60.0
"""How often a directory that could not be watched is tried again; it is polled meanwhile."""
REMOTE_AGE_S = 60.0
"""The clock of a mount that reports no changes may be another machine's; ages below this are not believed there."""
_TOO_DEEP = "directories lie in it deeper than any is searched, and to watch those takes a time that grows as a square"
PATIENCE_S = 0.1
"""How long a look may hold up the other datasets; one that takes longer goes on beside them."""


class DirectoryMonitor:
    """One landing directory's watcher and inbox.

    Args:
        inbox: what is kept up to date.
        observer: how to watch.
        wake: called from other threads when `claim_settled` has something to do.
        remember: called, from the thread of `claim_settled`, with what the next session should know of the directory.
    """

    def __init__(
        self,
        inbox: Inbox,
        *,
        observer: Observer,
        wake: Callable[[], None],
        remember: Callable[[DirectoryRecord], None] = lambda _: None,
    ) -> None:
        self.inbox = inbox
        self.observer, self.observer_reason = (
            ("polling" if observer == "polling" else "native"),
            "it was not looked at yet",
        )
        self.read_thread = MountThread(f"{inbox.dataset.name} reads")
        self.question_thread = MountThread(f"{inbox.dataset.name} questions")
        self._observer_choice = observer
        self._least_age_s = inbox.file_clock.trusted_age_s
        self._scan_thread = MountThread(inbox.dataset.name, wake)
        self._scan: MountCall[ReadyFiles] | None = None
        self._wake = wake
        self._remember = remember
        self._remembered = inbox.directory_record
        self._watcher: Watcher | None = None
        self._root: DirectoryIdentity | None = None
        self._root_checked_at = self._rearm_at = -inf
        self._logged_problem: str | None = None
        self._logged_beside = False

    def claim_settled(self, *, max_files: int, max_bytes: int) -> ClaimedFiles:
        """Take in what happened since the last call, and claim what is settled or gone; see `Inbox.find_ready`.

        A look that takes long goes on while this returns; `wake` is called when it is over.

        Raises:
            LandingHangs: the landing directory does not answer.
        """
        patience_s = 0.0
        if self._scan is None:
            if self._due_in_s() > 0:
                return ClaimedFiles()
            self._scan = self._scan_thread.begin_call(partial(self._find_ready, max_files, max_bytes))
            patience_s = PATIENCE_S
        if not self._scan.wait(patience_s):
            self._scan_thread.require_answer()
            return ClaimedFiles()
        scan, self._scan = self._scan, None
        ready = scan.result()
        self._keep_record()
        return self.inbox.claim_ready(ready)

    @property
    def is_scanning(self) -> bool:
        """Whether a look is under way."""
        return self._scan is not None

    def scan_and_claim(self) -> ClaimedFiles:
        """List the directory now, and claim all that is settled or gone, however much it is.

        Raises:
            LandingHangs: the landing directory does not answer.
        """

        def scan_whole() -> ReadyFiles:
            self.inbox.rescan()
            return self.inbox.find_ready(max_files=sys.maxsize, max_bytes=sys.maxsize)

        return self.inbox.claim_ready(self.call(scan_whole))

    def call[T](self, work: Callable[[], T]) -> T:
        """Do something that touches the landing directory, after the look that is under way.

        Raises:
            LandingHangs: the landing directory does not answer.
        """
        result = self._scan_thread.call(work)
        self._keep_record()
        return result

    def next_due_s(self) -> float:
        """Seconds until `claim_settled` should be called again even when nothing wakes it."""
        return max(self._due_in_s(), 0.005)

    def close(self) -> None:
        """Stop watching. What hangs is left to the end of the process."""
        with contextlib.suppress(LandingHangs):
            self._scan_thread.call(self._unwatch, quiet_s=STOP_S)
        self._scan_thread.stop()
        self.read_thread.stop()
        self.question_thread.stop()

    def _due_in_s(self) -> float:
        """Seconds until there is something to look at; none or less where there is already."""
        if self._scan is not None:
            return 0.0 if self._scan.done else ROOT_S
        if self._watcher is not None and self._watcher.has_events():
            return 0.0
        now = time.monotonic()
        until_rescan = self.inbox.scanned_at + self._interval_s() - now
        until_root = self._root_checked_at + ROOT_S - now
        until_settled = self.inbox.next_due_s()
        return min(until_rescan, until_root, until_settled if until_settled is not None else inf)

    def _find_ready(self, max_files: int, max_bytes: int) -> ReadyFiles:
        events = self._watcher.drain() if self._watcher is not None else DirectoryEvents()
        if events.replaced:
            self.inbox.forget_root()
        rescan = self._check_root(broken=events.broken) or events.relist
        self.inbox.check_paths(events.hints)
        if (rescan or time.monotonic() - self.inbox.scanned_at >= self._interval_s()) and self.inbox.rescan().too_deep:
            self._poll_for_now(_TOO_DEEP)
        ready = self.inbox.find_ready(max_files=max_files, max_bytes=max_bytes)
        self._log_problem()
        self._log_beside()
        return ready

    def _interval_s(self) -> float:
        without_events = ROOT_S if self.inbox.problem else RESCAN_S
        least = POLL_S if self.observer == "polling" else without_events
        return max(least, self.inbox.scan_s / SHARE)

    def _check_root(self, *, broken: bool) -> bool:
        """Watch again when the directory was removed and made again, or when events were lost.

        A directory made anew may have the inode of the old one, so that only the watcher knows the difference.
        Returns whether the directory has to be listed.
        """
        now = time.monotonic()
        if now - self._root_checked_at < ROOT_S and self._root is not None and not broken:
            return False
        self._root_checked_at = now
        root = DirectoryIdentity.at(self.inbox.root)
        unwatched = self._watcher is None and root is not None and now >= self._rearm_at
        if root == self._root and not (broken or unwatched):
            return False
        if root == self._root and broken:
            log.warning("%s: events were lost; listing the directory", self.inbox.dataset.name)
        self._unwatch()
        self._root = root
        if root is not None:
            self._watch()
        return True

    def _watch(self) -> None:
        """Choose how to watch, and begin to."""
        before = self.observer, self.observer_reason
        self._rearm_at = inf
        self.observer, self.observer_reason = choose_observer(self._observer_choice, self.inbox.dataset.directory)
        remote = self.observer == "polling" and self._observer_choice == "auto"
        self.inbox.file_clock.trusted_age_s = max(REMOTE_AGE_S if remote else 0.0, self._least_age_s)
        if self.observer == "native":
            self._arm()
        if (self.observer, self.observer_reason) != before:
            name, where = self.inbox.dataset.name, self.inbox.dataset.directory
            log.info("%s: %s observer for %s, because %s", name, self.observer, where, self.observer_reason)

    def _arm(self) -> None:
        try:
            self._watcher = Watcher(self.inbox.root, recursive=self.inbox.dataset.recursive, wake=self._wake)
            self._watcher.start()
        except (FileNotFoundError, NotADirectoryError):
            self._watcher = self._root = None
        except OSError as error:
            self._watcher = None
            self._poll_for_now(f"the directory cannot be watched ({reason_of(error)})")

    def _poll_for_now(self, why: str) -> None:
        """Do without events for a while, since they cannot be had or cost too much."""
        self._rearm_at = time.monotonic() + REARM_S
        if self._watcher is not None:
            self._unwatch()
            log.info("%s: polling observer, because %s", self.inbox.dataset.name, why)
        self.observer, self.observer_reason = "polling", why

    def _unwatch(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher = None

    def _log_problem(self) -> None:
        problem = self.inbox.problem
        if problem != self._logged_problem:
            name, where = self.inbox.dataset.name, self.inbox.dataset.directory
            if problem:
                log.warning("%s: waiting, because %s [%s]. What is loaded stays.", name, problem, where)
            else:
                log.info("%s: %s can be read again", name, where)
            self._logged_problem = problem

    def _log_beside(self) -> None:
        """Say once that files lie there which the pattern leaves out: whoever put them there may wait for them."""
        if (beside := self.inbox.beside) is not None and not self._logged_beside:
            log.info("%s: %s", self.inbox.dataset.name, beside.words(self.inbox.dataset.all_patterns))
            self._logged_beside = True

    def _keep_record(self) -> None:
        """Have it remembered before anything is judged that was found since."""
        record = self.inbox.directory_record
        if record != self._remembered:
            self._remember(record)
            self._remembered = record
