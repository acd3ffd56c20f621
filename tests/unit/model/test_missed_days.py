"""Days that nobody has closed while nothing ran."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import pytest

from flows.model.calendar import DailyBy, span_of
from flows.model.missed_days import consecutive, missed_days

EXPECT = DailyBy("07:00", "Europe/Paris", day="Date", weekdays=(0, 1, 2, 3, 4))
MONDAY = date(2026, 3, 23)


def on_time(days: Iterable[date]) -> dict[date, datetime]:
    return {day: span_of(EXPECT, day)[1].astimezone(UTC) + timedelta(seconds=20) for day in days}


def days(*numbers: int) -> list[date]:
    return [MONDAY + timedelta(days=number) for number in numbers]


@pytest.mark.parametrize(
    ("now", "missed"),
    [
        ("2026-03-25T04:00+00:00", []),
        ("2026-03-25T06:00+00:00", days(1)),
        ("2026-03-29T12:00+00:00", days(1, 2, 3, 4)),
        ("2026-03-31T04:59+00:00", days(1, 2, 3, 4)),
        ("2026-03-31T05:00+00:00", days(1, 2, 3, 4, 7)),
    ],
)
def test_days_are_missed_that_were_due_since_the_schedule_was_kept(now: str, missed: list[date]) -> None:
    assert missed_days(EXPECT, on_time([MONDAY]), datetime.fromisoformat(now)) == missed


def test_a_day_that_a_close_has_looked_at_is_not_missed_though_that_came_late() -> None:
    now = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert missed_days(EXPECT, {**on_time([MONDAY]), days(2)[0]: now}, now) == days(1, 3, 4)


def test_who_closes_old_days_by_hand_has_missed_none() -> None:
    now = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert missed_days(EXPECT, {date(2021, 5, 3): now}, now) == missed_days(EXPECT, {}, now) == []


def test_a_range_skips_days_without_data_and_none_with_data() -> None:
    assert consecutive(days(1, 2, 4, 7, 8), EXPECT) == [(days(1)[0], days(2)[0]), (days(4)[0], days(8)[0])]
    assert consecutive([], EXPECT) == []
