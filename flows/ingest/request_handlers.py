"""Turns requests into work, and work's outcomes into answers."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from flows.errors import CubefeedError, DiskFull, LedgerUnavailable, RequestFailed
from flows.ingest.dataset_state import Desk
from flows.ingest.load_summary import Loads
from flows.ingest.selection import choose_paths
from flows.ingest.work import Outcome, Work
from flows.landing.listing import Listing
from flows.landing.tree import RegularFile, find_file
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature
from flows.model.lifecycle import Mode
from flows.runtime.boundaries import RequestLost, Scope, boundary, describe
from flows.store.crashes import Crashes
from flows.store.ledger import Ledger
from flows.store.requests import OpenRequest, Request, RequestBox
from flows.store.segments import Segments
from flows.text.plural import counted, were

log = logging.getLogger(__name__)

NAMED = 500
"""Files that an answer names; it lies in the ledger, and people read it."""
PATIENCE_S = 0.5
"""How long a request waits for the ledger's lock: loading goes on meanwhile, and it is tried again."""
RETRY_S = 1.0


class Asking:
    """The owner's side of the request box.

    One thread takes work from it; those that do the work answer.
    """

    def __init__(
        self,
        desks: Mapping[str, Desk],
        ledger: Ledger,
        segments: Segments,
        requests: RequestBox,
        crashes: Crashes,
    ) -> None:
        self._desks = desks
        self._ledger = ledger
        self._segments = segments
        self._requests = requests
        self._crashes = crashes
        self._rest: deque[Work] = deque()
        self._loads: dict[int, Loads] = {}
        self._lock = threading.Lock()
        self._answers = _Answers(requests)
        self._more = True
        self._retry_at = 0.0

    def next_work(self, *, max_files: int, max_bytes: int) -> Work | None:
        """The work of the oldest request that waits, or the next part of it, bounded as a batch is."""
        part = self._next_part()
        if part is not None:
            return part
        self._answers.send_again()
        if time.monotonic() < self._retry_at or not (self._requests.has_changed() or self._more):
            return None
        self._more = False
        for request in self._requests.open_requests():
            if self._begin(request, max_files=max_files, max_bytes=max_bytes):
                self._more = True  # others may wait behind it
                return self._next_part()
        return None

    def finish_part(self, request: Request, outcome: Outcome) -> None:
        """Keep what became of a part of a request until the last one is done."""
        self._loads.setdefault(request.id, Loads()).add(outcome)

    def finish(self, request: Request, outcome: Outcome) -> None:
        """Answer a request whose work was done; it failed when any of its files did."""
        self.finish_part(request, outcome)
        loads = self._loads.pop(request.id)
        answer: dict[str, Any] = {
            "dataset": request.dataset,
            "files": [asdict(file) for file in loads.named(NAMED)],
            "file_count": loads.files,
            "rows": loads.rows,
            **outcome.answer,
        }
        trouble = next((state for state in ("quarantined", "detected") if loads.by_state[state]), None)
        if trouble is not None:
            first = next(load.file for load in loads.first if load.file.state == trouble)
            refused = trouble == "quarantined"
            count = loads.by_state[trouble]
            what = f"{were(count)} refused" if refused else "could not be read"
            answer["error"] = f"{count} of {counted(loads.files, 'file')} {what}: {first.file}: {first.reason}"
            answer["next_step"] = f"cubefeed findings {first.file}" if refused else "mend that and ask again"
        self._answers.give(request.id, failed=trouble is not None, answer=answer)

    def fail(self, request: Request, error: BaseException) -> None:
        """Answer a request that could not be done; what is left of it is not."""
        self._fail(request.id, error)

    def _next_part(self) -> Work | None:
        with self._lock:
            return self._rest.popleft() if self._rest else None

    def _begin(self, found: OpenRequest, *, max_files: int, max_bytes: int) -> bool:
        """Make work of a request, where that is still wanted and can be done."""
        try:
            if not self._requests.claim(found.id, patience_s=PATIENCE_S):
                return False
        except (LedgerUnavailable, DiskFull) as error:  # the ledger is locked or full, which passes
            log.warning("request %s has to wait: %s", found.id, _why(error))
            self._more, self._retry_at = True, time.monotonic() + RETRY_S
            return False
        log.info("%s: %s asked for %s", found.dataset, found.who, found.kind)
        try:
            with boundary(Scope.REQUEST):
                work = self._work(found.checked())
                apart = self._crashes.to_read_alone(self._desks[work.dataset].dataset, work.landed)
                parts = work.parts(max_files=max_files, max_bytes=max_bytes, apart=apart)
                with self._lock:
                    self._rest.extend(parts)
                return True
        except (CubefeedError, RequestLost) as error:
            self._fail(found.id, error)
            return False

    def _fail(self, id: int, error: BaseException) -> None:
        cause = error.cause if isinstance(error, RequestLost) else error
        answer: dict[str, Any]
        if isinstance(cause, CubefeedError):
            where = {name: str(value) for name, value in cause.where.items()}
            answer = {"error": cause.what, "next_step": cause.next_step, "where": where}
        else:
            answer = {"error": describe(cause), "next_step": "see the log of the live process"}
            log.error("request %s failed", id, exc_info=cause)
        self._loads.pop(id, None)
        self._drop_rest(id)
        self._answers.give(id, failed=True, answer=answer)

    def _drop_rest(self, id: int) -> None:
        """Give up the parts of a request that nobody has taken yet; their files are offered again."""
        with self._lock:
            dropped = [work for work in self._rest if work.request is not None and work.request.id == id]
            for work in dropped:
                self._rest.remove(work)
        for work in dropped:
            self._desks[work.dataset].monitor.inbox.release(work.claimed)

    def _work(self, request: Request) -> Work:
        desk = self._desks.get(request.dataset)
        if desk is None:
            raise RequestFailed(
                "The live process does not serve this dataset",
                next_step=f"name one of {', '.join(self._desks)}",
                got=request.dataset,
            )
        if request.kind in ("rebuild", "verify", "report"):
            _require_begun(request)
            return Work(request.dataset, request=request)
        if request.kind == "close-day":
            found = desk.monitor.scan_and_claim()
            return Work(request.dataset, *found, request=request)
        if request.kind == "accept":
            return Work(request.dataset, gone=_accept(desk, dry_run=request.payload.dry_run), request=request)
        if request.kind == "unload":
            paths = self._ledger.live_paths(request.dataset)
            listing = desk.monitor.call(desk.monitor.inbox.rescan)  # first: paths of what hangs cannot be told either
            chosen = choose_paths(desk.dataset, self._ledger, self._segments, request.payload, paths)
            gone = tuple(path for path in chosen if listing.lacks(path))
            return Work(request.dataset, unload=tuple(chosen), gone=gone, request=request)
        mode: Mode = "reload" if request.kind == "reload" else "force" if request.payload.force else "load"
        return Work(request.dataset, landed=self._landed(desk, request, mode), request=request)

    def _landed(self, desk: Desk, request: Request, mode: Mode) -> tuple[SettledFile, ...]:
        inbox = desk.monitor.inbox
        listing = desk.monitor.call(inbox.rescan)
        require_seen(desk.dataset, listing)
        chosen = choose_paths(desk.dataset, self._ledger, self._segments, request.payload, listing.files)
        found = desk.monitor.call(lambda: {path: find_file(inbox.root, path) for path in chosen})
        landed = [
            SettledFile(path, Signature.of(file.status), mode)
            for path, file in found.items()
            if isinstance(file, RegularFile)
        ]
        inbox.claim(landed)
        return tuple(landed)


