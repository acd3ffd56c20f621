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

from flows.landing.absence import MissingFiles
from flows.landing.events import Hint
from flows.landing.identity import DirectoryRecord, MountGuard
from flows.landing.listing import DirectoryIdentity, Listing, is_too_deep, name_filter, reason_of, scan
from flows.landing.manifest import with_manifest
from flows.landing.mount_thread import note_progress
from flows.landing.settling import PendingFile, SettlingRules
from flows.landing.tree import find
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature, shown
from flows.model.policies import unloads

RETRY_S = 5.0
"""How long a file that cannot be read is left alone before it is tried again."""
ACCEPTED_S = 1.0
"""How often a file that waits for a person to accept its directory is looked at."""
LINKS_S = 1.0
"""How often a file that waits for its other names to go is looked at: no event tells of those elsewhere."""
CLOCK_STEP_S = 1.0
"""A wall clock that moves by more than this against the monotonic one was set."""


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


class Retry(NamedTuple):
    """A claimed file that could not be recorded: how it looked, why, and when to try again if it looks the same."""

    signature: Signature
    waits_for: str
    due: float


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
        self.trusted_age_s = trusted_age_s
        self.problem: str | None = None
        self.scan_s = 0.0
        self.scanned_at = -inf
        self.refused: dict[bytes, str] = {}
        self._linked: dict[bytes, str] = {}
        self._accepts = name_filter(dataset)
        self._recorded = dict(recorded)
        self._pending: dict[bytes, PendingFile] = {}
        self._claimed: dict[bytes, Signature] = {}
        self._retries: dict[bytes, Retry] = {}
        self._missing = MissingFiles()
        self._root: DirectoryIdentity | None = None
        self._guard = MountGuard(dataset.name, directory_record, newcomers)
        self._clock = clock
        self._wall_ahead_s = time.time() - time.monotonic()
        self._steady_since = -inf
        self._lock = threading.RLock()

    @property
    def directory_record(self) -> DirectoryRecord:
        """What the next session should know of the directory."""
        return self._guard.record

    def rescan(self) -> Listing:
        """Look at the whole directory."""
        now, started = self._clock(), time.monotonic()
        listing = scan(self.root, self._accepts, recursive=self.dataset.recursive)
        self._look_beyond(listing)
        if self.dataset.completeness.manifest is not None:
            for path, signature in listing.files.items():
                listing.files[path] = with_manifest(self.dataset, self.root, path, signature)
        self.scan_s = time.monotonic() - started
        self.scanned_at = started
        self._check_clock(now)
        with self._lock:
            self.refused, self._linked = listing.refused, listing.linked
            waiting = self._pending.keys() | self._retries.keys()
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
                for path in waiting - listing.files.keys() - listing.unknown:
                    self._pending.pop(path, None)
                    self._retries.pop(path, None)
            self._missing.set(missing if doubt is None else (), now)
        return listing

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

    def _look_beyond(self, listing: Listing) -> None:
        """Look one by one at the known files in parts of the directory that could not be seen, and add them to the
        listing."""
        if not listing.unseen:
            return
        with self._lock:
            known = self._recorded.keys() | self._pending.keys() | self._retries.keys()
        silent: set[bytes] = set()  # directories where the file system does not even say that; each look may take long
        for path in known - listing.files.keys():
            directory = os.path.dirname(path)
            if not listing.is_unseen(path):
                continue
            if directory not in silent:
                note_progress()
                try:
                    listing.add(self.root, path, find(self.root, path))
                    continue
                except OSError:
                    silent.add(directory)
            listing.unknown.add(path)

    def forget_root(self) -> None:
        """The directory was removed or moved; see `MountGuard.forget_root`."""
        with self._lock:
            self._guard.forget_root()

    def check_paths(self, hints: Mapping[bytes, Hint]) -> None:
        """Look at the files that events named."""
        now, seen = self._clock(), Listing()
        if hints:
            self._check_clock(now)
        for named, hint in hints.items():
            path = self._owner_of(named)
            if not self._accepts(os.fsdecode(os.path.basename(path))) or self._hidden(path):
                continue
            try:
                seen.add(self.root, path, find(self.root, path))
            except OSError as error:
                self.problem = f"{shown(path)} cannot be looked at ({reason_of(error)})"
                continue
            signature = seen.files.get(path)
            if signature is not None:
                signature = with_manifest(self.dataset, self.root, path, signature)
            with self._lock:
                _update(self.refused, path, seen.refused.get(path))
                _update(self._linked, path, seen.linked.get(path))
                if signature is not None:
                    self._note(path, signature, hint if path == named else Hint.UNKNOWN, now)
                    continue
                self._pending.pop(path, None)
                self._retries.pop(path, None)
                if path in self._recorded:
                    self._missing.add(path, now)

    def find_ready(self, *, max_files: int, max_bytes: int) -> ReadyFiles:
        """The files that are complete, in the order of their times, and the files that are gone.

        At least one file is taken whatever its size. They are offered again until they are claimed.
        """
        now = self._clock()
        if self._root_has_changed():
            self.rescan()
        with self._lock:
            released = dict.fromkeys(self._retries, Hint.UNKNOWN)
        self.check_paths(released)
        landed: list[SettledFile] = []
        size = 0
        crowded = False
        for path, pending in self._in_order():
            if not self._is_settled(path, pending, now):
                continue
            size += pending.signature.size_bytes
            crowded = len(landed) == max_files or bool(landed and size > max_bytes)
            if crowded:
                break
            landed.append(SettledFile(path, pending.signature))
        return ReadyFiles(tuple(landed), tuple(self._find_deleted(now, crowded=crowded)))

    def claim_ready(self, ready: ReadyFiles) -> ClaimedFiles:
        """Claim what was found to be complete or gone, as far as that holds still.

        Claimed files are not offered again until `record` or `release` is called for them.
        """
        with self._lock:
            taken = [file for file in ready.settled if self._still_waits(file)]
            for file in taken:
                del self._pending[file.path]
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
                self._pending.pop(file.path, None)
                self._retries.pop(file.path, None)
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
                pending = self._pending.get(path)
                if pending is not None and pending.signature == signature:
                    del self._pending[path]
            for path in deleted:
                self._recorded.pop(path, None)
                self._claimed.pop(path, None)
                self._missing.discard(path)

    def release(self, paths: Iterable[bytes] | Mapping[bytes, str]) -> None:
        """These claimed files were not judged, for the reasons given: offer them again, after the next look.

        One that looks as before would fail as before, so it is left alone for a while.
        """
        why = paths if isinstance(paths, Mapping) else {}
        due = self._clock() + RETRY_S
        with self._lock:
            for path in paths:
                signature = self._claimed.pop(path, None)
                if signature is not None:
                    waits_for = f"another try: {why[path]}" if path in why else "another try"
                    self._retries[path] = Retry(signature, waits_for, due)

    def list_waiting(self) -> dict[bytes, str]:
        """Path → what it waits for, of everything that is not loaded yet."""
        with self._lock:
            waits = {path: retry.waits_for for path, retry in self._retries.items()}
            waits |= {path: pending.waits_for for path, pending in self._pending.items()}
            return waits | dict.fromkeys(self._claimed, "its turn")

    def longest_wait_s(self) -> float:
        """How long the file that has waited longest has been as it is; 0 when nothing waits."""
        now = self._clock()
        with self._lock:
            return max((now - pending.since for pending in self._pending.values()), default=0.0)

    def next_due_s(self) -> float | None:
        """Seconds until something may have settled, 0 or less where that may be so already; None when nothing waits."""
        now = self._clock()
        with self._lock:
            if self._retries:
                return 0.0
            due = min((each.due for path, each in self._pending.items() if path not in self._claimed), default=inf)
            due = min(due, self._missing.due_at(scan_s=self.scan_s, claimed=self._claimed))
        return due - now if due != inf else None

    def _in_order(self) -> list[tuple[bytes, PendingFile]]:
        with self._lock:
            return sorted(self._pending.items(), key=lambda item: (item[1].signature.mtime_ns, item[0]))

    def _still_waits(self, file: SettledFile) -> bool:
        pending = self._pending.get(file.path)
        return pending is not None and pending.signature == file.signature and file.path not in self._claimed

    def _note(self, path: bytes, signature: Signature, hint: Hint | None, now: float) -> None:
        """A file looks like this; `hint` is what an event says of it, None where there was none."""
        self._missing.discard(path)
        retry = self._retries.pop(path, None)
        if self._is_recorded(path, signature) or self._claimed.get(path) == signature:
            self._pending.pop(path, None)
            return
        before = self._pending.get(path)
        if before is not None and before.signature == signature:
            if hint is not None:
                known = before.hint if hint is Hint.UNKNOWN else hint
                self._pending[path] = replace(before, seen=now, hint=known, due=-inf)
            return
        if hint is None or hint is Hint.UNKNOWN:
            still_open = before is not None and before.hint is Hint.OPEN and before.signature.inode == signature.inode
            hint = Hint.OPEN if still_open else Hint.UNKNOWN
        first_seen = before.first_seen if before is not None else now
        pending = PendingFile(signature, self._unchanged_since(signature, now), now, first_seen, hint)
        if retry is not None and retry.signature == signature:
            pending = replace(pending, waits_for=retry.waits_for, due=retry.due)
        self._pending[path] = pending

    def _is_recorded(self, path: bytes, signature: Signature) -> bool:
        recorded = self._recorded.get(path)
        if recorded is None or recorded == signature:
            return recorded is not None
        no_manifest = self.dataset.completeness.manifest is not None and signature.ctime_ns < recorded.ctime_ns
        return no_manifest and signature == recorded._replace(ctime_ns=signature.ctime_ns)

    def _unchanged_since(self, signature: Signature, now: float) -> float:
        """Since when the file has not changed, as far as its own times can be believed."""
        age_s = time.time() - max(signature.mtime_ns, signature.ctime_ns) / 1e9
        if age_s <= 0 or age_s < self.trusted_age_s:
            return now
        return max(self._clock() - age_s, min(self._steady_since, now))

    def _check_clock(self, now: float) -> None:
        """Notice that the wall clock was set: what was written before looks older or younger than it is."""
        ahead_s = time.time() - time.monotonic()
        if abs(ahead_s - self._wall_ahead_s) > CLOCK_STEP_S:
            self._steady_since = now
        self._wall_ahead_s = ahead_s

    def _is_settled(self, path: bytes, pending: PendingFile, now: float) -> bool:
        if path in self._claimed or pending.due > now:
            return False
        if path in self._linked:
            self._look_at_links(path, now)
            return False
        unmet = self.settling.find_unmet(path, pending, now)
        if self._guard.replaced and path in self._recorded:
            unmet = f"cubefeed landing accept {self.dataset.name}: it lies in another directory now", now + ACCEPTED_S
        if unmet is not None:
            with self._lock:
                if self._pending.get(path) is pending:
                    self._pending[path] = replace(pending, waits_for=unmet[0], due=unmet[1])
            return False
        if pending.hint is Hint.COMPLETE or pending.seen >= pending.since + self.settling.quiet_s(pending.hint):
            return True
        self.check_paths({path: Hint.UNKNOWN})  # the last look may be older than the time to settle
        seen = self._pending.get(path)
        return seen is not None and seen.signature == pending.signature

    def _root_has_changed(self) -> bool:
        """Whether another directory lies there than was listed last. What happened to its files says nothing then."""
        return self._root is not None and DirectoryIdentity.at(self.root) not in (self._root, None)

    def _look_at_links(self, path: bytes, now: float) -> None:
        """Have a file wait until its other names have gone, which changes its signature."""
        self.check_paths({path: Hint.UNKNOWN})
        with self._lock:
            waits_for, pending = self._linked.get(path), self._pending.get(path)
            if waits_for is not None and pending is not None:
                self._pending[path] = replace(pending, waits_for=waits_for, due=now + LINKS_S)

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
                pending=self._pending,
                claimed=self._claimed,
                settle_s=self.settling.settle_s,
                crowded=crowded,
            )

    def _owner_of(self, path: bytes) -> bytes:
        for suffix in self.dataset.completeness.companions:
            if path.endswith(suffix.encode()):
                return path[: -len(suffix)]
        return path

    def _hidden(self, path: bytes) -> bool:
        *directories, _ = path.split(b"/")
        if not directories:
            return False
        return not self.dataset.recursive or is_too_deep(path) or any(part.startswith(b".") for part in directories)


def _update(reasons: dict[bytes, str], path: bytes, reason: str | None) -> None:
    if reason is None:
        reasons.pop(path, None)
    else:
        reasons[path] = reason
