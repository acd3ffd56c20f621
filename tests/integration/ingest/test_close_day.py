"""What close-day finds and does."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from flows.errors import RequestFailed
from flows.model.calendar import DailyBy, business_day
from flows.settings import Observer
from tests.integration.live_feed import LiveFeed, ask, live, sales

pytestmark = pytest.mark.usefixtures("quick")
TODAY = datetime.now(UTC).date()


def day(before: int) -> str:
    return (TODAY - timedelta(days=before)).isoformat()


EXPECT = DailyBy("00:00", "UTC", day="Date", lag_days=1)


def close(living: LiveFeed) -> dict[str, Any]:
    answer: dict[str, Any] = ask(living, "close-day")["day"]
    return answer


def test_a_day_that_has_arrived_is_closed_without_complaint(tmp_path: Path, observer: Observer) -> None:
    with live(tmp_path, observer, expect=EXPECT) as living:
        living.put("a.csv", sales(1, 2, day=day(1)))
        living.wait_for({1: 1, 2: 2})
        first = close(living)
        assert (first["business_day"], first["day_rows"], first["complaints"]) == (day(1), 2, [])
        assert close(living) == first


def test_a_day_that_has_not_arrived_is_a_complaint(tmp_path: Path, observer: Observer) -> None:
    with live(tmp_path, observer, expect=EXPECT) as living:
        living.put("a.csv", sales(1, day=day(2)))
        living.wait_for({1: 1})
        assert close(living)["complaints"] == [f"no row of {day(1)} has come"]


def test_a_day_that_is_named_is_judged_by_its_own_data(tmp_path: Path, observer: Observer) -> None:
    with live(tmp_path, observer, expect=EXPECT) as living:
        living.put("a.csv", sales(1, 2, day="2021-05-02"))
        living.wait_for({1: 1, 2: 2})
        there = ask(living, "close-day", date="2021-05-02")
        assert there["day"]["complaints"] == [] and there["day"]["day_rows"] == 2
        assert there["report"]["day"] == there["day"]["business_day"] == "2021-05-02"
        assert ask(living, "close-day", date="2021-05-07")["day"]["complaints"] == ["no row of 2021-05-07 has come"]


def test_on_a_day_without_data_none_is_missed(tmp_path: Path, observer: Observer) -> None:
    with live(tmp_path, observer, expect=replace(EXPECT, country="FR", weekdays=(0, 1, 2, 3, 4))) as living:
        moments = {"2026-07-15T08:00:00+00:00": "2026-07-14", "2026-07-12T08:00:00+00:00": "2026-07-11"}
        for moment, free in moments.items():
            found = ask(living, "close-day", as_of=moment)["day"]
            assert (found["business_day"], found["expected"], found["complaints"]) == (free, False, [])


def test_a_day_of_a_dataset_without_days_is_refused(tmp_path: Path, observer: Observer) -> None:
    refused = pytest.raises(RequestFailed, match="which rows belong to a business day")
    with live(tmp_path, observer, expect=None) as living, refused:
        ask(living, "close-day", date="2021-05-02")


def test_close_day_has_no_complaint_once_a_file_has_settled_and_then_its_rows_are_there(
    tmp_path: Path, observer: Observer
) -> None:
    with live(tmp_path, observer, expect=EXPECT) as living:
        living.put("a.csv", sales(1, day=day(1)))
        living.wait_until(lambda: close(living)["complaints"] == [])
        assert living.quantities() == {1: 1}


def test_retention_takes_old_days_out_and_a_longer_one_brings_them_back(tmp_path: Path, observer: Observer) -> None:
    with live(tmp_path, observer, expect=EXPECT, retain_days=5) as living:
        living.put("old.csv", sales(1, day=day(9)))
        living.put("edge.csv", sales(2, start=2, day=day(5)))
        living.put("new.csv", sales(3, start=3, day=day(1)))
        living.wait_for({1: 1, 2: 2, 3: 3})
        assert close(living)["complaints"] == []
        assert living.quantities() == {2: 2, 3: 3}
        living.put("late.csv", sales(4, 5, start=4, day=day(8)))
        living.put("more.csv", sales(6, start=6, day=day(2)))
        living.wait_for({2: 2, 3: 3, 6: 6})
        assert close(living)["complaints"] == []
    with live(tmp_path, observer, expect=EXPECT, retain_days=5) as living:
        assert living.quantities() == {2: 2, 3: 3, 6: 6}
    with live(tmp_path, observer, expect=EXPECT, retain_days=30) as living:
        assert close(living)["complaints"] == []
        assert living.quantities() == {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6}


def test_a_close_that_could_not_move_the_horizon_leaves_its_dataset_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its table is filled again, and is looked after as before at once."""

    def locked(*_: object) -> None:
        raise OperationalError("UPDATE datasets", {}, sqlite3.OperationalError("database is locked"))

    with live(tmp_path, "polling", expect=EXPECT, retain_days=5) as living:
        with monkeypatch.context() as patched:
            patched.setattr("flows.ingest.business_days.set_first_day", locked)
            with pytest.raises(RequestFailed, match="locked"):
                close(living)
        living.put("a.csv", sales(1, day=day(1)))
        living.wait_for({1: 1})


@pytest.mark.slow
def test_an_old_row_that_covers_a_newer_day_still_covers_it_once_it_has_left(
    tmp_path: Path, observer: Observer
) -> None:
    with live(tmp_path, observer, expect=EXPECT, retain_days=5) as living:
        living.put("a.csv", sales(1, 2, day=day(1)))
        living.wait_for({1: 1, 2: 2})
        living.put("b.csv", sales(7, day=day(9)))
        living.wait_for({1: 7, 2: 2})
        assert close(living)["complaints"] == []
        assert living.quantities() == {2: 2}
        living.put("a.csv", sales(3, 4, day=day(1)))
        living.wait_for({2: 4})
        assert ask(living, "verify")["verify"]["extra"] == 0
        assert ask(living, "rebuild")["rows"] == 1
        living.put("c.csv", sales(5, start=2, day=day(9)))
        living.wait_for({})
    with live(tmp_path, observer, expect=EXPECT, retain_days=5) as living:
        assert living.quantities() == {}
        living.put("b.csv", sales(6, start=3, day=day(1)))
        living.wait_for({1: 3, 3: 6})


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2021-05-04T08:00+02:00", "2021-05-03"),
        ("2021-05-04T06:59+02:00", "2021-04-30"),
        ("2021-05-04T05:00+00:00", "2021-05-03"),
        ("2021-05-03T12:00+02:00", "2021-04-30"),
        ("2021-05-14T12:00+02:00", "2021-05-12"),
    ],
)
def test_the_business_day_knows_the_hour_weekends_and_holidays(now: str, expected: str) -> None:
    expect = DailyBy("07:00", "Europe/Paris", day="Date", weekdays=(0, 1, 2, 3, 4), holidays=("2021-05-13",))
    found = business_day(expect, datetime.fromisoformat(now))
    assert found is not None and found.isoformat() == expected
