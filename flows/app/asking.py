"""Turns requests into work, and work's outcomes into answers."""

from __future__ import annotations

import fnmatch
import logging
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flows.app.work import Outcome, Work
from flows.core.dataset import Dataset
from flows.core.files import Landed, Signature, shown
from flows.core.lifecycle import Mode
from flows.errors import CubefeedError, RequestFailed
from flows.landing.scan import look
from flows.store.ledger import Ledger
from flows.store.requests import Request, RequestBox

if TYPE_CHECKING:
    from flows.app.feed import Desk

log = logging.getLogger(__name__)


class Asking:
    """The owner's side of the request box."""

    def __init__(self, desks: Mapping[str, Desk], ledger: Ledger, requests: RequestBox) -> None:
        self._desks = desks
        self._ledger = ledger
        self._requests = requests
        self._taken: set[int] = set()

    def next_work(self) -> Work | None:
        """The work of the oldest request that waits."""
        if not self._requests.news() and not self._taken:
            return None
        for request in self._requests.open_requests():
            if request.id in self._taken:
                continue
            self._taken.add(request.id)
            log.info("%s: %s asked for %s", request.dataset, request.who, request.kind)
            try:
                return self._work(request)
            except (CubefeedError, OSError) as error:
                self.fail(request, error)
        return None

    def finish(self, request: Request, outcome: Outcome) -> None:
        """Answer a request whose work was done; it failed when any of its files did."""
        refused = outcome.refused
        answer: dict[str, Any] = {**outcome.as_json(), **outcome.answer}
        if refused:
            first = refused[0]
            answer["error"] = f"{len(refused)} of {len(outcome.files)} files were refused: {first.file}: {first.reason}"
            answer["next_step"] = f"cubefeed findings {first.file}"
        self._answer(request, failed=bool(refused), answer=answer)

    def fail(self, request: Request, error: BaseException) -> None:
        """Answer a request that could not be done."""
        known = isinstance(error, CubefeedError)
        answer = {
            "error": error.what if isinstance(error, CubefeedError) else f"{type(error).__name__}: {error}",
            "next_step": error.next_step if isinstance(error, CubefeedError) else "see the log of the live process",
        }
        if not known:
            log.error("request %s failed: %s", request.id, error)
        self._answer(request, failed=True, answer=answer)

    def _answer(self, request: Request, *, failed: bool, answer: dict[str, Any]) -> None:
        self._requests.finish(request.id, failed=failed, outcome=answer)
        self._taken.discard(request.id)

    def _work(self, request: Request) -> Work:
        desk = self._desks.get(request.dataset)
        if desk is None:
            raise RequestFailed(
                "The live process does not serve this dataset",
                next_step=f"name one of {', '.join(self._desks)}",
                got=request.dataset,
            )
        patterns = [str(pattern) for pattern in request.payload.get("paths", [])]
        if request.kind in ("rebuild", "verify"):
            return Work(request.dataset, request=request)
        if request.kind == "close-day":
            desk.lookout.inbox.rescan()
            found = desk.lookout.inbox.settled(max_files=sys.maxsize, max_bytes=sys.maxsize)
            return Work(request.dataset, *found, request=request)
        if request.kind == "unload":
            return Work(request.dataset, unload=self._known_paths(desk.dataset, patterns), request=request)
        mode: Mode = "reload" if request.kind == "reload" else "force" if request.payload.get("force") else "load"
        return Work(request.dataset, landed=self._landed(desk, patterns, mode), request=request)

    def _landed(self, desk: Desk, patterns: list[str], mode: Mode) -> tuple[Landed, ...]:
        inbox = desk.lookout.inbox
        listing = inbox.rescan()
        if listing.problem:
            raise RequestFailed(
                f"The files cannot be seen, because {listing.problem}", next_step="mend that and ask again"
            )
        chosen = _matching(desk.dataset, patterns, listing.files)
        found = {path: look(inbox.root, path) for path in chosen}
        landed = [Landed(path, seen, mode) for path, seen in found.items() if isinstance(seen, Signature)]
        return tuple(inbox.claim(landed))

    def _known_paths(self, dataset: Dataset, patterns: list[str]) -> tuple[bytes, ...]:
        return tuple(_matching(dataset, patterns, self._ledger.live_paths(dataset.name)))


def _matching(dataset: Dataset, patterns: list[str], paths: Mapping[bytes, object] | list[bytes]) -> list[bytes]:
    """The paths that match; all of them where no pattern is given.

    Raises:
        RequestFailed: a pattern matches nothing, or leads out of the landing directory.
    """
    if not patterns:
        return sorted(paths)
    chosen: set[bytes] = set()
    for pattern in patterns:
        wanted = _relative(dataset, pattern)
        exact = [path for path in paths if path == wanted]
        matched = exact or [path for path in paths if fnmatch.fnmatchcase(path, wanted)]
        if not matched:
            raise RequestFailed(
                f"No file of {dataset.name} matches {shown(wanted)}",
                next_step="see cubefeed files, or name a path in the landing directory",
                landing=dataset.directory,
            )
        chosen.update(matched)
    return sorted(chosen)


def _relative(dataset: Dataset, pattern: str) -> bytes:
    """A pattern relative to the landing directory, whether it was given so or from elsewhere."""
    landing = os.path.realpath(dataset.directory)
    full = os.path.normpath(os.path.join(landing, pattern))
    if not full.startswith(landing + os.sep):
        resolved = os.path.realpath(pattern)
        if not resolved.startswith(landing + os.sep):
            raise RequestFailed(
                "The path is not inside the landing directory",
                next_step="name a file or a pattern inside it",
                got=pattern,
                landing=landing,
            )
        full = resolved
    return os.fsencode(full[len(landing) + 1 :])
