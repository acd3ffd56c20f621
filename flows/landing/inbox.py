"""Which files of a landing directory are new, changed or gone, and when they are complete.

Level-triggered: the listing compared with what the ledger judged last is the truth; events only shorten the
wait. What cannot be seen is unknown, never deleted.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

from flows.core.dataset import Dataset, Keep
from flows.core.files import Landed, Signature, shown
from flows.landing.manifest import look_at_manifest, with_manifest
from flows.landing.scan import TICK_S, Listing, look, name_filter, open_at_once, scan
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
COMPANION_S = 1.0
"""How often a marker or a manifest is looked for; where events are heard they tell sooner."""
RETRY_S = 5.0
"""How long a file that cannot be read is left alone before it is tried again."""


class Settled(NamedTuple):
    """What can be worked on: complete files, files that are gone, and files that seem to be missing now, one of
    which a complete file may have been renamed from."""

    landed: tuple[Landed, ...]
    gone: tuple[bytes, ...]
    missing: tuple[bytes, ...]


@dataclass(frozen=True)
class Pending:
    """A new or changed file that is not loaded yet.

    Args:
        signature: how it looks.
        since: since when it looks so.
        seen: when it was seen to look so last.
        hint: what the events say of it.
        waits_for: what it waits for, in words.
        due: when to look whether it still waits.
    """

    signature: Signature
    since: float
    seen: float
    hint: Hint = Hint.UNKNOWN
    waits_for: str = "to settle"
    due: float = -inf


class Inbox:
    """The settled work of one landing directory.

    Args:
        dataset: whose files these are.
        judged: path → signature judged last, from the ledger, of the files present when last looked.
        settle_s: seconds without a change after which a file counts as complete.
        believe_age_s: a file whose times are at least this old counts as unchanged for so long when it is first
            seen; a mount whose clock may be another machine's wants more than 0.
        clock: seconds from any beginning, never running back.
    """

    def __init__(
        self,
        dataset: Dataset,
        judged: Mapping[bytes, Signature],
        *,
        settle_s: float,
        believe_age_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.dataset = dataset
        self.root = dataset.root
        self.settle_s = settle_s
        self.believe_age_s = believe_age_s
        self.problem: str | None = None
        self.scan_s = 0.0
        self.scanned_at = -inf
        self.refused: dict[bytes, str] = {}
        self.accepts = name_filter(dataset)
        self._judged = dict(judged)
        self._pending: dict[bytes, Pending] = {}
        self._claimed: dict[bytes, Signature] = {}
        self._missing: dict[bytes, float] = {}
        self._root: tuple[int, int] | None = None
        self._devices: dict[bytes, int] = {}
        self._clock = clock
        self._lock = threading.RLock()

    def rescan(self) -> Listing:
        """Look at the whole directory."""
        now, started = self._clock(), time.monotonic()
        listing = scan(self.root, self.accepts, recursive=self.dataset.recursive)
        self.scan_s = time.monotonic() - started
        self.scanned_at = started
        with self._lock:
            self.refused = listing.refused
            for path, signature in listing.files.items():
                self._note(path, signature, None, now)
            missing = self._judged.keys() - listing.files.keys()
            self.problem = listing.problem or self._doubt(listing, missing)
            if listing.problem is None:
                for path in self._pending.keys() - listing.files.keys():
                    del self._pending[path]
            self._missing = {path: self._missing.get(path, now) for path in missing} if self.problem is None else {}
        return listing

    def glance(self, hints: Mapping[bytes, Hint]) -> None:
        """Look at the files that events named."""
        now = self._clock()
        for named, hint in hints.items():
            path = self._owner_of(named)
            if not self.accepts(os.path.basename(path)) or self._hidden(path):
                continue
            try:
                found = look(self.root, path)
            except OSError as error:
                self.problem = f"{shown(path)} cannot be looked at ({error.strerror})"
                continue
            with self._lock:
                self.refused.pop(path, None)
                if isinstance(found, Signature):
                    self._note(path, found, hint if path == named else Hint.UNKNOWN, now)
                    continue
                self._pending.pop(path, None)
                if path in self._judged:
                    self._missing.setdefault(path, now)
                if found is not None:
                    self.refused[path] = found

    def claim(self, asked: Iterable[Landed]) -> None:
        """Claim these files because somebody asked for them, settled or not.

        Those that are being worked on are worked on again, after that.
        """
        with self._lock:
            for landed in asked:
                self._pending.pop(landed.path, None)
                self._claimed[landed.path] = landed.signature

    def settled(self, *, max_files: int, max_bytes: int) -> Settled:
        """Claim files that are complete, in the order of their times, and the files that are gone.

        At least one file is taken whatever its size. Claimed files are not offered again until `judged` or
        `release` is called for them.
        """
        now = self._clock()
        with self._lock:
            taken: list[Landed] = []
            size = 0
            for path in sorted(self._pending, key=lambda path: (self._pending[path].signature.mtime_ns, path)):
                if len(taken) == max_files:
                    break
                pending = self._pending[path]
                if not self._is_settled(path, pending, now):
                    continue
                size += pending.signature.size_bytes
                if taken and size > max_bytes:
                    break
                taken.append(Landed(path, pending.signature))
            for landed in taken:
                del self._pending[landed.path]
                self._claimed[landed.path] = landed.signature
            missing = tuple(self._missing) if taken else ()
            return Settled(tuple(taken), tuple(self._take_gone(now)), missing)

    def know(self, judged: Mapping[bytes, Signature]) -> None:
        """Begin again with what the ledger says."""
        with self._lock:
            self._judged = dict(judged)
            self._missing.clear()

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
                self._missing.pop(path, None)

    def release(self, paths: Iterable[bytes] | Mapping[bytes, str]) -> None:
        """These claimed files were not judged, for the reasons given: offer them again.

        One that looks as before would fail as before, so it is left alone for a while.
        """
        why = paths if isinstance(paths, Mapping) else {}
        with self._lock:
            claimed = {path: self._claimed.pop(path, None) for path in paths}
        self.glance(dict.fromkeys(claimed, Hint.UNKNOWN))
        due = self._clock() + RETRY_S
        with self._lock:
            for path, signature in claimed.items():
                pending = self._pending.get(path)
                if pending is not None and pending.signature == signature:
                    waits_for = f"another try: {why[path]}" if path in why else "another try"
                    self._pending[path] = replace(pending, waits_for=waits_for, due=due)

    def waiting(self) -> dict[bytes, str]:
        """Path → what it waits for, of everything that is not loaded yet."""
        with self._lock:
            waits = {path: pending.waits_for for path, pending in self._pending.items()}
            return waits | dict.fromkeys(self._claimed, "its turn")

    def waited_s(self) -> float:
        """How long the file that has waited longest has been as it is; 0 when nothing waits."""
        now = self._clock()
        with self._lock:
            return max((now - pending.since for pending in self._pending.values()), default=0.0)

    def next_due_s(self) -> float | None:
        """Seconds until something may have settled; None when nothing waits."""
        now = self._clock()
        with self._lock:
            due = [pending.due - now for path, pending in self._pending.items() if path not in self._claimed]
            due += [
                since + self._missing_s() - now for path, since in self._missing.items() if path not in self._claimed
            ]
        return max(min(due), 0.01) if due else None

    def _note(self, path: bytes, signature: Signature, hint: Hint | None, now: float) -> None:
        """A file looks like this; `hint` is what an event says of it, None where there was none."""
        signature = with_manifest(self.dataset, self.root, path, signature)
        self._missing.pop(path, None)
        if self._is_judged(path, signature) or self._claimed.get(path) == signature:
            self._pending.pop(path, None)
            return
        before = self._pending.get(path)
        if before is not None and before.signature == signature:
            if hint is not None:
                told = before.hint if hint is Hint.UNKNOWN else hint
                self._pending[path] = replace(before, seen=now, hint=told, due=-inf)
            return
        if hint is None or hint is Hint.UNKNOWN:
            still_open = before is not None and before.hint is Hint.OPEN and before.signature.inode == signature.inode
            hint = Hint.OPEN if still_open else Hint.UNKNOWN
        age_s = self._age_s(signature)
        since = self._clock() - age_s if age_s else now
        self._pending[path] = Pending(signature, since, now, hint)

    def _is_judged(self, path: bytes, signature: Signature) -> bool:
        judged = self._judged.get(path)
        if judged is None or judged == signature:
            return judged is not None
        no_manifest = self.dataset.manifest is not None and signature.ctime_ns < judged.ctime_ns
        return no_manifest and signature == judged._replace(ctime_ns=signature.ctime_ns)

    def _doubt(self, listing: Listing, missing: Set[bytes]) -> str | None:
        """Why a listing that is whole does not say that files are gone.

        A directory in which files were seen and which is empty now was emptied, if it is the same one; that is
        believed where nothing is unloaded for it.
        """
        same = listing.root is not None and listing.root == self._root
        keeps = isinstance(self.dataset.when_deleted, Keep)
        if missing and not listing.files and not (keeps and same):
            return (
                f"the directory is empty, as an unmounted one is, and {len(missing)} files were there; nothing is "
                "unloaded for that. If they were taken away, the next file to land says so, "
                "and cubefeed unload takes out their rows"
            )
        if missing:
            for directory in self._on_another_device(listing):
                lay = [path for path in self._judged if path.startswith(directory)]
                if lay and missing >= set(lay):
                    where = shown(directory) or "the landing directory"
                    return (
                        f"{where} is on another file system now, with none of its files; nothing is unloaded for that"
                    )
        self._root, self._devices = listing.root, listing.devices
        return None

    def _on_another_device(self, listing: Listing) -> Iterator[bytes]:
        """Directories, with a slash at the end, that are on another device than they were.

        Where something was mounted below the root, the directory that it was mounted on may be gone too.
        """
        root = listing.devices.get(b"")
        for directory, device in self._devices.items():
            if listing.devices.get(directory, root) != device:
                yield directory and directory + b"/"

    def _age_s(self, signature: Signature) -> float:
        """For how long the file has not changed, as far as its own times can be believed."""
        age = time.time() - max(signature.mtime_ns, signature.ctime_ns) / 1e9
        return age if age >= self.believe_age_s else 0.0

    def _is_settled(self, path: bytes, pending: Pending, now: float) -> bool:
        if path in self._claimed or pending.due > now:
            return False
        unmet = self._unmet(path, pending, now)
        if unmet is not None:
            self._pending[path] = replace(pending, waits_for=unmet[0], due=unmet[1])
            return False
        if pending.hint is Hint.COMPLETE or pending.seen >= pending.since + self._quiet_s(pending.hint):
            return True
        self.glance({path: Hint.UNKNOWN})  # the last look may be older than the time to settle
        seen = self._pending.get(path)
        return seen is not None and seen.signature == pending.signature

    def _unmet(self, path: bytes, pending: Pending, now: float) -> tuple[str, float] | None:
        """What a file waits for and when that may have come; None where it is complete."""
        companion = self._companion_unmet(path)
        if companion is not None:
            return companion, now + COMPANION_S
        quiet_s = self._quiet_s(pending.hint)
        if pending.signature.size_bytes == 0 and self.dataset.marker is None:
            settled, ended = max(quiet_s, EMPTY_S), 0.0
            waits_for = "content: the file is empty"
        else:
            settled, ended = quiet_s, NO_NEWLINE_S
            waits_for = "to settle"
        if now < pending.since + settled:
            return waits_for, pending.since + settled
        if now < pending.since + ended and self.dataset.marker is None and not self._ends_in_newline(path):
            return "its last line to end", pending.since + ended
        return None

    def _quiet_s(self, hint: Hint) -> float:
        """How long a file must be unchanged at least."""
        if self.dataset.marker is not None:
            return TICK_S
        if hint is Hint.OPEN:
            return max(OPEN_S, self.settle_s)
        own_event_tells_all = hint is Hint.COMPLETE and self.dataset.manifest is None
        return TICK_S if own_event_tells_all else self.settle_s

    def _companion_unmet(self, path: bytes) -> str | None:
        if self.dataset.manifest is not None:
            manifest = path + self.dataset.manifest.encode()
            if look_at_manifest(self.root, manifest) is None:
                return f"its manifest {shown(os.path.basename(manifest))}"
        if self.dataset.marker is not None:
            marker = path + self.dataset.marker.encode()
            try:
                marked_ns = os.stat(os.path.join(self.root, marker)).st_ctime_ns
                changed_ns = os.stat(os.path.join(self.root, path)).st_ctime_ns
            except OSError:
                return f"its marker {shown(os.path.basename(marker))}"
            if marked_ns < changed_ns:
                return "a newer marker"
        return None

    def _missing_s(self) -> float:
        return max(GONE_S, GONE_SCANS * self.scan_s)

    def _take_gone(self, now: float) -> list[bytes]:
        if not self._gone(now):
            return []
        self.rescan()
        gone = self._gone(now)
        for path in gone:
            del self._missing[path]
            self._claimed[path] = self._judged[path]
        return gone

    def _gone(self, now: float) -> list[bytes]:
        """Files that are missing for long enough, but for those whose new name may still be settling."""
        due = [path for path, since in self._missing.items() if now - since >= self._missing_s()]
        due = [path for path in due if path not in self._claimed]
        if not due:
            return []
        settling = {_body(p.signature) for p in self._pending.values() if now - p.since < NO_NEWLINE_S}
        return [path for path in due if _body(self._judged[path]) not in settling]

    def _owner_of(self, path: bytes) -> bytes:
        for suffix in (self.dataset.marker, self.dataset.manifest):
            if suffix and path.endswith(suffix.encode()):
                return path[: -len(suffix)]
        return path

    def _hidden(self, path: bytes) -> bool:
        *directories, _ = path.split(b"/")
        return bool(directories) and (not self.dataset.recursive or any(part.startswith(b".") for part in directories))

    def _ends_in_newline(self, path: bytes) -> bool:
        try:
            file = open_at_once(os.path.join(self.root, path))
        except OSError:
            return False
        try:
            return os.pread(file, 1, os.fstat(file).st_size - 1) in (b"\n", b"\r")
        except OSError:
            return False
        finally:
            os.close(file)


def _body(signature: Signature) -> tuple[int, int, int]:
    """What a rename leaves as it was."""
    return signature.size_bytes, signature.mtime_ns, signature.inode
