"""Which files of a landing directory are new, changed or gone, and when they are complete.

Level-triggered: the listing compared with what the ledger judged last is the truth; events only shorten the
wait. What cannot be seen is unknown, never deleted.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from flows.core.dataset import Dataset
from flows.core.files import Landed, Signature, shown
from flows.landing.scan import Listing, look, name_filter, scan
from flows.landing.watcher import Hint

NO_NEWLINE_S = 2.0
"""A file that does not end in a line end may be half written: how long it must be unchanged at least."""
OPEN_S = 5.0
"""A file that a local process still holds open for writing: how long it must be unchanged at least."""
EMPTY_S = 30.0
"""A file of 0 bytes is waiting to be filled; unchanged for this long it is reported."""
GONE_SCANS = 20
"""Each look for what is gone lists the directory, so large ones are looked at less often."""
GONE_S = 1.0
"""A file must be missing for this long: its new name may be on its way."""


class Settled(NamedTuple):
    """What can be worked on: complete files, files that are gone, and files that seem to be missing now, one of
    which a complete file may have been renamed from."""

    landed: tuple[Landed, ...]
    gone: tuple[bytes, ...]
    missing: tuple[bytes, ...]


@dataclass(frozen=True)
class Pending:
    """A new or changed file that is not loaded yet."""

    signature: Signature
    since: float
    hint: Hint = Hint.UNKNOWN
    waits_for: str | None = None


class Inbox:
    """The settled work of one landing directory.

    Args:
        dataset: whose files these are.
        judged: path → signature judged last, from the ledger, of the files present when last looked.
        settle_s: seconds without a change after which a file counts as complete.
        believe_age_s: a file whose times are at least this old counts as unchanged for so long when it is first
            seen; a mount whose clock may be another machine's wants more than 0.
    """

    def __init__(
        self,
        dataset: Dataset,
        judged: Mapping[bytes, Signature],
        *,
        settle_s: float,
        believe_age_s: float = 0.0,
    ) -> None:
        self.dataset = dataset
        self.root = os.fsencode(dataset.directory.absolute())
        self.settle_s = settle_s
        self.believe_age_s = believe_age_s
        self.problem: str | None = None
        self.scan_s = 0.0
        self.scanned_at = -float("inf")
        self.refused: dict[bytes, str] = {}
        self.accepts = name_filter(dataset)
        self._judged = dict(judged)
        self._pending: dict[bytes, Pending] = {}
        self._claimed: dict[bytes, Signature] = {}
        self._missing: dict[bytes, float] = {}
        self._lock = threading.RLock()

    def rescan(self) -> Listing:
        """Look at the whole directory."""
        now = time.monotonic()
        listing = scan(self.root, self.accepts, recursive=self.dataset.recursive)
        self.scan_s = time.monotonic() - now
        self.scanned_at = now
        with self._lock:
            self.refused = listing.refused
            for path, signature in listing.files.items():
                self._note(path, signature, Hint.UNKNOWN, now)
            self.problem = listing.problem
            missing = self._judged.keys() - listing.files.keys()
            if missing and not listing.files and not listing.problem:
                self.problem = "the directory is empty; nothing is unloaded for that"
            for path in self._pending.keys() - listing.files.keys():
                del self._pending[path]
            self._missing = {path: self._missing.get(path, now) for path in missing} if self.problem is None else {}
        return listing

    def glance(self, hints: Mapping[bytes, Hint]) -> None:
        """Look at the files that events named."""
        now = time.monotonic()
        for path, hint in hints.items():
            path = self._owner_of(path)
            if not self.accepts(os.path.basename(path)) or self._hidden(path):
                continue
            try:
                found = look(self.root, path)
            except OSError as error:
                self.problem = f"a file cannot be looked at ({error.strerror})"
                continue
            with self._lock:
                if isinstance(found, Signature):
                    self._note(path, found, hint, now)
                elif found is None:
                    self._pending.pop(path, None)
                    if path in self._judged:
                        self._missing.setdefault(path, now)
                else:
                    self.refused[path] = found

    def claim(self, asked: Iterable[Landed]) -> list[Landed]:
        """Claim these files because somebody asked for them, settled or not; not those already claimed."""
        with self._lock:
            free = [landed for landed in asked if landed.path not in self._claimed]
            for landed in free:
                self._pending.pop(landed.path, None)
                self._claimed[landed.path] = landed.signature
            return free

    def settled(self, *, max_files: int, max_bytes: int) -> Settled:
        """Claim files that are complete, in the order of their times, and the files that are gone.

        At least one file is taken whatever its size. Claimed files are not offered again until `judged` or
        `release` is called for them.
        """
        now = time.monotonic()
        with self._lock:
            ready = sorted(
                (path for path, pending in self._pending.items() if self._is_settled(path, pending, now)),
                key=lambda path: (self._pending[path].signature.mtime_ns, path),
            )
            taken: list[Landed] = []
            size = 0
            for path in ready[:max_files]:
                pending = self._pending[path]
                size += pending.signature.size_bytes
                if taken and size > max_bytes:
                    break
                taken.append(Landed(path, pending.signature))
            for landed in taken:
                del self._pending[landed.path]
                self._claimed[landed.path] = landed.signature
            missing = tuple(self._missing) if taken else ()
            return Settled(tuple(taken), tuple(self._take_gone(now)), missing)

    def judged(self, signatures: Mapping[bytes, Signature], gone: Iterable[bytes]) -> None:
        """The ledger has recorded these files as they were read, and these as gone."""
        with self._lock:
            self._judged.update(signatures)
            for path, signature in signatures.items():
                self._claimed.pop(path, None)
                pending = self._pending.get(path)
                if pending is not None and pending.signature == signature:
                    del self._pending[path]
            for path in gone:
                self._judged.pop(path, None)
                self._claimed.pop(path, None)

    def release(self, paths: Iterable[bytes]) -> None:
        """These claimed files were not judged: offer them again."""
        paths = list(paths)
        with self._lock:
            for path in paths:
                self._claimed.pop(path, None)
        self.glance(dict.fromkeys(paths, Hint.UNKNOWN))

    def waiting(self) -> dict[bytes, str]:
        """Path → what it waits for, of everything that is not loaded yet."""
        with self._lock:
            waits = {path: pending.waits_for or "to settle" for path, pending in self._pending.items()}
            return waits | dict.fromkeys(self._claimed, "its turn")

    def next_due_s(self) -> float | None:
        """Seconds until something may have settled; None when nothing waits."""
        now = time.monotonic()
        with self._lock:
            due = [pending.since + self._quiet_s(pending) - now for pending in self._pending.values()]
            due += [since + GONE_S - now for since in self._missing.values()]
        return max(min(due), 0.01) if due else None

    def _note(self, path: bytes, signature: Signature, hint: Hint, now: float) -> None:
        self._missing.pop(path, None)
        if self._judged.get(path) == signature or self._claimed.get(path) == signature:
            self._pending.pop(path, None)
            return
        pending = self._pending.get(path)
        if pending is None or pending.signature != signature:
            self._pending[path] = Pending(signature, now - self._age_s(signature), hint)
        elif hint is not Hint.UNKNOWN:
            self._pending[path] = replace(pending, hint=hint)

    def _age_s(self, signature: Signature) -> float:
        """For how long the file has not changed, as far as its own times can be believed."""
        age = time.time() - max(signature.mtime_ns, signature.ctime_ns) / 1e9
        return age if age >= self.believe_age_s else 0.0

    def _is_settled(self, path: bytes, pending: Pending, now: float) -> bool:
        if path in self._claimed:
            return False
        waits_for = self._unmet(path, pending, now)
        if waits_for != pending.waits_for:
            self._pending[path] = replace(pending, waits_for=waits_for)
        return waits_for is None

    def _unmet(self, path: bytes, pending: Pending, now: float) -> str | None:
        quiet = now - pending.since
        if pending.signature.size_bytes == 0:
            return None if quiet >= EMPTY_S else "content: the file is empty"
        if self.dataset.marker and (waits := self._marker_unmet(path, pending)):
            return waits
        if quiet < self._quiet_s(pending, known_end=True):
            return "to settle"
        if quiet < self._quiet_s(pending) and not _ends_in_newline(os.path.join(self.root, path)):
            return "its last line to end"
        return None

    def _quiet_s(self, pending: Pending, *, known_end: bool = False) -> float:
        least = {
            Hint.COMPLETE: 0.0,
            Hint.UNKNOWN: self.settle_s,
            Hint.OPEN: max(OPEN_S, self.settle_s),
        }[pending.hint]
        return least if known_end else max(least, NO_NEWLINE_S)

    def _marker_unmet(self, path: bytes, pending: Pending) -> str | None:
        marker = path + (self.dataset.marker or "").encode()
        try:
            status = os.stat(os.path.join(self.root, marker))
        except FileNotFoundError:
            return f"its marker {shown(os.path.basename(marker))}"
        return None if status.st_ctime_ns >= pending.signature.ctime_ns else "a newer marker"

    def _take_gone(self, now: float) -> list[bytes]:
        missing_s = max(GONE_S, GONE_SCANS * self.scan_s)
        due = any(now - since >= missing_s for since in self._missing.values())
        if not due or self._may_be_renamed(now):
            return []
        self.rescan()
        gone = [path for path, since in self._missing.items() if now - since >= missing_s and path not in self._claimed]
        for path in gone:
            del self._missing[path]
            self._claimed[path] = self._judged[path]
        return gone

    def _may_be_renamed(self, now: float) -> bool:
        """Whether a file that is still settling may be the new name of one that is missing."""
        return any(now - pending.since < NO_NEWLINE_S for pending in self._pending.values())

    def _owner_of(self, path: bytes) -> bytes:
        for suffix in (self.dataset.marker, self.dataset.manifest):
            if suffix and path.endswith(suffix.encode()):
                return path[: -len(suffix)]
        return path

    def _hidden(self, path: bytes) -> bool:
        *directories, _ = path.split(b"/")
        return bool(directories) and (not self.dataset.recursive or any(part.startswith(b".") for part in directories))


def _ends_in_newline(file: bytes) -> bool:
    try:
        with open(file, "rb") as opened:
            opened.seek(-1, os.SEEK_END)
            return opened.read(1) in (b"\n", b"\r")
    except OSError:
        return False
