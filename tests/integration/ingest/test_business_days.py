"""What becomes of business days: they come, are told of once, and the ledger knows them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from flows.ingest.work import Outcome
from flows.model.business_day import BusinessDay, DayState
from flows.model.calendar import DailyBy
from flows.model.policies import SkipRows
from flows.store.business_days import days_of, known_days
from tests.integration.live_feed import LiveFeed, live, sales

pytestmark = pytest.mark.usefixtures("quick")
EXPECT = DailyBy("00:00", "UTC", day="Date", lag_days=1)
TODAY = datetime.now(UTC).date()
YESTERDAY = TODAY - timedelta(days=1)
HEADER = b"ID,Date,Product,Quantity\n"
IN_NAME = r"(?P<Date>\d{4}-\d\d-\d\d).*\.csv"
"""The day is in the file's name, and not in it."""


def told(living: LiveFeed) -> list[tuple[str, str, int]]:
    """The changes that were told of, in order: day, state, rows."""
    changes = [change for outcome in living.outcomes for change in outcome.days]
    return [(change.day.isoformat(), change.state.value, change.facts["rows"]) for change in changes]


def known(living: LiveFeed, day: str | date) -> BusinessDay:
    named = date.fromisoformat(day) if isinstance(day, str) else day
    return known_days(living.feed.ledger, "sales", [named])[named]


def test_a_day_has_arrived_with_its_first_rows_and_is_told_of_once(tmp_path: Path) -> None:
    with live(tmp_path, "native", expect=EXPECT) as living:
        living.put("a.csv", sales(1, 2, day="2021-05-01"))
        living.wait_for({1: 1, 2: 2})
        living.put("b.csv", sales(3, start=3, day="2021-05-01") + b"4,2021-05-02,phone,4\n")
        living.wait_for({1: 1, 2: 2, 3: 3, 4: 4})
        assert told(living) == [("2021-05-01", "arrived", 2), ("2021-05-02", "arrived", 1)]
        first, second = days_of(living.feed.ledger, "sales", date(2021, 5, 1), date(2021, 5, 31))
        assert first.state is second.state is DayState.ARRIVED
        assert first.arrived_utc == living.outcomes[0].days[0].at_utc.isoformat(timespec="milliseconds")
    with live(tmp_path, "native", expect=EXPECT) as living:
        living.put("a.csv", sales(5, 6, day="2021-05-01"))
        living.wait_for({1: 5, 2: 6, 3: 3, 4: 4})
        assert told(living) == []


def test_a_day_that_nobody_was_told_of_before_the_process_died_is_told_of_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with live(tmp_path, "native", expect=EXPECT) as living:
        monkeypatch.setattr("flows.ingest.outcome_publisher.mark_told", lambda *_: None)
        living.put("a.csv", sales(1, day="2021-05-01"))
        living.wait_for({1: 1})
        monkeypatch.undo()
        heard: list[Outcome] = []
        living.feed.listeners.append(heard.append)
        for _ in range(2):
            living.feed.rebuild()
        assert [(each.day, each.state) for outcome in heard for each in outcome.days] == [
            (date(2021, 5, 1), DayState.ARRIVED)
        ]


def test_a_file_of_a_header_alone_says_that_there_are_no_sales_on_the_day_in_its_path(tmp_path: Path) -> None:
    with live(tmp_path, "native", expect=EXPECT, from_path=IN_NAME) as living:
        for name in ("2021-05-02.csv", "2021-05-03.csv"):
            living.put(name, b"ID,Product,Quantity\n")
            living.wait_for_state(name, "loaded")
        assert told(living) == [("2021-05-02", "arrived", 0), ("2021-05-03", "arrived", 0)]
        assert known(living, "2021-05-02").said_by == "path"


def test_where_its_path_names_no_day_it_is_that_of_the_day_expected_when_it_came(tmp_path: Path) -> None:
    with live(tmp_path, "native", expect=EXPECT) as living:
        living.put("none.csv", HEADER)
        living.wait_for_state("none.csv", "loaded")
        assert told(living) == [(YESTERDAY.isoformat(), "arrived", 0)]
        assert known(living, YESTERDAY).said_by == "expected"
        living.put("more.csv", HEADER)
        living.wait_for_state("more.csv", "loaded")
        living.put("some.csv", sales(1, 2, day=YESTERDAY.isoformat()))
        living.wait_for({1: 1, 2: 2})
        assert told(living)[1:] == [(YESTERDAY.isoformat(), "arrived", 2)]


def test_a_file_all_of_whose_rows_are_refused_says_nothing_of_a_day(tmp_path: Path) -> None:
    columns = "ID = dy.Int64(primary_key=True); Date = dy.Date(); Quantity = dy.Int64(min=0)"
    with live(tmp_path, "native", columns=columns, expect=EXPECT, bad_rows=SkipRows(1.0)) as living:
        living.put("a.csv", b"ID,Date,Quantity\n1,2021-05-01,-1\n")
        living.wait_until(lambda: living.state_of("a.csv") is not None)
        assert told(living) == []


def test_a_dataset_that_expects_nothing_has_no_days(tmp_path: Path) -> None:
    with live(tmp_path, "native", expect=None) as living:
        living.put("a.csv", sales(1))
        living.wait_for({1: 1})
        assert told(living) == []
