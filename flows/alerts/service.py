"""The thread that looks for problems, remembers them, and sends what is to be said. Nobody waits for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from flows.alerts.addresses import Address, Topic, topic_of
from flows.alerts.book import AlertBook, Look
from flows.alerts.outbox import Outbox
from flows.alerts.receivers import Answer, send
from flows.alerts.wording import body_of, mood_of, title_of
from flows.model.alerts import Kind, Message, Mood
from flows.runtime.boundaries import NothingFailed, Scope, boundary
from flows.runtime.clock import now_utc
from flows.store.alerts import AlertRecord

log = logging.getLogger(__name__)

SOON_S = 1.0
"""How often while something is about to be said."""
GATHER_S = 1.0
SEND_S = 10.0
"""How long messages are sent until it is looked again."""
END_S = 5.0
"""How long the end waits for what is still to be sent; the rest is in the ledger, for the next start."""


class AlertStore(Protocol):
    """Where alerts are remembered. Both may fail: then they are only in memory until it is tried again."""

    def load(self) -> AlertRecord:
        """What was saved last."""
        ...

    def save(self, record: AlertRecord) -> None:
        """Remember all."""
        ...


class AlertService:
    """Tells the addresses what goes wrong, and that it is over.

    Args:
        addresses: whom to tell.
        look: finds what is wrong now; called in the thread of the service alone.
        store: where it is remembered.
        name: how messages begin.
        every_s: how often it is looked without a reason.
        live_url: where people look, if there is such a place now.
    """

    def __init__(
        self,
        addresses: Iterable[Address],
        *,
        look: Callable[[], Look],
        store: AlertStore,
        name: str,
        every_s: float,
        live_url: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._addresses = tuple(addresses)
        self._look = look
        self._store = store
        self._name = name
        self._every_s = every_s
        self._live_url = live_url
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._book = AlertBook(now=datetime.now(UTC))
        self._outbox = Outbox(self._addresses)
        self._saved: AlertRecord | None = None
        self._troubles: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Something may have changed: look soon. Returns at once, from any thread."""
        self._wake.set()

    def stop(self) -> None:
        """Look once more, and send what can be sent within seconds."""
        self._ending.set()
        self._wake.set()
        self._thread.join(END_S)

    def _run(self) -> None:
        while not self._ending.is_set():
            self._round()
            soon = self._book.unsettled or self._saved is None or bool(self._outbox.waiting)
            self._wake.wait(min(SOON_S, self._every_s) if soon else self._every_s)
            if self._wake.is_set():
                self._wake.clear()
                self._ending.wait(GATHER_S)  # what comes in bursts is looked at together
        self._round()

    def _round(self) -> None:
        """One look, and what follows from it."""
        if self._saved is None:
            self._attempt("what was said before is not known", self._load)
        self._attempt("alerts could not be looked for", self._note)
        self._attempt("alerts could not be saved", self._save)
        deadline = time.monotonic() + SEND_S
        while (due := self._outbox.next()) is not None and time.monotonic() < deadline:
            self._send(*due)
            self._attempt("alerts could not be saved", self._save)

    def _load(self) -> None:
        """Take up what was saved; what is known meanwhile is newer."""
        record = self._store.load()
        self._book = AlertBook([*record.alerts, *self._book.alerts], now=datetime.now(UTC))
        self._outbox = Outbox(self._addresses, [*record.messages, *self._outbox.waiting])
        self._saved = record

    def _note(self) -> None:
        now = datetime.now(UTC)
        look = self._look()
        for report in look.reports:
            self._post(Topic.REPORT, f"{self._name}: {report.title}", report.body, Mood.NEWS, report.page)
        for said in self._book.note(look, now):
            title = title_of(said, self._name)
            log.info("alert: %s", title)
            self._post(topic_of(Kind(said.alert.kind)), title, body_of(said, self._live_url()), mood_of(said.turn))
        self._outbox.drop_old(now)

    def _post(self, topic: Topic, title: str, body: str, mood: Mood, page: str | None = None) -> None:
        for address in self._addresses:
            if topic in address.topics:
                self._outbox.add(Message(address.mark, title, body, mood.value, now_utc(), page))

    def _save(self) -> None:
        """Remember all, unless that has changed in nothing that counts, or would cover what could not be loaded."""
        record = AlertRecord(self._book.alerts, tuple(self._outbox.waiting))
        if self._saved is not None and _essence(record) != _essence(self._saved):
            self._store.save(record)
            self._saved = record

    def _send(self, address: Address, message: Message) -> None:
        try:
            with boundary(Scope.TELLING):
                answer = send(address, message)
        except NothingFailed as failed:
            answer = Answer(False, str(failed))
        if not self._outbox.note(message, taken=answer.taken):
            return
        if answer.taken:
            log.info("alert address %s takes messages again", address)
        else:
            log.warning("alert address %s took no message, which is tried again: %s", address, answer.text)

    def _attempt(self, what: str, call: Callable[[], None]) -> None:
        """Do something that may fail, and say that once."""
        try:
            with boundary(Scope.TELLING):
                call()
            self._troubles.discard(what)
        except NothingFailed as failed:
            if what not in self._troubles:
                log.warning("%s, which is tried again: %s", what, failed)
            self._troubles.add(what)


def _essence(record: AlertRecord) -> tuple[object, ...]:
    """What of a record is worth saving: how much room is left on a disk changes all the time."""
    return tuple(replace(alert, text="", details="") for alert in record.alerts), record.messages
