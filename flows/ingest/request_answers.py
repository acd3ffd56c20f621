"""What became of a request, for who asked."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import asdict
from typing import Any

from flows.errors import CubefeedError, DiskFull, LedgerUnavailable
from flows.ingest.load_summary import LoadSummary
from flows.ingest.request_parts import RequestParts
from flows.ingest.work import Outcome
from flows.runtime.boundaries import RequestLost, describe
from flows.store.requests import Request, RequestBox
from flows.text.plural import counted, were

log = logging.getLogger(__name__)

NAMED = 500
"""Files that an answer names; it lies in the ledger, and people read it."""
PATIENCE_S = 0.5
"""How long a request waits for the ledger's lock: loading goes on meanwhile, and it is tried again."""
RETRY_S = 1.0


class RequestAnswers:
    """Answers requests. Any thread may do so.

    While the ledger cannot be written answers are kept, and given again later: there are few, since nobody waits for
    more than one, and each is bounded.
    """

    def __init__(self, requests: RequestBox, parts: RequestParts) -> None:
        self._requests = requests
        self._parts = parts
        self._summaries: dict[int, LoadSummary] = {}
        self._kept: dict[int, tuple[bool, dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._retry_at = 0.0

    def add_part(self, request: Request, outcome: Outcome) -> None:
        """Keep what became of a part of a request until the last one is done."""
        self._summaries.setdefault(request.id, LoadSummary()).add(outcome)

    def finish(self, request: Request, outcome: Outcome) -> None:
        """Answer a request whose work was done; it failed when any of its files did."""
        self.add_part(request, outcome)
        summary = self._summaries.pop(request.id)
        answer: dict[str, Any] = {
            "dataset": request.dataset,
            "files": [asdict(file) for file in summary.named(NAMED)],
            "file_count": summary.files,
            "rows": summary.rows,
            **outcome.answer,
        }
        trouble = _trouble_of(summary)
        self._give(request.id, failed=bool(trouble), answer=answer | trouble)

    def fail(self, id: int, error: BaseException) -> None:
        """Answer a request that could not be done; what is left of it is not."""
        self._summaries.pop(id, None)
        self._parts.drop(id)
        cause = error.cause if isinstance(error, RequestLost) else error
        answer: dict[str, Any]
        if isinstance(cause, CubefeedError):
            where = {name: str(value) for name, value in cause.where.items()}
            answer = {"error": cause.what, "next_step": cause.next_step, "where": where}
        else:
            answer = {"error": describe(cause), "next_step": "see the log of the live process"}
            log.error("request %s failed", id, exc_info=cause)
        self._give(id, failed=True, answer=answer)

    def send_again(self) -> None:
        """Give the answers that could not be written, if there are any."""
        if self._kept and time.monotonic() >= self._retry_at:
            with self._lock:
                self._send()

    def _give(self, id: int, *, failed: bool, answer: dict[str, Any]) -> None:
        with self._lock:
            self._kept[id] = failed, answer
            self._send()

    def _send(self) -> None:
        for id, (failed, answer) in list(self._kept.items()):
            try:
                self._requests.finish(id, failed=failed, outcome=answer, patience_s=PATIENCE_S)
            except (LedgerUnavailable, DiskFull) as error:
                log.warning("the answer to request %s is kept, since the ledger is not: %s", id, why_unwritten(error))
                self._retry_at = time.monotonic() + RETRY_S
                return
            del self._kept[id]


def why_unwritten(error: CubefeedError) -> str:
    """Why the ledger cannot be written, as its library says it."""
    cause = error.__cause__ if isinstance(error, LedgerUnavailable) else None
    return describe(cause or error)


def _trouble_of(summary: LoadSummary) -> dict[str, str]:
    """What an answer says of files that were refused, or else could not be read; nothing where all is well."""
    trouble = next((state for state in ("quarantined", "detected") if summary.by_state[state]), None)
    if trouble is None:
        return {}
    first = next(load.file for load in summary.first if load.file.state == trouble)
    refused = trouble == "quarantined"
    count = summary.by_state[trouble]
    what = f"{were(count)} refused" if refused else "could not be read"
    return {
        "error": f"{count} of {counted(summary.files, 'file')} {what}: {first.file}: {first.reason}",
        "next_step": f"cubefeed findings {first.file}" if refused else "mend that and ask again",
    }
