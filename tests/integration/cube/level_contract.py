"""What every engine has to do with levels that are no columns. As `cube_contract`, of the same MODEL."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from flows.cube.port import Cube
from flows.errors import QueryError
from flows.model.conditions import Among, Begins, Between, Compare, Condition
from flows.model.query import Query
from tests.integration.cube.cube_contract import EVENTS, FISCAL, KINDS, SALES, assert_answer, put

DAYS = (date(2020, 12, 31), date(2021, 1, 3), date(2021, 3, 31), date(2021, 4, 1), date(2021, 5, 3), date(2021, 5, 3))
"""Thursday, Sunday, Wednesday, Thursday, Monday."""


def sums(cube: Cube, table: str, measure: str, *levels: str, where: Condition | None = None) -> list[tuple[Any, ...]]:
    """The answer's rows: the levels, then a sum."""
    return cube.query(Query(table, (measure,), levels, where=() if where is None else (where,))).rows()


class LevelContract:
    """Inherit it and bring a fixture `cube`."""

    @pytest.mark.parametrize(
        ("level", "expected"),
        [
            ("Date.Year", {"2020": 1, "2021": 62}),
            ("Date.Quarter", {"2020-Q4": 1, "2021-Q1": 6, "2021-Q2": 56}),
            ("Date.Month", {"2020-12": 1, "2021-01": 2, "2021-03": 4, "2021-04": 8, "2021-05": 48}),
            ("Date.Week", {"2020-W53": 3, "2021-W13": 12, "2021-W18": 48}),
            ("Date.Weekday", {"Monday": 48, "Wednesday": 4, "Thursday": 9, "Sunday": 2}),
        ],
    )
    def test_days_are_grouped_by_periods_in_the_order_of_time(
        self, cube: Cube, level: str, expected: dict[str, int]
    ) -> None:
        put(cube, SALES, *((turn, day, "phone", 2**turn) for turn, day in enumerate(DAYS)))
        assert sums(cube, "sales", "Quantity.SUM", level) == [*expected.items()]
        for name, total in expected.items():
            assert sums(cube, "sales", "Quantity.SUM", where=Among(level, (name,))) == [(total,)]

    @pytest.mark.parametrize(
        ("level", "expected"),
        [
            ("Day.Year", {"2020/21": 7, "2021/22": 56}),
            ("Day.Quarter", {"2020/21-Q3": 1, "2020/21-Q4": 6, "2021/22-Q1": 56}),
            ("Day.Month", {"2020-12": 1, "2021-01": 2, "2021-03": 4, "2021-04": 8, "2021-05": 48}),
            ("Day.Week", {"2020-W53": 3, "2021-W13": 12, "2021-W18": 48}),
            ("Day.Weekday", {"Sunday": 2, "Monday": 48, "Wednesday": 4, "Thursday": 9}),
        ],
    )
    def test_years_and_weekdays_begin_as_declared(self, cube: Cube, level: str, expected: dict[str, int]) -> None:
        put(cube, FISCAL, *((day, None, 2**turn) for turn, day in enumerate(DAYS)))
        assert sums(cube, "fiscal", "Number.SUM", level) == [*expected.items()]
        for name, total in expected.items():
            assert sums(cube, "fiscal", "Number.SUM", where=Among(level, (name,))) == [(total,)]

    def test_a_moment_lies_in_the_day_that_clocks_of_its_zone_show(self, cube: Cube) -> None:
        before, after = datetime(2021, 12, 31, 22, 59, 59, tzinfo=UTC), datetime(2021, 12, 31, 23, tzinfo=UTC)
        put(cube, EVENTS, (before, after, 1), (after, None, 2))
        assert sums(cube, "events", "Number.SUM", "At.Day") == [(date(2021, 12, 31), 1), (date(2022, 1, 1), 2)]
        assert sums(cube, "events", "Number.SUM", "At.Year") == [("2021", 1), ("2022", 2)]
        assert sums(cube, "events", "Number.SUM", "At.Weekday") == [("Friday", 1), ("Saturday", 2)]
        assert sums(cube, "events", "Number.SUM", "Seen.Year") == [(None, 2), ("2021", 1)]
        assert sums(cube, "events", "Number.SUM", where=Among("At.Day", (date(2022, 1, 1),))) == [(2,)]

    def test_clocks_that_are_set_forward_and_back_show_the_day_that_they_show(self, cube: Cube) -> None:
        hours = [datetime(2021, 3, 28, 22, tzinfo=UTC), datetime(2021, 10, 30, 22, tzinfo=UTC)]
        hours += [datetime(2021, 10, 31, 22, 59, tzinfo=UTC), datetime(2021, 10, 31, 23, tzinfo=UTC)]
        put(cube, EVENTS, *((at, None, 2**turn) for turn, at in enumerate(hours)))
        found = sums(cube, "events", "Number.SUM", "At.Day")
        assert found == [(date(2021, 3, 29), 1), (date(2021, 10, 31), 6), (date(2021, 11, 1), 8)]

    def test_a_clock_without_a_zone_shows_its_own_day(self, cube: Cube) -> None:
        at = datetime(2021, 5, 1, 23, 59, 59)  # noqa: DTZ001  # the column has no zone
        put(cube, KINDS, ("a", None, 1, None, None, None, at), ("b", None, 2, *[None] * 4))
        assert sums(cube, "kinds", "Number.SUM", "Moment.Day") == [(None, 2), (date(2021, 5, 1), 1)]
        assert sums(cube, "kinds", "Number.SUM", "Moment.Month") == [(None, 2), ("2021-05", 1)]
        assert sums(cube, "kinds", "Number.SUM", where=Among("Moment.Month", (None,))) == [(2,)]
        assert sums(cube, "kinds", "Number.SUM", where=Among("Day.Weekday", (None, "Monday"))) == [(3,)]

    @pytest.mark.parametrize(
        ("condition", "total"),
        [
            (Compare("Day.Month", ">=", "2021-04"), 56),
            (Compare("Day.Year", "<", "2021/22"), 7),
            (Between("Day.Week", "2020-W53", "2021-W13"), 15),
            (Between("Day.Quarter", "2020/21-Q4", "2021/22-Q1"), 62),
            (Compare("Day.Weekday", "<", "Wednesday"), 50),
            (Among("Day.Weekday", ("Sunday", "Monday"), negated=True), 13),
            (Compare("Day.Weekday", ">", "Wednesday"), 9),
        ],
    )
    def test_periods_are_compared_in_the_order_of_time(self, cube: Cube, condition: Condition, total: int) -> None:
        put(cube, FISCAL, *((day, None, 2**turn) for turn, day in enumerate(DAYS)))
        assert sums(cube, "fiscal", "Number.SUM", where=condition) == [(total,)]

    def test_different_periods_are_counted(self, cube: Cube) -> None:
        put(cube, SALES, *((turn, day, "phone", 2**turn) for turn, day in enumerate(DAYS)))
        measures = ("Date.Year.COUNT_DISTINCT", "Date.Month.COUNT_DISTINCT", "Date.Weekday.COUNT_DISTINCT")
        assert cube.query(Query("sales", measures)).rows() == [(2, 5, 4)]
        found = cube.query(Query("sales", measures[1:], ("Date.Year",), totals=True))
        assert found.rows() == [(None, 5, 4, 0), ("2020", 1, 1, 1), ("2021", 4, 4, 1)]

    def test_different_days_of_a_zone_are_counted_without_nulls(self, cube: Cube) -> None:
        before, after = datetime(2021, 12, 31, 22, 59, 59, tzinfo=UTC), datetime(2021, 12, 31, 23, tzinfo=UTC)
        put(cube, EVENTS, (before, after, 1), (after, None, 2))
        measures = ("At.Day.COUNT_DISTINCT", "At.Year.COUNT_DISTINCT", "Seen.Day.COUNT_DISTINCT")
        assert cube.query(Query("events", measures)).rows() == [(2, 2, 1)]

    def test_periods_are_no_texts_to_look_into(self, cube: Cube) -> None:
        with pytest.raises(QueryError, match=r"Date\.Month is no text, but a month"):
            cube.query(Query("sales", ("Quantity.SUM",), where=(Begins("Date.Month", "2021"),)))

    def test_totals_of_periods_are_rows_of_their_own(self, cube: Cube) -> None:
        put(cube, SALES, *((turn, day, "phone", 2**turn) for turn, day in enumerate(DAYS)))
        found = cube.query(Query("sales", ("Quantity.SUM",), ("Date.Weekday", "Date.Year"), totals=True))
        weekdays = found.schema["Date.Weekday"]
        assert_answer(
            found,
            {
                "Date.Weekday": [
                    None, "Monday", "Wednesday", "Thursday", "Sunday",
                    "Monday", "Wednesday", "Thursday", "Thursday", "Sunday",
                ],
                "Date.Year": [None, None, None, None, None, "2021", "2021", "2020", "2021", "2021"],
                "Quantity.SUM": [63, 48, 4, 9, 2, 48, 4, 1, 8, 2],
                "total_depth": [0, 1, 1, 1, 1, 2, 2, 2, 2, 2],
            },
            **{"Date.Weekday": weekdays},
        )  # fmt: skip
        assert isinstance(weekdays, pl.Enum)

    def test_without_rows_there_are_no_periods(self, cube: Cube) -> None:
        found = cube.query(Query("sales", ("Quantity.SUM",), ("Date.Month", "Date.Weekday"), totals=True))
        assert found.rows() == [] and found.schema["Date.Month"] == pl.String
