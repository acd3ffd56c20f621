"""The events that users build automations on: neither a name nor a field changes unnoticed."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from flows.ingest.work import FileOutcome, Outcome
from flows.orchestration import events
from flows.orchestration.event_catalogue import EVENTS, EventName, markdown_table
from flows.orchestration.events import Events, emit_session
from flows.store.owner import Owner
from tests.repository import ROOT

FILES = {"count", "rows", "files", "first"}
PROMISED = {
    "cubefeed.file.loaded": FILES,
    "cubefeed.file.quarantined": FILES,
    "cubefeed.session.started": {"engine", "url"},
    "cubefeed.session.stopped": {"engine", "url"},
    "cubefeed.session.degraded": {"why"},
    "cubefeed.session.recovered": {"why"},
}
OWNER = Owner(1, "duckdb", "http://127.0.0.1:1", datasets=("sales",))
FILES_OF_BOTH = (FileOutcome("a.csv", "loaded", rows=2, version=1), FileOutcome("b.csv", "quarantined", version=2))


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
    for outcome in (Outcome("sales", FILES_OF_BOTH), Outcome("sales", problem="full"), Outcome("sales")):
        session.emit(outcome)
    assert emitted == PROMISED and about == {"cubefeed.dataset.sales"}


def test_the_catalogue_and_the_documents_name_what_is_promised() -> None:
    assert {name: set(kind.payload) for name, kind in EVENTS.items()} == PROMISED
    text = (ROOT / "deployments" / "README.md").read_text(encoding="utf-8")
    assert markdown_table() in text, f"deployments/README.md should have:\n{markdown_table()}"
