"""Which files of a landing directory are new, changed or gone, and when they are complete.

Level-triggered: the listing compared with what the ledger recorded last is the truth; events only shorten the
wait. What cannot be seen is unknown, never deleted.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from math import inf
from typing import NamedTuple

from flows.landing.events import Hint
from flows.landing.file_clock import FileClock
from flows.landing.identity import DirectoryIdentity, DirectoryRecord
from flows.landing.listing import Listing
from flows.landing.manifest import with_manifest
from flows.landing.missing_files import MissingFiles
from flows.landing.mount_guard import MountGuard
from flows.landing.names import is_hidden, name_filter, strip_companion
from flows.landing.pending_files import PendingFile, PendingFiles, Wait
from flows.landing.scan import SeenFiles, scan, search_unseen
from flows.landing.settling import SettlingRules
from flows.landing.tree import reason_of
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature, shown
from flows.model.policies import unloads

ACCEPTED_S = 1.0
"""How often a file that waits for a person to accept its directory is looked at."""
LINKS_S = 1.0
"""How often a file that waits for its other names to go is looked at: no event tells of those elsewhere."""


class ReadyFiles(NamedTuple):
    """What a look found to be complete, and the known files that it found to be gone."""

    settled: tuple[SettledFile, ...] = ()
    deleted: tuple[bytes, ...] = ()


class ClaimedFiles(NamedTuple):
    """What can be worked on: complete files, files that are gone, and files that seem to be missing now, one of
    which a complete file may have been renamed from."""

    settled: tuple[SettledFile, ...] = ()
    deleted: tuple[bytes, ...] = ()
    missing: tuple[bytes, ...] = ()


class Inbox:
    """The settled work of one landing directory.

    `rescan`, `check_paths` and `find_ready` touch the file system, which may take for ever: they are called from the
    mount's thread. All else only remembers, and no lock is held while the file system is asked, so that it always
    answers.

    Args:
        dataset: whose files these are.
        recorded: path → signature recorded last in the ledger, of the files present when last looked.
        settle_s: seconds without a change after which a file counts as complete.
        trusted_age_s: a file whose times are at least this old counts as unchanged for so long when it is first
            seen; a mount whose clock may be another machine's wants more than 0.
        directory_record: what an earlier session knew of the directory.
        newcomers: files that were recorded while it was in doubt.
        clock: seconds from any beginning, never running back.
    """

    def __init__(
        self,
        dataset: Dataset,
        recorded: Mapping[bytes, Signature],
        *,
        settle_s: float,
        trusted_age_s: float = 0.0,
        directory_record: DirectoryRecord = DirectoryRecord(),  # noqa: B008  # it is immutable
        newcomers: Iterable[bytes] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.dataset = dataset
        self.root = dataset.root
        self.settling = SettlingRules(dataset, settle_s=settle_s)
        self.file_clock = FileClock(clock, trusted_age_s=trusted_age_s)
        self.problem: str | None = None
        self.scan_s = 0.0
        self.scanned_at = -inf
        self.refused: dict[bytes, str] = {}
        self._linked: dict[bytes, str] = {}
        self._accepts = name_filter(dataset)
        self._recorded = dict(recorded)
        self._pending = PendingFiles(self.file_clock)
        self._claimed: dict[bytes, Signature] = {}
        self._missing = MissingFiles()
        self._root: DirectoryIdentity | None = None
        self._guard = MountGuard(dataset.name, directory_record, newcomers)
        self._clock = clock
        self._lock = threading.RLock()

    @property
    def directory_record(self) -> DirectoryRecord:
        """What the next session should know of the directory."""
        return self._guard.record

    def rescan(self) -> Listing:
        """Look at the whole directory."""
        now, started = self._clock(), time.monotonic()
        listing = self._scan()
        self.scan_s = time.monotonic() - started
        self.scanned_at = started
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

    def _take_in(self, listing: Listing, now: float) -> None:
        """Compare a whole listing with what is known."""
        self.refused, self._linked = dict(listing.refused), dict(listing.linked)
        waiting = self._pending.paths
        for path, signature in listing.files.items():
            if self._recorded.get(path) != signature or path in waiting:
                self._note(path, signature, None, now)
        if listing.absent:
            self._guard.forget_root()
        missing = {path for path in self._recorded if path not in listing.files and path not in listing.unknown}
        self._root = listing.identities.get(b"", self._root)
        doubt = listing.problem or self._guard.find_doubt(
            listing, self._recorded, missing, unloads=unloads(self.dataset.when_deleted)
        )
        self.problem = doubt or listing.gap()
        if listing.problem is None:
            self._pending.discard_all(waiting - listing.files.keys() - listing.unknown)
        self._missing.set(missing if doubt is None else (), now)

    def accept(self) -> Listing:
        """Look at the whole directory, and believe it as it is now because a person says so."""
        listing = self.rescan()
        if listing.problem is None:
            with self._lock:
                self._guard.accept(listing)
                self.problem = listing.gap()
        return listing

    def list_missing(self, listing: Listing) -> list[bytes]:
        """The known files that a listing lacks, without those that are worked on."""
        with self._lock:
            return [path for path in self._recorded if listing.lacks(path) and path not in self._claimed]

    def claim_deleted(self, paths: Iterable[bytes]) -> None:
        """Claim known files because they are gone."""
        with self._lock:
            for path in paths:
                self._missing.discard(path)
                self._claimed[path] = self._recorded[path]

    def forget_root(self) -> None:
        """The directory was removed or moved; see `MountGuard.forget_root`."""
        with self._lock:
            self._guard.forget_root()

    def check_paths(self, hints: Mapping[bytes, Hint]) -> None:
        """Look at the files that events named."""
        now = self._clock()
        if hints:
            self.file_clock.check(now)
        for named, hint in hints.items():
            path = strip_companion(self.dataset, named)
            hidden = is_hidden(path, recursive=self.dataset.recursive)
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

    def claim_ready(self, ready: ReadyFiles) -> ClaimedFiles:
        """Claim what was found to be complete or gone, as far as that holds still.

        Claimed files are not offered again until `record` or `release` is called for them.
        """
        with self._lock:
            taken = [file for file in ready.settled if self._still_waits(file)]
            for file in taken:
                self._pending.discard_version(file.path, file.signature)
                self._claimed[file.path] = file.signature
            missing = tuple(self._missing) if taken else ()
            deleted = [path for path in ready.deleted if path in self._missing and path not in self._claimed]
            self.claim_deleted(deleted)
        return ClaimedFiles(tuple(taken), tuple(deleted), missing)

    def claim(self, files: Iterable[SettledFile]) -> None:
        """Claim these files because somebody asked for them, settled or not.

        Those that are being worked on are worked on again, after that.
        """
        with self._lock:
            for file in files:
                self._pending.discard(file.path)
                self._claimed[file.path] = file.signature

    def reset(self, recorded: Mapping[bytes, Signature]) -> None:
        """Begin again with what the ledger says."""
        with self._lock:
            self._recorded = dict(recorded)
            self._missing.set((), self._clock())

    def record(self, signatures: Mapping[bytes, Signature], deleted: Iterable[bytes]) -> None:
        """The ledger has recorded these files as they were read, and these as gone."""
        with self._lock:
            self._recorded.update(signatures)
            self._guard.note_recorded(signatures)
            for path, signature in signatures.items():
                self._claimed.pop(path, None)
                self._pending.discard_version(path, signature)
            for path in deleted:
                self._recorded.pop(path, None)
                self._claimed.pop(path, None)
                self._missing.discard(path)

    def release(self, paths: Iterable[bytes] | Mapping[bytes, str]) -> None:
        """These claimed files were not recorded, for the reasons given: offer them again, after the next look."""
        reasons = paths if isinstance(paths, Mapping) else {}
        now = self._clock()
        with self._lock:
            for path in paths:
                signature = self._claimed.pop(path, None)
                if signature is not None:
                    self._pending.retry(path, signature, reasons.get(path), now=now)

    def list_waiting(self) -> dict[bytes, str]:
        """Path → what it waits for, of everything that is not loaded yet."""
        with self._lock:
            return self._pending.list_reasons() | dict.fromkeys(self._claimed, "its turn")

    def longest_wait_s(self) -> float:
        """How long the file that has waited longest has been as it is; 0 when nothing waits."""
        with self._lock:
            return self._pending.longest_wait_s(self._clock())

    def next_due_s(self) -> float | None:
        """Seconds until something may have settled, 0 or less where that may be so already; None when nothing waits."""
        now = self._clock()
        with self._lock:
            if self._pending.retry_paths:
                return 0.0
            due = self._pending.next_due(without=self._claimed)
            due = min(due, self._missing.due_at(scan_s=self.scan_s, claimed=self._claimed))
        return due - now if due != inf else None

    def _pending_by_time(self) -> list[tuple[bytes, PendingFile]]:
        with self._lock:
            return self._pending.list_by_time()

    def _still_waits(self, file: SettledFile) -> bool:
        pending = self._pending.by_path.get(file.path)
        return pending is not None and pending.signature == file.signature and file.path not in self._claimed

    def _note(self, path: bytes, signature: Signature, hint: Hint | None, now: float) -> None:
        """A file looks like this; `hint` is what an event says of it, None where there was none."""
        self._missing.discard(path)
        if self._is_recorded(path, signature) or self._claimed.get(path) == signature:
            self._pending.discard(path)
        else:
            self._pending.note(path, signature, hint, now=now)

    def _is_recorded(self, path: bytes, signature: Signature) -> bool:
        recorded = self._recorded.get(path)
        if recorded is None or recorded == signature:
            return recorded is not None
        no_manifest = self.dataset.completeness.manifest is not None and signature.ctime_ns < recorded.ctime_ns
        return no_manifest and signature == recorded._replace(ctime_ns=signature.ctime_ns)

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

    def _deleted_as_seen(self, now: float, *, crowded: bool) -> list[bytes]:
        """What is gone, as far as was seen."""
        with self._lock:
            return self._missing.find_deleted(
                self._missing.due(now, scan_s=self.scan_s, claimed=self._claimed),
                now,
                recorded=self._recorded,
                pending=self._pending.by_path,
                claimed=self._claimed,
                settle_s=self.settling.settle_s,
                crowded=crowded,
            )


def _update(reasons: dict[bytes, str], path: bytes, reason: str | None) -> None:
    if reason is None:
        reasons.pop(path, None)
    else:
        reasons[path] = reason
