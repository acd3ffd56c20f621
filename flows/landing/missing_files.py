"""Which files are gone: those that are missing for long enough, and whose new name is not on its way."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from math import inf

from flows.landing.pending_files import PendingFile
from flows.model.files import Signature

GONE_SCANS = 20
"""Each look for what is gone lists the directory, so large ones are looked at less often."""
GONE_S = 1.0
"""A file must be missing for this long: its new name may be on its way."""
HEIR_S = 60.0
"""How long a file is missing at most before it counts as gone although a file that waits (for its marker, say) looks
like it under a new name."""


class MissingFiles:
    """The known files that are not seen, and since when."""

    def __init__(self) -> None:
        self._since: dict[bytes, float] = {}
        self._look_at = -inf

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._since)

    def __contains__(self, path: object) -> bool:
        return path in self._since

    def set(self, paths: Iterable[bytes], now: float) -> None:
        """A whole listing showed all but these."""
        self._since = {path: self._since.get(path, now) for path in paths}

    def add(self, path: bytes, now: float) -> None:
        """A look showed that this one is not there."""
        self._since.setdefault(path, now)

    def discard(self, path: bytes) -> None:
        """It is there, or known to be gone."""
        self._since.pop(path, None)

    def due(self, now: float, *, scan_s: float, claimed: Collection[bytes]) -> list[bytes]:
        """Those that are missing for long enough; a listing takes so long."""
        if now < self._look_at:
            return []
        long_s = max(GONE_S, GONE_SCANS * scan_s)
        return [path for path, since in self._since.items() if now - since >= long_s and path not in claimed]

    def due_at(self, *, scan_s: float, claimed: Collection[bytes]) -> float:
        """When the next one is missing for long enough."""
        long_s = max(GONE_S, GONE_SCANS * scan_s)
        return max(min((since for path, since in self._since.items() if path not in claimed), default=inf) + long_s,
                   self._look_at)  # fmt: skip

    def find_deleted(
        self,
        due: Collection[bytes],
        now: float,
        *,
        recorded: Mapping[bytes, Signature],
        pending: Mapping[bytes, PendingFile],
        claimed: Mapping[bytes, Signature],
        settle_s: float,
        crowded: bool,
    ) -> list[bytes]:
        """Those of them whose rows need not wait for a new name.

        A file that has the size and time of a missing one may be the same one renamed: it is waited for while it
        settles and while it is worked on. One that has only its inode (it was changed as well, unless the inode is
        used again), and any other new file, may be a copy if it appeared before the missing one went: it is waited
        for as long as files usually take to settle. All of it is bounded.

        Args:
            due: files that are missing for long enough.
            now: the time.
            recorded: how the missing ones looked.
            pending: the files that settle.
            claimed: the files that are worked on.
            settle_s: as in the settling rules.
            crowded: whether files that settled wait for their turn.
        """
        if not due:
            return []
        bodies = {_body(each.signature) for each in pending.values()} | {_body(each) for each in claimed.values()}
        newcomer_at = self._first_newcomer_at(recorded, pending)
        renamed_s = HEIR_S * (10 if crowded else 1)

        def may_be_renamed(path: bytes) -> bool:
            missing_s = now - self._since[path]
            renamed = missing_s < renamed_s and _body(recorded[path]) in bodies
            copied = missing_s < GONE_S + settle_s and newcomer_at < self._since[path] + GONE_S
            return renamed or copied

        deleted = [path for path in due if not may_be_renamed(path)]
        if not deleted:
            self._look_at = now + GONE_S / 10
        return deleted

    def _first_newcomer_at(self, recorded: Mapping[bytes, Signature], pending: Mapping[bytes, PendingFile]) -> float:
        """When the first file was seen that may be a missing one under a new name, although it looks otherwise."""
        lost = {_body(recorded[path]) for path in self._since}
        inodes = {recorded[path].inode for path in self._since}
        return min(
            (
                each.first_seen
                for path, each in pending.items()
                if _body(each.signature) not in lost and (path not in recorded or each.signature.inode in inodes)
            ),
            default=inf,
        )


def _body(signature: Signature) -> tuple[int, int]:
    """What a rename leaves as it was."""
    return signature.size_bytes, signature.mtime_ns
