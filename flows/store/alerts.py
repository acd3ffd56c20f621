"""What is known of problems that people are told of, and the messages that wait, in the ledger.

Each source, the session and what supervises it, has rows of its own, which nobody else writes.
"""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Column, Table, delete, func, insert, select

from flows.model.alerts import Alert, Kind, Message
from flows.runtime.clock import now_utc
from flows.store.ledger import Ledger
from flows.store.schema import alert_messages, alerts


class AlertSource(StrEnum):
    """Who looks after a problem."""

    SESSION = "session"
    SUPERVISOR = "supervisor"


class AlertRecord(NamedTuple):
    """All that a source has to remember."""

    alerts: tuple[Alert, ...] = ()
    messages: tuple[Message, ...] = ()


def load_alerts(ledger: Ledger, source: AlertSource) -> AlertRecord:
    """What a source has saved last."""
    with ledger.reading() as connection:
        known = connection.execute(select(*_columns(alerts)).where(alerts.c.source == source))
        mine = select(*_columns(alert_messages)).where(alert_messages.c.source == source)
        waiting = connection.execute(mine.order_by(alert_messages.c.number))
        return AlertRecord(
            tuple(Alert(**row._mapping) for row in known), tuple(Message(**row._mapping) for row in waiting)
        )


def save_alerts(ledger: Ledger, source: AlertSource, record: AlertRecord, *, patience_s: float) -> None:
    """Keep all that a source has to remember, in the place of what it saved before.

    Raises:
        DiskFull: there is no room; what was saved before is still there.
        sqlalchemy.exc.DatabaseError: likewise, where the ledger is locked for longer or cannot be written.
    """
    known = [{"source": source.value, **asdict(alert)} for alert in record.alerts]
    waiting = [
        {"source": source.value, "number": number, **asdict(message)} for number, message in enumerate(record.messages)
    ]
    with ledger.writing(patience_s=patience_s) as connection:
        for table, rows in ((alerts, known), (alert_messages, waiting)):
            connection.execute(delete(table).where(table.c.source == source))
            if rows:
                connection.execute(insert(table), rows)


class Undelivered(NamedTuple):
    """The messages that wait for one address.

    Args:
        messages: how many.
        since_utc: when the first of them was made.
        tries: how often one of them was sent in vain, at most.
    """

    messages: int
    since_utc: str
    tries: int


def undelivered(ledger: Ledger) -> dict[str, Undelivered]:
    """What waits to be sent, by the mark of the address, of all sources."""
    made, tries = alert_messages.c.made_utc, alert_messages.c.tries
    waiting = select(alert_messages.c.address, func.count(), func.min(made), func.max(tries))
    with ledger.reading() as connection:
        found = connection.execute(waiting.group_by(alert_messages.c.address))
        return {mark: Undelivered(*facts) for mark, *facts in found}


def note_restore(ledger: Ledger, text: str, details: str) -> None:
    """Have the next session tell that the ledger was restored, and not send again what waited when its backup was made.

    To be called while nobody uses the ledger.
    """
    now = now_utc()
    alert = Alert(Kind.RESTORED.value, "", "", text, details, 0, since_utc=now, changed_utc=now)
    with ledger.writing() as connection:
        connection.execute(delete(alert_messages))
        connection.execute(delete(alerts).where(alerts.c.kind == Kind.RESTORED.value))
        connection.execute(insert(alerts), {"source": AlertSource.SESSION.value, **asdict(alert)})


def _columns(table: Table) -> list[Column[Any]]:
    return [column for column in table.c if column.name not in ("source", "number")]
