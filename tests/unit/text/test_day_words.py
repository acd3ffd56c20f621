"""How a business day is said to people."""

from __future__ import annotations

from datetime import date

import pytest

from flows.model.business_day import BusinessDay
from flows.text.day_words import change_words, day_words

NOW = "2021-05-04T05:00:03.123+00:00"
DAY = BusinessDay("sales", date(2021, 5, 3))
CLOSED = DAY.arrived(8, NOW).closed({"A.SUM": 10, "B.SUM": 1.5, "C.SUM": 3}, 8, NOW, run=None)
WORDS = [
    (DAY, "expected by 2021-05-04 05:00:00 UTC"),
    (DAY.late(NOW), "late: nothing had come by 2021-05-04 05:00:00 UTC"),
    (DAY.arrived(8, NOW), "arrived 2021-05-04 05:00:03 UTC"),
    (DAY.late(NOW).arrived(8, NOW), "arrived 2021-05-04 05:00:03 UTC, late"),
    (
        DAY.arrived(0, NOW, said_by="path", version=1),
        "arrived 2021-05-04 05:00:03 UTC, no rows, as a file without rows says by its path",
    ),
    (
        DAY.arrived(0, NOW, said_by="expected", version=1).closed({}, 0, NOW, run=None),
        "closed 2021-05-04 05:00:03 UTC, no rows, as a file without rows says that came when the day was expected",
    ),
    (CLOSED, "closed 2021-05-04 05:00:03 UTC, 8 rows"),
    (
        CLOSED.compared({"A.SUM": 12_345, "B.SUM": 1.5000000000001, "C.SUM": None}, 9, NOW),
        "restated 2021-05-04 05:00:03 UTC, 9 rows: A.SUM 10 → 12,345, C.SUM 3 → –",
    ),
    (
        CLOSED.compared({"A.SUM": 1}, 9, NOW).compared({"A.SUM": 10}, 8, NOW),
        "restated 2021-05-04 05:00:03 UTC, 8 rows: its totals are as they were when it was closed",
    ),
]


@pytest.mark.parametrize(("day", "words"), WORDS)
def test_a_day_is_said_in_a_line(day: BusinessDay, words: str) -> None:
    assert day_words(day, "2021-05-04T05:00:00+00:00") == words
    assert BusinessDay.from_json(day.as_json()).change == day.change


def test_a_measure_that_could_not_be_computed_restates_nothing() -> None:
    assert CLOSED.compared({"A.SUM": "cannot be computed", "D.SUM": 4}, 8, NOW) == CLOSED


def test_what_a_day_has_become_is_said_in_the_log() -> None:
    changes = [day.change for day in (DAY.late(NOW), CLOSED, CLOSED.compared({"A.SUM": 12}, 9, NOW))]
    assert [change_words(change) for change in changes if change is not None] == [
        "2021-05-03 is late, 0 rows",
        "2021-05-03 is closed, 8 rows",
        "2021-05-03 is restated, 9 rows: A.SUM 10 → 12",
    ]
