"""Requests: what other processes ask of the owner, and what came of it.

    open ──▶ running ──▶ done | failed
      └────▶ withdrawn

Who asks leaves a request `open`, and may withdraw it as long as it is. The owner makes it `running` before it does
anything for it, so that what was withdrawn is never carried out. One that was running when the process ended is failed
at the next start: nobody knows how far it came, and to do it again may not be what was wanted.

A request whose process has ended meanwhile is withdrawn, as `requesters` says of it; one that was left by who does not
wait is carried out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import LargeBinary, cast, func, insert, select, text, update

from flows.errors import RequestFailed, RequestWithdrawn, plain
from flows.runtime.clock import now_utc
from flows.store.ledger import BUSY_TIMEOUT_S, Ledger
from flows.store.ledger_file import ledger_required
from flows.store.payload import MAX_BYTES, Kind, Payload, parse_kind, parse_payload
from flows.store.requesters import Requesters, this_requester
from flows.store.schema import requests

POLL_S = 0.1
LISTED = 100  # requests that are looked at together
OPEN, RUNNING, DONE, FAILED, WITHDRAWN = "open", "running", "done", "failed", "withdrawn"
_OPEN_REQUESTS = (
    select(
        requests.c.id,
        *(func.substr(cast(requests.c[name], LargeBinary), 1, 1000) for name in ("dataset", "kind", "who")),
        func.substr(cast(requests.c.payload, LargeBinary), 1, MAX_BYTES + 1),
    )
    .where(requests.c.state == OPEN)
    .order_by(requests.c.id)
    .limit(LISTED)
)


@dataclass(frozen=True)
class Request:
    """One request.

    Args:
        id: its number in the ledger.
        dataset: the dataset's name.
        kind: what to do.
        payload: its parameters.
        who: who asked.
    """

    id: int
    dataset: str
    kind: Kind
    payload: Payload = field(default_factory=Payload)
    who: str = ""


@dataclass(frozen=True)
class OpenRequest:
    """A request as it lies in the ledger, unchecked; its texts are safe to print."""

    id: int
    dataset: str
    kind: str
    payload: bytes
    who: str

    def checked(self) -> Request:
        """The request, where it is one.

        Raises:
            RequestFailed: it cannot be understood.
        """
        return Request(self.id, self.dataset, parse_kind(self.kind), parse_payload(self.payload), self.who)


class RequestBox:
    """The requests of one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._requesters = Requesters(ledger.file)
        self._watching = ledger.engine.connect()
        self._seen_version: int | None = None

    def close(self) -> None:
        """Close the connection that sees whether anybody has written."""
        self._watching.close()

    def leave(self, dataset: str, kind: str, payload: Mapping[str, Any]) -> int:
        """Leave a request for the owner, whether or not anybody waits for it. Returns its id."""
        return self._leave(dataset, kind, payload, lambda _: None)

    @contextmanager
    def leave_attended(self, dataset: str, kind: str, payload: Mapping[str, Any]) -> Iterator[int]:
        """Leave a request that the owner withdraws when this process ends before it is carried out. Yields its id."""
        with ExitStack() as stack:

            def hold(id: int) -> None:
                stack.callback(self._requesters.hold(id, timeout_s=BUSY_TIMEOUT_S).release)

            yield self._leave(dataset, kind, payload, hold)

    def has_changed(self) -> bool:
        """Whether another connection has written into the ledger since the last call; costs microseconds.

        See https://www.sqlite.org/pragma.html#pragma_data_version: what this connection itself writes does not count,
        so it never does.
        """
        version = self._watching.scalar(text("PRAGMA data_version"))
        self._watching.rollback()
        before, self._seen_version = self._seen_version, version
        return bool(version != before)

    def open_requests(self) -> list[OpenRequest]:
        """The first of the requests that wait, in order."""
        with self._ledger.reading() as connection:
            return [
                OpenRequest(id, _text(dataset), _text(kind), payload or b"", _text(who))
                for id, dataset, kind, who, payload in connection.execute(_OPEN_REQUESTS)
            ]

    def claim(self, id: int, *, patience_s: float = BUSY_TIMEOUT_S) -> bool:
        """Begin to carry a request out. False where it was withdrawn, or where who asked is gone: then it is now.

        Raises:
            LedgerUnavailable, DiskFull: the ledger cannot be written; it stays open.
        """
        gone = self._requesters.is_gone(id)
        with ledger_required():
            begun = self._change(id, OPEN, WITHDRAWN if gone else RUNNING, patience_s=patience_s)
        return begun and not gone

    def finish(self, id: int, *, failed: bool, outcome: dict[str, Any], patience_s: float = BUSY_TIMEOUT_S) -> None:
        """Record what came of a request that was claimed; the first outcome counts.

        Raises:
            LedgerUnavailable, DiskFull: the ledger cannot be written.
        """
        with ledger_required():
            self._change(id, RUNNING, FAILED if failed else DONE, outcome, patience_s=patience_s)

    def fail_interrupted(self) -> int:
        """Fail what was being carried out when the process before this one ended. Returns how many there were.

        Only the owner may call it, before it claims any.
        """
        outcome = {
            "error": "The live process ended while the request was being carried out",
            "next_step": "see cubefeed files for how far it came, then ask again",
        }
        with self._ledger.writing() as connection:
            ended = connection.execute(_ending(FAILED, outcome).where(requests.c.state == RUNNING)).rowcount
            waiting = set(connection.scalars(select(requests.c.id).where(requests.c.state == OPEN)))
            self._requesters.forget_others(waiting)  # nobody can leave one meanwhile
        return ended

    def withdraw(self, id: int) -> bool:
        """Take a request back. False when the owner was faster."""
        return self._change(id, OPEN, WITHDRAWN)

    def wait(self, id: int, *, timeout_s: float, owner_alive: Callable[[], bool]) -> dict[str, Any]:
        """Wait for a request's outcome; withdraw it when the time is over or the owner gone.

        Raises:
            RequestWithdrawn: it timed out, or the owner is gone, before anything was done for it.
            RequestFailed: it failed, timed out, or the owner is gone.
        """
        deadline = time.monotonic() + timeout_s
        while (row := self._row(id)).state in (OPEN, RUNNING):
            alive = owner_alive()
            if not alive or time.monotonic() > deadline:
                why = f"it took longer than {timeout_s:g} s" if alive else "the live process is gone"
                raise self.take_back(id, why)
            time.sleep(POLL_S)
        return self._outcome(id, row)

    def take_back(self, id: int, why: str) -> RequestFailed:
        """Withdraw a request if that is still possible. Returns the error that says which it is."""
        if self.withdraw(id):
            return RequestWithdrawn(
                f"The request was withdrawn, because {why}", next_step="see cubefeed status, then ask again", request=id
            )
        if self._row(id).state == RUNNING:
            return RequestFailed(
                f"The request is being carried out and cannot be withdrawn any more, though {why}",
                next_step="see cubefeed status and cubefeed files for what comes of it",
                request=id,
            )
        return RequestFailed(
            f"The request was carried out, though {why}", next_step="see cubefeed files for what came of it", request=id
        )

    def _leave(self, dataset: str, kind: str, payload: Mapping[str, Any], begin: Callable[[int], None]) -> int:
        row = {
            "dataset": plain(dataset),
            "kind": kind,
            "payload": json.dumps(dict(payload)),
            "who": this_requester(),
            "created_utc": now_utc(),
            "state": OPEN,
        }
        with self._ledger.writing() as connection:
            found = connection.execute(insert(requests), row).inserted_primary_key
            assert found is not None
            id = int(found[0])
            begin(id)  # before anybody else can see the request
        return id

    def _row(self, id: int) -> Any:
        with self._ledger.reading() as connection:
            return connection.execute(select(requests.c.state, requests.c.outcome).where(requests.c.id == id)).one()

    def _outcome(self, id: int, row: Any) -> dict[str, Any]:
        outcome: dict[str, Any] = json.loads(row.outcome or "{}") or {}
        if row.state == DONE:
            return outcome
        failed = RequestFailed(
            str(outcome.get("error", f"The request was {row.state}")),
            next_step=str(outcome.get("next_step", "see cubefeed status")),
            **{**outcome.get("where", {}), "request": id},
        )
        failed.outcome = outcome
        raise failed

    def _change(
        self,
        id: int,
        before: str,
        after: str,
        outcome: dict[str, Any] | None = None,
        *,
        patience_s: float = BUSY_TIMEOUT_S,
    ) -> bool:
        change = update(requests).values(state=after) if after == RUNNING else _ending(after, outcome)
        with self._ledger.writing(patience_s=patience_s) as connection:
            found = connection.execute(change.where(requests.c.id == id, requests.c.state == before))
        if found.rowcount and after != RUNNING:
            self._requesters.forget(id)
        return found.rowcount == 1


def _ending(state: str, outcome: dict[str, Any] | None) -> Any:
    return update(requests).values(state=state, outcome=json.dumps(outcome), ended_utc=now_utc())


def _text(raw: bytes | None) -> str:
    """A text that is safe to print; SQLite has null for the beginning of an empty one."""
    return plain((raw or b"").decode(errors="replace"))
