"""Requests: what other processes ask of the owner, and what came of it."""

from __future__ import annotations

import getpass
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import insert, select, text, update

from flows.core.clock import now_utc
from flows.errors import RequestFailed
from flows.store.ledger import Ledger
from flows.store.schema import requests

Kind = Literal["load", "reload", "unload", "rebuild", "verify", "close-day", "report"]
POLL_S = 0.1


@dataclass(frozen=True)
class Request:
    """One request.

    Args:
        id: its number in the ledger.
        dataset: the dataset's name.
        kind: what to do.
        payload: its parameters, JSON types only.
        who: who asked.
    """

    id: int
    dataset: str
    kind: Kind
    payload: dict[str, Any] = field(default_factory=dict)
    who: str = ""


class RequestBox:
    """The requests of one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._watching = ledger.engine.connect()
        self._seen_version: int | None = None

    def close(self) -> None:
        """Close the connection that watches for news."""
        self._watching.close()

    def leave(self, dataset: str, kind: Kind, payload: dict[str, Any]) -> int:
        """Leave a request for the owner. Returns its id."""
        row = {
            "dataset": dataset,
            "kind": kind,
            "payload": json.dumps(payload),
            "who": f"{getpass.getuser()} (pid {os.getpid()})",
            "created_utc": now_utc(),
            "state": "open",
        }
        with self._ledger.writing() as connection:
            found = connection.execute(insert(requests), row).inserted_primary_key
            assert found is not None
            return int(found[0])

    def news(self) -> bool:
        """Whether another connection has written since the last call; costs microseconds."""
        version = self._watching.scalar(text("PRAGMA data_version"))
        self._watching.rollback()
        changed = bool(version != self._seen_version)
        self._seen_version = version
        return changed

    def open_requests(self) -> list[Request]:
        """The requests that wait, in order."""
        query = select(requests).where(requests.c.state == "open").order_by(requests.c.id)
        with self._ledger.reading() as connection:
            return [
                Request(row.id, row.dataset, row.kind, json.loads(row.payload), row.who)
                for row in connection.execute(query)
            ]

    def finish(self, id: int, *, failed: bool, outcome: dict[str, Any]) -> None:
        """Record what came of a request, unless it was withdrawn."""
        self._end(id, "failed" if failed else "done", outcome)

    def withdraw(self, id: int) -> bool:
        """Take a request back. False when the owner was faster."""
        return self._end(id, "withdrawn", None)

    def wait(self, id: int, *, timeout_s: float, owner_alive: Callable[[], bool]) -> dict[str, Any]:
        """Wait for a request's outcome; withdraw it when the time is over or the owner gone.

        Raises:
            RequestFailed: it failed, timed out, or the owner is gone.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            with self._ledger.reading() as connection:
                row = connection.execute(select(requests).where(requests.c.id == id)).one()
            if row.state != "open":
                break
            alive = owner_alive()
            if (not alive or time.monotonic() > deadline) and self.withdraw(id):
                why = f"it took longer than {timeout_s:g} s" if alive else "the live process is gone"
                raise RequestFailed(
                    f"The request was withdrawn, because {why}",
                    next_step="see cubefeed status, then ask again",
                    request=id,
                )
            time.sleep(POLL_S)
        outcome: dict[str, Any] = json.loads(row.outcome or "{}")
        if row.state != "done":
            failed = RequestFailed(
                str(outcome.get("error", f"The request was {row.state}")),
                next_step=str(outcome.get("next_step", "see cubefeed status")),
                **{**outcome.get("where", {}), "request": id},
            )
            failed.outcome = outcome
            raise failed
        return outcome

    def _end(self, id: int, state: str, outcome: dict[str, Any] | None) -> bool:
        change = (
            update(requests)
            .where(requests.c.id == id, requests.c.state == "open")
            .values(state=state, outcome=json.dumps(outcome), ended_utc=now_utc())
        )
        with self._ledger.writing() as connection:
            return connection.execute(change).rowcount == 1
