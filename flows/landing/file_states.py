"""What is known of the files of one landing directory: which are recorded, wait, are worked on or are missing.

Nothing here touches the file system, so that it always answers, whatever a mount does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import NamedTuple, TypedDict

from flows.landing.events import Hint
from flows.landing.file_clock import FileClock
from flows.landing.identity import DirectoryIdentity, DirectoryRecord
from flows.landing.listing import Listing
from flows.landing.missing_files import MissingFiles
from flows.landing.mount_guard import MountGuard
from flows.landing.pending_files import PendingFile, PendingFiles
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature
from flows.model.policies import unloads


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


class FileOptions(TypedDict, total=False):
    """What `FileStates` may be given besides; see there."""

    trusted_age_s: float
    directory_record: DirectoryRecord
    newcomers: Iterable[bytes]
    clock: Callable[[], float]


class FileStates:
    """The states of the files of one landing directory, from all threads.

    Args:
        dataset: whose files these are.
        recorded: path → signature recorded last in the ledger, of the files present when last looked.
        settle_s: seconds without a change after which a file counts as complete.
        trusted_age_s: as in `FileClock`.
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
        self.settle_s = settle_s
        self.file_clock = FileClock(clock, trusted_age_s=trusted_age_s)
        self.problem: str | None = None
        self.scan_s = 0.0
        self.refused: dict[bytes, str] = {}
        self._linked: dict[bytes, str] = {}
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

    def forget_root(self) -> None:
        """The directory was removed or moved; see `MountGuard.forget_root`."""
        with self._lock:
            self._guard.forget_root()

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

    def _deleted_as_seen(self, now: float, *, crowded: bool) -> list[bytes]:
        """What is gone, as far as was seen."""
        with self._lock:
            return self._missing.find_deleted(
                self._missing.due(now, scan_s=self.scan_s, claimed=self._claimed),
                now,
                recorded=self._recorded,
                pending=self._pending.by_path,
                claimed=self._claimed,
                settle_s=self.settle_s,
                crowded=crowded,
            )
