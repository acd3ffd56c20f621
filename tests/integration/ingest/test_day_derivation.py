"""Days that the ledger does not know are derived from what is loaded."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from flows.ingest.work import Outcome
from flows.model.archives import Zip
from flows.model.business_day import DayState
from flows.model.calendar import DailyBy
from flows.model.policies import Unload
from flows.store.business_days import days_of
from tests.integration.live_feed import LiveFeed, ask, live
from tests.integration.store.lost_ledger import lose_the_ledger, restore
from tests.zip_files import zipped

pytestmark = pytest.mark.usefixtures("quick")
EXPECT = DailyBy("00:00", "UTC", day="Date", lag_days=1)
IN_NAME = r"(?P<Date>\d{4}-\d\d-\d\d).*\.csv"
HEADER = b"ID,Product,Quantity\n"
MAY = date(2021, 5, 1), date(2021, 5, 31)


def drop(living: LiveFeed, name: str, *rows: str) -> None:
    living.put(name, HEADER + "".join(f"{row}\n" for row in rows).encode())
    living.wait_for_state(name, "loaded")


def days(living: LiveFeed) -> dict[int, tuple[str, int | None]]:
    return {each.day.day: (each.state.value, each.rows) for each in days_of(living.feed.ledger, "sales", *MAY)}


def started(living: LiveFeed) -> list[Outcome]:
    """What is told at a start."""
    heard: list[Outcome] = []
    living.feed.listeners.append(heard.append)
    living.feed.rebuild()
    return [outcome for outcome in heard if any(change.day.year == 2021 for change in outcome.days)]


def test_an_archive_has_no_rows_of_its_own_and_says_nothing_of_the_day_that_is_expected(tmp_path: Path) -> None:
    ever = date(2000, 1, 1), date(2100, 1, 1)
    with live(tmp_path, "native", expect=EXPECT, archives=Zip()) as living:
        living.put("export.zip", zipped({"a.csv": b"ID,Date,Product,Quantity\n1,2021-05-01,phone,3\n"}))
        living.wait_for({1: 3})
        assert [each.day for each in days_of(living.feed.ledger, "sales", *ever) if each.has_come] == [MAY[0]]
    lose_the_ledger(tmp_path)
    restore(tmp_path)
    with live(tmp_path, "native", expect=EXPECT, archives=Zip()) as living:
        assert living.quantities() == {1: 3}
        assert [each.day for each in days_of(living.feed.ledger, "sales", *ever) if each.has_come] == [MAY[0]]


def test_a_restore_knows_the_days_that_were_closed_and_derives_those_that_have_come_since(tmp_path: Path) -> None:
    with live(tmp_path, "native", expect=EXPECT, from_path=IN_NAME) as living:
        drop(living, "2021-05-01.csv", "1,phone,3")
        ask(living, "close-day", date="2021-05-01", run="run-1")
        drop(living, "2021-05-02.csv", "2,phone,3", "3,phone,3")
        drop(living, "2021-05-03.csv")
        drop(living, "2021-05-01.csv", "1,phone,4")
        living.wait_for({1: 4, 2: 3, 3: 3})
        before = days(living)
        assert before == {1: ("restated", 1), 2: ("arrived", 2), 3: ("arrived", 0)}
    lose_the_ledger(tmp_path)
    assert restore(tmp_path).backup is not None
    with live(tmp_path, "native", expect=EXPECT, from_path=IN_NAME) as living:
        assert started(living) == []
        assert days(living) == {**before, 1: ("closed", 1)}
        closed, *_, empty = days_of(living.feed.ledger, "sales", *MAY)
        assert (closed.closed_by, empty.said_by) == ("run-1", "path")
        ask(living, "close-day", date="2021-05-02")
        assert days(living) == {**before, 2: ("closed", 2)}


def test_a_restore_without_any_backup_derives_all_days(tmp_path: Path) -> None:
    with live(tmp_path, "native", expect=EXPECT, from_path=IN_NAME) as living:
        drop(living, "2021-05-01.csv", "1,phone,3")
        drop(living, "2021-05-02.csv")
        known = days_of(living.feed.ledger, "sales", *MAY)
    lose_the_ledger(tmp_path)
    restore(tmp_path)
    with live(tmp_path, "native", expect=EXPECT, from_path=IN_NAME) as living:
        assert days(living) == {1: ("arrived", 1), 2: ("arrived", 0)}
        derived = days_of(living.feed.ledger, "sales", *MAY)
        assert [each.version for each in derived] == [each.version for each in known]


def test_a_dataset_that_says_only_now_when_its_data_is_expected_has_the_days_that_are_loaded(tmp_path: Path) -> None:
    with live(tmp_path, "native", expect=None, from_path=IN_NAME, when_deleted=Unload()) as living:
        drop(living, "2021-05-01.csv", "1,phone,3")
        drop(living, "2021-05-02.csv", "2,phone,3")
        drop(living, "2021-05-03.csv")
        (living.landing / "2021-05-02.csv").unlink()
        living.wait_for_state("2021-05-02.csv", "unloaded")
    for _ in range(2):
        with live(tmp_path, "native", expect=EXPECT, from_path=IN_NAME) as living:
            assert started(living) == []
            assert days(living) == {1: ("arrived", 1), 3: ("arrived", 0)}
            assert days_of(living.feed.ledger, "sales", *MAY)[0].state is DayState.ARRIVED
