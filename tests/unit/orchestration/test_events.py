"""The events that users build automations on: neither a name nor a field changes unnoticed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import pytest

from flows.ingest.work import FileOutcome, Outcome
from flows.model.business_day import BusinessDay
from flows.orchestration import events
from flows.orchestration.event_catalogue import EVENTS, EventName, markdown_table
from flows.orchestration.events import Events, emit_session
from flows.store.owner import Owner
from tests.repository import ROOT

FILES = {"count", "rows", "files", "first"}
DAY = {"business_day", "state", "at_utc", "rows"}
PROMISED = {
    "cubefeed.file.loaded": FILES,
    "cubefeed.file.quarantined": FILES,
    "cubefeed.day.arrived": DAY | {"said_by", "late_utc"},
    "cubefeed.day.late": DAY,
    "cubefeed.day.closed": DAY | {"run"},
    "cubefeed.day.restated": DAY | {"closed_utc", "changes"},
    "cubefeed.session.started": {"engine", "url"},
    "cubefeed.session.stopped": {"engine", "url"},
    "cubefeed.session.degraded": {"why"},
    "cubefeed.session.recovered": {"why"},
}
NOW = "2021-05-02T06:00:00.000+00:00"
OWNER = Owner(1, "duckdb", "http://127.0.0.1:1", datasets=("sales",))
FILES_OF_BOTH = (FileOutcome("a.csv", "loaded", rows=2, version=1), FileOutcome("b.csv", "quarantined", version=2))

EXPECTED = BusinessDay("sales", date(2021, 5, 1))
LATE = EXPECTED.late(NOW)
ARRIVED = LATE.arrived(7, NOW)
CLOSED = ARRIVED.closed({"Quantity.SUM": 10}, 7, NOW, run="run")
RESTATED = CLOSED.compared({"Quantity.SUM": 11}, 7, NOW)
DAYS = tuple(day.change for day in (LATE, ARRIVED, CLOSED, RESTATED) if day.change is not None)


def test_what_is_emitted_has_the_promised_names_and_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    emitted: dict[str, set[str]] = {}
    about: set[str] = set()

    def keep(name: str, *, resource: Mapping[str, str], payload: Mapping[str, object]) -> None:
        emitted[name] = set(payload)
        about.add(resource["prefect.resource.id"])

    monkeypatch.setattr(events, "emit_event", keep)
    emit_session(EventName.SESSION_STARTED, OWNER)
    emit_session(EventName.SESSION_STOPPED, OWNER)
    session = Events()
    for outcome in (Outcome("sales", FILES_OF_BOTH, days=DAYS), Outcome("sales", problem="full"), Outcome("sales")):
        session.emit(outcome)
    assert emitted == PROMISED and about == {"cubefeed.dataset.sales"}


def test_of_many_days_that_come_together_the_last_have_events(monkeypatch: pytest.MonkeyPatch) -> None:
    emitted: list[object] = []
    monkeypatch.setattr(
        events, "emit_event", lambda name, *, resource, payload: emitted.append(payload["business_day"])
    )
    days = [BusinessDay("sales", date(2021, 5, 1) + timedelta(days=each)).arrived(1, NOW) for each in range(100)]
    changes = tuple(day.change for day in days if day.change is not None)
    Events().emit(Outcome("sales", days=changes))
    assert emitted == [change.day.isoformat() for change in changes[-31:]]


def test_the_catalogue_and_the_documents_name_what_is_promised() -> None:
    assert {name: set(kind.payload) for name, kind in EVENTS.items()} == PROMISED
    text = (ROOT / "deployments" / "README.md").read_text(encoding="utf-8")
    assert markdown_table() in text, f"deployments/README.md should have:\n{markdown_table()}"
