"""Turns requests into work, and work's outcomes into answers."""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flows.app.choosing import choose_paths
from flows.app.work import Outcome, Work
from flows.core.files import Landed, Signature
from flows.core.lifecycle import Mode
from flows.errors import CubefeedError, RequestFailed
from flows.landing.scan import look
from flows.store.ledger import Ledger
from flows.store.requests import Request, RequestBox
from flows.store.segments import Segments

if TYPE_CHECKING:
    from flows.app.feed import Desk

log = logging.getLogger(__name__)


class Asking:
    """The owner's side of the request box."""

    def __init__(self, desks: Mapping[str, Desk], ledger: Ledger, segments: Segments, requests: RequestBox) -> None:
        self._desks = desks
        self._ledger = ledger
        self._segments = segments
        self._requests = requests
        self._taken: set[int] = set()
        self._rest: deque[Work] = deque()
        self._earlier: dict[int, list[Outcome]] = {}

    def next_work(self, *, max_files: int, max_bytes: int) -> Work | None:
        """The work of the oldest request that waits, or the next part of it, bounded as a batch is."""
        if self._rest:
            return self._rest.popleft()
        if not self._requests.news() and not self._taken:
            return None
        for request in self._requests.open_requests():
            if request.id in self._taken:
                continue
            self._taken.add(request.id)
            log.info("%s: %s asked for %s", request.dataset, request.who, request.kind)
            try:
                self._rest.extend(self._work(request).parts(max_files=max_files, max_bytes=max_bytes))
                return self._rest.popleft()
            except (CubefeedError, OSError) as error:
                self.fail(request, error)
        return None

    def finish_part(self, request: Request, outcome: Outcome) -> None:
        """Keep what became of a part of a request until the last one is done."""
        self._earlier.setdefault(request.id, []).append(outcome)

    def finish(self, request: Request, outcome: Outcome) -> None:
        """Answer a request whose work was done; it failed when any of its files did."""
        parts = [*self._earlier.pop(request.id, ()), outcome]
        files = tuple(file for part in parts for file in part.files)
        outcome = replace(outcome, files=files, rows=sum(part.rows for part in parts))
        refused, unread = outcome.refused, outcome.unread
        answer: dict[str, Any] = {**outcome.as_json(), "answer": None, **outcome.answer}
        if refused or unread:
            first = (refused or unread)[0]
            what = "were refused" if refused else "could not be read"
            count = len(refused or unread)
            answer["error"] = f"{count} of {len(outcome.files)} files {what}: {first.file}: {first.reason}"
            answer["next_step"] = f"cubefeed findings {first.file}" if refused else "mend that and ask again"
        self._answer(request, failed=bool(refused or unread), answer=answer)

    def fail(self, request: Request, error: BaseException) -> None:
        """Answer a request that could not be done."""
        answer: dict[str, Any]
        if isinstance(error, CubefeedError):
            where = {name: str(value) for name, value in error.where.items()}
            answer = {"error": error.what, "next_step": error.next_step, "where": where}
        else:
            answer = {"error": f"{type(error).__name__}: {error}", "next_step": "see the log of the live process"}
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
        if request.kind == "report":
            day_of(request.payload)
        if request.kind in ("rebuild", "verify", "report"):
            return Work(request.dataset, request=request)
        if request.kind == "close-day":
            desk.lookout.inbox.rescan()
            found = desk.lookout.inbox.settled(max_files=sys.maxsize, max_bytes=sys.maxsize)
            return Work(request.dataset, *found, request=request)
        if request.kind == "unload":
            paths = self._ledger.live_paths(request.dataset)
            chosen = choose_paths(desk.dataset, self._ledger, self._segments, request.payload, paths)
            listing = desk.lookout.inbox.rescan()
            gone = () if listing.problem else tuple(path for path in chosen if path not in listing.files)
            return Work(request.dataset, unload=tuple(chosen), gone=gone, request=request)
        mode: Mode = "reload" if request.kind == "reload" else "force" if request.payload.get("force") else "load"
        return Work(request.dataset, landed=self._landed(desk, request, mode), request=request)

    def _landed(self, desk: Desk, request: Request, mode: Mode) -> tuple[Landed, ...]:
        inbox = desk.lookout.inbox
        listing = inbox.rescan()
        if listing.problem:
            raise RequestFailed(
                f"The files cannot be seen, because {listing.problem}", next_step="mend that and ask again"
            )
        chosen = choose_paths(desk.dataset, self._ledger, self._segments, request.payload, listing.files)
        found = {path: look(inbox.root, path) for path in chosen}
        landed = [Landed(path, seen, mode) for path, seen in found.items() if isinstance(seen, Signature)]
        inbox.claim(landed)
        return tuple(landed)


def day_of(payload: Mapping[str, Any]) -> date | None:
    """The day that a request names, if any.

    Raises:
        RequestFailed: there is no such day yet.
    """
    text = payload.get("date")
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise RequestFailed("That is no date", next_step="write it as 2021-05-01", got=text) from None
    if day > datetime.now(UTC).date() + timedelta(days=1):
        raise RequestFailed("That day has not begun", next_step="name an earlier one", got=text)
    return day
