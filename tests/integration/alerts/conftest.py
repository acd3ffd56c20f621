"""Receivers that are told at once, and what speeds up the clock of alerts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from flows.alerts import book, outbox, service, session, supervisor
from flows.model.alerts import Kind
from tests.integration.alerts.receivers import HttpReceiver, MailServer, http_receiver, mail_server


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as received:
        yield received


@pytest.fixture
def mails() -> Iterator[MailServer]:
    with mail_server() as received:
        yield received


@pytest.fixture
def prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rules as always, in shorter times."""
    for module, name, value in (
        (session, "LOOK_S", 0.2),
        (supervisor, "LOOK_S", 0.05),
        (service, "SOON_S", 0.05),
        (service, "GATHER_S", 0.02),
        (outbox, "FIRST_S", 0.1),
        (book, "SETTLE", {Kind.REFUSED: timedelta(seconds=0.3), Kind.DEGRADED: timedelta(seconds=0.1)}),
        (book, "CLEAR", timedelta(seconds=0.2)),
    ):
        monkeypatch.setattr(module, name, value)
