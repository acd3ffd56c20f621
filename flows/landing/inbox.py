"""Which files of a landing directory are new, changed or deleted, and when they are complete.

Level-triggered: the listing compared with what the ledger recorded last is the truth; events only shorten the
wait. What cannot be seen is unknown, never deleted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from math import inf
from typing import Unpack

from flows.landing.events import Hint
from flows.landing.file_states import FileOptions, FileStates, ReadyFiles
from flows.landing.identity import DirectoryIdentity
from flows.landing.listing import Beside, Listing
from flows.landing.manifest import with_manifest
from flows.landing.names import is_hidden, name_filter, strip_companion
from flows.landing.pending_files import PendingFile, Wait
from flows.landing.scan import SeenFiles, scan, search_unseen
from flows.landing.settling import SettlingRules
from flows.landing.tree import reason_of
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature, shown

ACCEPTED_S = 1.0
"""How often a file that waits for a person to accept its directory is looked at."""
LINKS_S = 1.0
"""How often a file that waits for its other names to go is looked at: no event tells of those elsewhere."""


class Inbox(FileStates):
    """The settled work of one landing directory: what is known of its files, kept true by looking at them.

    What is here touches the file system, which may take for ever: it is called from the mount's thread. What is
    inherited only remembers. No lock is held while the file system is asked.

    Args:
        dataset: whose files these are.
        recorded: path → signature recorded last in the ledger, of the files present when last looked.
        settle_s: seconds without a change after which a file counts as complete.
        **options: as in `FileStates`.
    """

    def __init__(
        self,
        dataset: Dataset,
        recorded: Mapping[bytes, Signature],
        *,
        settle_s: float,
        **options: Unpack[FileOptions],
    ) -> None:
        super().__init__(dataset, recorded, settle_s=settle_s, **options)
        self.root = dataset.root
        self.settling = SettlingRules(dataset, settle_s=settle_s)
        self.scanned_at = -inf
        self._accepts = name_filter(dataset)
        self.beside: Beside | None = None
        """What lies there and is none of the dataset's, as the last look has seen it."""

    def rescan(self) -> Listing:
        """Look at the whole directory."""
        now, started = self._clock(), time.monotonic()
        listing = self._scan()
        self.scan_s = time.monotonic() - started
        self.scanned_at = started
        self.beside = listing.beside
        self.file_clock.check(now)
        with self._lock:
            self._take_in(listing, now)
        return listing

    def _scan(self) -> Listing:
        listing = scan(self.root, self._accepts, recursive=self.dataset.recursive)
        with self._lock:
            known = self._recorded.keys() | self._pending.paths if listing.unseen else frozenset[bytes]()
        listing = search_unseen(self.root, listing, known)
        if self.dataset.completeness.manifest is None:
            return listing
        files = {path: self._with_manifest(path, signature) for path, signature in listing.files.items()}
        return replace(listing, files=files)

    def accept(self) -> Listing:
        """Look at the whole directory, and believe it as it is now because a person says so."""
        listing = self.rescan()
        if listing.problem is None:
            with self._lock:
                self._guard.accept(listing)
                self.problem = listing.gap()
        return listing

    def check_paths(self, hints: Mapping[bytes, Hint]) -> None:
        """Look at the files that events named."""
        now = self._clock()
        if hints:
            self.file_clock.check(now)
        for named, hint in hints.items():
            path = strip_companion(self.dataset, named)
            hidden = is_hidden(path, recursive=self.dataset.recursive) or self.dataset.archive_of(path) is not None
            if hidden or not self._accepts(os.fsdecode(os.path.basename(path))):
                continue
            try:
                self._check_path(path, hint if path == named else Hint.UNKNOWN, now)
            except OSError as error:
                self.problem = f"{shown(path)} cannot be looked at ({reason_of(error)})"

    def _check_path(self, path: bytes, hint: Hint, now: float) -> None:
        seen = SeenFiles(self.root)
        seen.find(path)
        signature = seen.files.get(path)
        if signature is not None:
            signature = self._with_manifest(path, signature)
        with self._lock:
            _update(self.refused, path, seen.refused.get(path))
            _update(self._linked, path, seen.linked.get(path))
            if signature is not None:
                self._note(path, signature, hint, now)
                return
            self._pending.discard(path)
            if path in self._recorded:
                self._missing.add(path, now)

    def _with_manifest(self, path: bytes, signature: Signature) -> Signature:
        return with_manifest(self.dataset, self.root, path, signature)

    def find_ready(self, *, max_files: int, max_bytes: int) -> ReadyFiles:
        """The files that are complete, in the order of their times, and the files that are gone.

        At least one file is taken whatever its size. They are offered again until they are claimed.
        """
        now = self._clock()
        if self._root_has_changed():
            self.rescan()
        with self._lock:
            released = dict.fromkeys(self._pending.retry_paths, Hint.UNKNOWN)
        self.check_paths(released)
        settled: list[SettledFile] = []
        size = 0
        crowded = False
        for path, pending in self._pending_by_time():
            if not self._is_settled(path, pending, now):
                continue
            size += pending.signature.size_bytes
            crowded = len(settled) == max_files or bool(settled and size > max_bytes)
            if crowded:
                break
            settled.append(SettledFile(path, pending.signature))
        return ReadyFiles(tuple(settled), tuple(self._find_deleted(now, crowded=crowded)))

    def _is_settled(self, path: bytes, pending: PendingFile, now: float) -> bool:
        if path in self._claimed or pending.due > now:
            return False
        if path in self._linked:
            self._check_links(path, now)
            return False
        wait = self._find_wait(path, pending, now)
        if wait is not None:
            with self._lock:
                self._pending.set_wait(path, pending, wait)
            return False
        if pending.hint is Hint.COMPLETE or pending.seen >= pending.since + self.settling.quiet_s(pending.hint):
            return True
        self.check_paths({path: Hint.UNKNOWN})  # the last look may be older than the time to settle
        seen = self._pending.by_path.get(path)
        return seen is not None and seen.signature == pending.signature

    def _find_wait(self, path: bytes, pending: PendingFile, now: float) -> Wait | None:
        if self._guard.replaced and path in self._recorded:
            reason = f"cubefeed landing accept {self.dataset.name}: it lies in another directory now"
            return Wait(reason, now + ACCEPTED_S)
        return self.settling.find_wait(path, pending, now)

    def _root_has_changed(self) -> bool:
        """Whether another directory lies there than was listed last. What happened to its files says nothing then."""
        return self._root is not None and DirectoryIdentity.at(self.root) not in (self._root, None)

    def _check_links(self, path: bytes, now: float) -> None:
        """Have a file wait until its other names have gone, which changes its signature."""
        self.check_paths({path: Hint.UNKNOWN})
        with self._lock:
            reason, pending = self._linked.get(path), self._pending.by_path.get(path)
            if reason is not None and pending is not None:
                self._pending.set_wait(path, pending, Wait(reason, now + LINKS_S))

    def _find_deleted(self, now: float, *, crowded: bool) -> list[bytes]:
        if not self._deleted_as_seen(now, crowded=crowded):
            return []
        self.rescan()
        return self._deleted_as_seen(now, crowded=crowded)


def _update(reasons: dict[bytes, str], path: bytes, reason: str | None) -> None:
    if reason is None:
        reasons.pop(path, None)
    else:
        reasons[path] = reason
