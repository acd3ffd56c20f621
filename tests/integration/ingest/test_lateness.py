"""A day whose time has passed is late, and that is told once; around the change of clocks too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flows.datasets.sales import SALES
from flows.ingest import lateness
from flows.ingest.dataset_state import DatasetState
from flows.ingest.lateness import Lateness
from flows.ingest.outcome_publisher import OutcomePublisher
from flows.ingest.work import Outcome
from flows.model.business_day import BusinessDay, DayState
from flows.model.calendar import DailyBy, day_meant
from flows.model.completeness import Completeness
from flows.runtime.health import Health
from flows.store.business_days import known_days, untold_days, write_days
from flows.store.ledger_file import open_ledger
from tests.integration.live_feed import live, sales

pytestmark = pytest.mark.usefixtures("quick")
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
MIDNIGHT = DailyBy("00:00", "UTC", day="Date", lag_days=1)
PARIS = DailyBy("02:30", "Europe/Paris", day="Date", lag_days=1)
NEW_YORK = DailyBy("02:30", "America/New_York", day="Date", lag_days=1)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lateness, "LOOK_S", 0.0)


def test_a_day_of_which_nothing_has_come_is_told_of_once_over_restarts_and_then_it_comes_late(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with live(tmp_path, "native", expect=MIDNIGHT) as living:
        ledger = living.feed.ledger
        living.wait_until(lambda: known_days(ledger, "sales", [YESTERDAY]) and not untold_days(ledger, "sales"))
        late = known_days(ledger, "sales", [YESTERDAY])[YESTERDAY]
        assert late.state is DayState.LATE
    heard: list[Outcome] = []
    with live(tmp_path, "native", expect=MIDNIGHT) as living:
        living.feed.listeners.append(heard.append)
        living.put("a.csv", sales(1, day=YESTERDAY.isoformat()))
        living.wait_for({1: 1})
    (change,) = [change for outcome in heard for change in outcome.days]
    assert (change.state, change.facts["late_utc"]) == (DayState.ARRIVED, late.late_utc)
    assert caplog.messages.count(f"sales: {YESTERDAY} is late, 0 rows") == 1


@contextmanager
def clocked(root: Path, expect: DailyBy, *, is_live: bool = True) -> Iterator[Callable[[str], list[str]]]:
    """Looks at a moment, and says which days were told to be late."""
    dataset = replace(SALES, expect=expect, landing=root)
    told: list[Outcome] = []
    now = SimpleNamespace(at=datetime.now(UTC))
    with closing(open_ledger(root / "ledger.db")) as ledger, Health() as health:
        if is_live:
            health.begin_live()
        publisher = OutcomePublisher(ledger)
        publisher.listeners.append(told.append)
        monitor = SimpleNamespace(inbox=SimpleNamespace(list_waiting=dict))
        states = {"sales": DatasetState(dataset, cast(Any, monitor))}
        watch = Lateness(states, ledger, publisher, health, clock=lambda: now.at)

        def look(at: str) -> list[str]:
            told.clear()
            now.at = datetime.fromisoformat(at)
            watch.look()
            return [change.day.isoformat() for outcome in told for change in outcome.days]

        yield look


# The time does not exist in spring, and exists twice in autumn: the first of both counts.
CLOCKS = {
    "Paris, spring": (PARIS, "2026-03-29T01:29:59+00:00", "2026-03-29T01:30:00+00:00", "2026-03-28"),
    "Paris, autumn": (PARIS, "2026-10-25T00:29:59+00:00", "2026-10-25T00:30:00+00:00", "2026-10-24"),
    "New York, spring": (NEW_YORK, "2026-03-08T07:29:59+00:00", "2026-03-08T07:30:00+00:00", "2026-03-07"),
    "New York, autumn": (
        replace(NEW_YORK, time="01:30"),
        "2026-11-01T05:29:59+00:00",
        "2026-11-01T05:30:00+00:00",
        "2026-10-31",
    ),
}


@pytest.mark.parametrize("clock", CLOCKS)
def test_the_time_of_a_day_passes_once_when_clocks_change(tmp_path: Path, clock: str) -> None:
    expect, before, at, day = CLOCKS[clock]
    with clocked(tmp_path, expect) as look:
        look((datetime.fromisoformat(before) - timedelta(hours=20)).isoformat())
        assert look(before) == []
        assert look(at) == [day]
        later = datetime.fromisoformat(at)
        assert [look((later + timedelta(minutes=30 * each)).isoformat()) for each in range(1, 40)] == [[]] * 39


FRIDAY, SATURDAY, MONDAY = date(2026, 11, 6), date(2026, 11, 7), date(2026, 11, 9)
WORKING = replace(PARIS, weekdays=(0, 1, 2, 3, 4))


@pytest.mark.parametrize(
    ("expect", "came", "arrived", "meant"),
    [
        (PARIS, "2026-11-08T01:00+01:00", {date(2026, 11, 6)}, SATURDAY),  # over, and not due before 02:30
        (PARIS, "2026-11-08T09:00+01:00", set(), SATURDAY),  # late
        (PARIS, "2026-11-08T09:00+01:00", {SATURDAY}, SATURDAY),  # the day that goes on has not ended
        (WORKING, "2026-11-09T09:00+01:00", set(), FRIDAY),
        (WORKING, "2026-11-09T09:00+01:00", {FRIDAY}, FRIDAY),
        (WORKING, "2026-11-10T00:10+01:00", {FRIDAY}, MONDAY),
        (replace(PARIS, lag_days=0, time="18:00"), "2026-11-09T10:00+01:00", {date(2026, 11, 8)}, MONDAY),
    ],
)
def test_a_file_that_names_no_day_means_the_one_that_is_expected(
    expect: DailyBy, came: str, arrived: set[date], meant: date
) -> None:
    assert day_meant(expect, datetime.fromisoformat(came), arrived.__contains__) == meant


def test_a_day_that_has_come_is_not_late(tmp_path: Path) -> None:
    day = BusinessDay("sales", date(2026, 3, 28)).arrived(1, "2026-03-29T01:29:00.000+00:00")
    with clocked(tmp_path, PARIS) as look, closing(open_ledger(tmp_path / "ledger.db")) as ledger:
        with ledger.writing() as connection:
            write_days(connection, [day])
        assert look("2026-03-29T01:30:00+00:00") == []


def test_no_day_is_late_before_what_lay_there_at_the_start_is_loaded(tmp_path: Path) -> None:
    with clocked(tmp_path, PARIS, is_live=False) as look:
        assert look("2026-03-29T01:30:00+00:00") == []


def test_a_day_whose_file_lay_there_in_time_is_not_late_while_it_is_read(tmp_path: Path) -> None:
    with live(tmp_path, "native", expect=PARIS, completeness=Completeness(marker=".done")) as living:
        feed, now = living.feed, SimpleNamespace(at=datetime(2026, 3, 29, 1, 30, tzinfo=UTC))
        watch = Lateness(feed.datasets, feed.ledger, OutcomePublisher(feed.ledger), feed.health, clock=lambda: now.at)
        living.put("a.csv", sales(1, day="2026-03-28"))
        living.wait_until(lambda: living.waits("a.csv"))
        watch.look()
        assert known_days(feed.ledger, "sales", [date(2026, 3, 28)]) == {}
        now.at += timedelta(seconds=60)
        watch.look()
        assert known_days(feed.ledger, "sales", [date(2026, 3, 28)])[date(2026, 3, 28)].state is DayState.LATE
