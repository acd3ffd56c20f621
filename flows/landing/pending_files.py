"""The new and changed files that are not loaded yet, and those that failed and are tried again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

from flows.landing.events import Hint
from flows.landing.file_clock import FileClock
from flows.model.files import Signature

RETRY_S = 5.0
"""How long a file that cannot be read is left alone before it is tried again."""


@dataclass(frozen=True)
class PendingFile:
    """A new or changed file that is not loaded yet.

    Args:
        signature: how it looks.
        since: since when it looks so.
        seen: when it was seen to look so last.
        first_seen: when it was first seen to wait, however it looked.
        hint: what the events say of it.
        waits_for: what it waits for, in words.
        due: when to look whether it still waits.
    """

    signature: Signature
    since: float
    seen: float
    first_seen: float
    hint: Hint = Hint.UNKNOWN
    waits_for: str = "to settle"
    due: float = -inf


class Wait(NamedTuple):
    """What a file waits for.

    Args:
        reason: what it waits for, in words.
        due: when that may have come.
    """

    reason: str
    due: float


class Retry(NamedTuple):
    """A claimed file that could not be recorded: how it looked, why, and when to try again if it looks the same."""

    signature: Signature
    waits_for: str
    due: float


class PendingFiles:
    """The files that settle, and those that are tried again once they were looked at.

    Args:
        file_clock: says since when a file has not changed.
    """

    def __init__(self, file_clock: FileClock) -> None:
        self._file_clock = file_clock
        self._pending: dict[bytes, PendingFile] = {}
        self._retries: dict[bytes, Retry] = {}

    @property
    def paths(self) -> Set[bytes]:
        """All of them."""
        return self._pending.keys() | self._retries.keys()

    @property
    def by_path(self) -> Mapping[bytes, PendingFile]:
        """Path → file, of those that settle."""
        return self._pending

    @property
    def retry_paths(self) -> Collection[bytes]:
        """Those that are to be looked at again."""
        return self._retries.keys()

    def note(self, path: bytes, signature: Signature, hint: Hint | None, *, now: float) -> None:
        """A file is new, or differs from what is recorded of it, and looks like this.

        Args:
            path: of the file.
            signature: how it looks.
            hint: what an event says of it; None where there was none.
            now: the time.
        """
        retry = self._retries.pop(path, None)
        before = self._pending.get(path)
        if before is not None and before.signature == signature:
            if hint is not None:
                known = before.hint if hint is Hint.UNKNOWN else hint
                self._pending[path] = replace(before, seen=now, hint=known, due=-inf)
            return
        if hint is None or hint is Hint.UNKNOWN:
            hint = _remaining_hint(before, signature)
        since = self._file_clock.unchanged_since(signature, now)
        pending = PendingFile(signature, since, now, before.first_seen if before is not None else now, hint)
        if retry is not None and retry.signature == signature:
            pending = replace(pending, waits_for=retry.waits_for, due=retry.due)
        self._pending[path] = pending

    def set_wait(self, path: bytes, pending: PendingFile, wait: Wait) -> None:
        """A file waits for this, unless it looks otherwise by now."""
        if self._pending.get(path) is pending:
            self._pending[path] = replace(pending, waits_for=wait.reason, due=wait.due)

    def retry(self, path: bytes, signature: Signature, reason: str | None, *, now: float) -> None:
        """A file could not be loaded for this reason. One that looks as before would fail as before, so it is left
        alone for a while."""
        waits_for = "another try" if reason is None else f"another try: {reason}"
        self._retries[path] = Retry(signature, waits_for, now + RETRY_S)

    def discard(self, path: bytes) -> None:
        """It is loaded, worked on, or not there any more."""
        self._pending.pop(path, None)
        self._retries.pop(path, None)

    def list_by_time(self) -> list[tuple[bytes, PendingFile]]:
        """Those that settle, in the order of the times of their last change."""
        return sorted(self._pending.items(), key=lambda item: (item[1].signature.mtime_ns, item[0]))

    def list_reasons(self) -> dict[bytes, str]:
        """Path → what it waits for."""
        retries = {path: retry.waits_for for path, retry in self._retries.items()}
        return retries | {path: pending.waits_for for path, pending in self._pending.items()}

    def longest_wait_s(self, now: float) -> float:
        """How long the file that has waited longest has been as it is; 0 when nothing settles."""
        return max((now - pending.since for pending in self._pending.values()), default=0.0)

    def next_due(self, *, without: Collection[bytes]) -> float:
        """When the next one may be complete, those left out that are worked on."""
        return min((each.due for path, each in self._pending.items() if path not in without), default=inf)

    def discard_version(self, path: bytes, signature: Signature) -> None:
        """A file that looks so is loaded or worked on; one that has changed meanwhile waits on."""
        pending = self._pending.get(path)
        if pending is not None and pending.signature == signature:
            del self._pending[path]

    def discard_all(self, paths: Iterable[bytes]) -> None:
        """These are not there any more."""
        for path in paths:
            self.discard(path)


def _remaining_hint(before: PendingFile | None, signature: Signature) -> Hint:
    """A file that was open stays so until an event says otherwise, as long as it is the same file."""
    still_open = before is not None and before.hint is Hint.OPEN and before.signature.inode == signature.inode
    return Hint.OPEN if still_open else Hint.UNKNOWN
