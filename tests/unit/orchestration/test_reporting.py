"""What Prefect is shown of a window."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from flows.ingest.load_summary import LoadSummary
from flows.ingest.work import FileOutcome, Outcome
from flows.model.findings import Finding
from flows.orchestration import artifacts as reporting
from flows.orchestration import events as prefect_events
from flows.orchestration.events import Events
from flows.orchestration.run_log import file_line, loads_line, log_outcome, window_name


@pytest.mark.parametrize(("refused", "own", "together"), [(2, 2, 0), (53, 50, 3)])
def test_each_refused_file_has_a_table_of_findings_unless_they_are_very_many(
    refused: int, own: int, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables: dict[str, list[int]] = {}

    async def keep(key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
        tables.setdefault(key, []).append(len(rows))

    monkeypatch.setattr(reporting, "publish_table", keep)
    found = Finding("min", line=2, column="Quantity", raw="-1", expected="at least 0")
    files = [
        FileOutcome(f"{number}.csv", "quarantined", findings=1, first_finding=found, version=number)
        for number in range(refused)
    ]
    outcome = Outcome("sales", (FileOutcome("good.csv", "loaded", rows=1, version=99), *files))
    loads = LoadSummary()
    loads.add(outcome)
    asyncio.run(reporting.publish_findings(loads, lambda dataset, version: [found]))
    assert tables.pop("findings-sales") == [1] * own
    assert tables == ({"findings-of-more-files": [together]} if together else {})


@pytest.mark.parametrize(
    ("finding", "words"),
    [
        (Finding("min", line=2, column="Amount", raw="-1,5"), "line 2, Amount: min, got '-1,5'"),
        (
            Finding("primary_key", line=2, expected="one row per ID"),
            "line 2, row: primary_key, expected one row per ID",
        ),
        (Finding("encoding", line=2, raw=r"b'\xe9'"), r"line 2, row: encoding, got b'\xe9'"),
        (Finding("prepare", raw="KeyError: 'ID'"), """file: prepare, got "KeyError: 'ID'\""""),
    ],
)
def test_a_log_names_a_finding_by_what_is_known_of_it(finding: Finding, words: str) -> None:
    assert file_line(FileOutcome("a.csv", "quarantined", first_finding=finding)) == f"a.csv quarantined, {words}"


def test_a_warning_is_in_the_runs_log_and_in_its_artifact(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    published: list[Mapping[str, Any]] = []

    async def keep(_key: str, rows: Sequence[Mapping[str, Any]], _description: str) -> None:
        published.extend(rows)

    monkeypatch.setattr(reporting, "publish_table", keep)
    outcome = Outcome("sales", (FileOutcome("a.csv", "loaded", rows=1, warning="it has no key of before"),))
    loads = LoadSummary()
    loads.add(outcome)
    asyncio.run(reporting.publish_loads(loads, LoadSummary(), lambda _dataset, _version: []))
    assert [row["reason"] for row in published] == ["it has no key of before"]
    log_outcome(logging.getLogger("run"), outcome)
    (record,) = [each for each in caplog.records if "no key of before" in each.getMessage()]
    assert record.levelno == logging.WARNING
    assert loads.named(1) == list(outcome.files)


def test_a_dataset_that_is_degraded_and_recovers_makes_one_event_each(monkeypatch: pytest.MonkeyPatch) -> None:
    emitted: list[tuple[str, object]] = []
    monkeypatch.setattr(
        prefect_events, "emit_event", lambda name, *, resource, payload: emitted.append((name, payload.get("why")))
    )
    events = Events()
    for problem in (None, "the disk is full", "the disk is full", None, None):
        events.emit(Outcome("sales", problem=problem))
    assert emitted == [
        ("cubefeed.session.degraded", "the disk is full"),
        ("cubefeed.session.recovered", "the disk is full"),
    ]


class HaltingName(str):
    """A dataset's name that halts whoever notes its problem, between the look at the one before and the note."""

    def __new__(cls) -> HaltingName:
        name = super().__new__(cls, "sales")
        name.looked, name.halted, name.other_is_done = False, threading.Event(), threading.Event()
        return name

    looked: bool
    halted: threading.Event
    other_is_done: threading.Event

    def __hash__(self) -> int:
        if self.looked and not self.halted.is_set():
            self.halted.set()
            self.other_is_done.wait(0.2)  # in vain where the other one waits for its turn
        self.looked = True
        return super().__hash__()


def test_a_dataset_that_fails_in_two_threads_at_once_makes_one_event(monkeypatch: pytest.MonkeyPatch) -> None:
    emitted: list[str] = []
    monkeypatch.setattr(prefect_events, "emit_event", lambda name, **_: emitted.append(name))
    events, name = Events(), HaltingName()
    events.emit(Outcome("stock", problem="the disk is full"))  # a dict that is empty looks nothing up
    first = threading.Thread(target=lambda: events.emit(Outcome(name, problem="the disk is full")))
    first.start()
    assert name.halted.wait(10)
    events.emit(Outcome("sales", problem="the disk is full"))
    name.other_is_done.set()
    first.join()
    assert emitted == ["cubefeed.session.degraded"] * 2  # one of each dataset


def test_what_prefect_raises_when_it_is_told_of_a_load_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise ConnectionError("Prefect is away")

    monkeypatch.setattr(prefect_events, "emit_event", away)
    Events().emit(Outcome("sales", problem="the disk is full"))


def test_a_window_says_in_its_name_and_state_what_came_and_what_was_refused_and_why() -> None:
    found = Finding("integer", line=2, column="Quantity", raw="many")
    refused = FileOutcome("bad.csv", "quarantined", findings=1, first_finding=found, version=2)
    loads = LoadSummary()
    loads.add(Outcome("sales", (FileOutcome("a.csv", "loaded", rows=3, version=1), refused), rows=3))
    assert window_name(loads).startswith("sales · 2 files, 1 refused · ")
    why = "bad.csv quarantined, line 2, Quantity: integer, got 'many'"
    assert loads_line(loads) == f"1 loaded, 1 quarantined, 3 rows; {why}"