def require_seen(dataset: Dataset, listing: Listing) -> None:
    """Refuse a request for files that cannot be seen.

    Raises:
        RequestFailed: the landing directory cannot be seen.
    """
    if listing.problem:
        raise RequestFailed(
            f"The files cannot be seen, because {listing.problem}",
            next_step="mend that and ask again",
            landing=dataset.directory,
        )


def _accept(desk: Desk, *, dry_run: bool) -> tuple[bytes, ...]:
    """Believe a landing directory as it is now; returns the known files that are gone with that."""
    inbox = desk.monitor.inbox
    listing = desk.monitor.call(inbox.rescan if dry_run else inbox.accept)
    require_seen(desk.dataset, listing)
    gone = inbox.list_missing(listing)
    if not dry_run:
        inbox.claim_deleted(gone)
    return tuple(gone)


class _Answers:
    """Answers on their way into the ledger: while it cannot be written they are kept, and given again later.

    There are few, since nobody waits for more than one; each is bounded. Any thread may give one.
    """

    def __init__(self, requests: RequestBox) -> None:
        self._requests = requests
        self._kept: dict[int, tuple[bool, dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._retry_at = 0.0

    def give(self, id: int, *, failed: bool, answer: dict[str, Any]) -> None:
        with self._lock:
            self._kept[id] = failed, answer
            self._send()

    def send_again(self) -> None:
        """Give the answers that could not be written, if there are any."""
        if self._kept and time.monotonic() >= self._retry_at:
            with self._lock:
                self._send()

    def _send(self) -> None:
        for id, (failed, answer) in list(self._kept.items()):
            try:
                self._requests.finish(id, failed=failed, outcome=answer, patience_s=PATIENCE_S)
            except (LedgerUnavailable, DiskFull) as error:
                log.warning("the answer to request %s is kept, since the ledger is not: %s", id, _why(error))
                self._retry_at = time.monotonic() + RETRY_S
                return
            del self._kept[id]


def _why(error: CubefeedError) -> str:
    """Why the ledger cannot be written, as its library says it."""
    cause = error.__cause__ if isinstance(error, LedgerUnavailable) else None
    return describe(cause or error)


def _require_begun(request: Request) -> None:
    """Refuse the report of a day that has not begun anywhere."""
    day = request.payload.date
    if day is not None and day > datetime.now(UTC).date() + timedelta(days=1):
        raise RequestFailed("That day has not begun", next_step="name an earlier one", got=day)
