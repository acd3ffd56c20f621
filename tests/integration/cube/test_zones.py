"""The days of moments in zones, on the embedded engine: those of Python's own clocks, around each change of them."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from flows.cube.duckdb.engine import DuckDbCube
from flows.cube.duckdb.zones import day_shifts
from flows.model.merge import ChangeSet
from flows.model.query import Query
from flows.model.tables import Column, Table
from flows.model.types import INTEGER, MOMENT
from tests.cube_rows import rows_of

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu")
HOUR = timedelta(hours=1)


def edges(zone: str) -> list[datetime]:
    """The moments just before and at each midnight beside a change of the clocks, and at the ends of what is known."""
    clock = ZoneInfo(zone)
    noons = [datetime(1970, 1, 1, 12, tzinfo=UTC) + timedelta(days=i) for i in range(365 * 70)]
    offsets = [noon.astimezone(clock).utcoffset() for noon in noons]
    changes = [noons[i] for i in range(1, len(noons)) if offsets[i] != offsets[i - 1]]
    around = [change - 36 * HOUR + i * HOUR / 2 for change in changes[:2] + changes[-2:] for i in range(144)]
    far = [
        datetime(year, month, 1, i, tzinfo=UTC)
        for year in (1969, 1970, 2099, 2100)
        for month in (1, 7)
        for i in (4, 23)
    ]
    known = [each for moment in (*around, *far) for each in (moment - timedelta(microseconds=1), moment)]
    return sorted(set(known))


@pytest.mark.parametrize("zone", ZONES)
def test_each_moment_lies_in_the_day_that_the_clocks_show(zone: str) -> None:
    table = Table("t", (Column("At", MOMENT.in_zone(zone)), Column("Number", INTEGER)))
    moments = edges(zone)
    expected: dict[date, int] = {}
    for moment in moments:
        day = moment.astimezone(ZoneInfo(zone)).date()
        expected[day] = expected.get(day, 0) + 1
    with closing(DuckDbCube((table,))) as cube:
        cube.apply(ChangeSet("t", frozenset(), rows_of(table, [(moment, 1) for moment in moments])))
        found = cube.query(Query("t", ("Number.SUM",), ("At.Day",)))
        months = cube.query(Query("t", ("Number.SUM",), ("At.Month", "At.Year")))
    assert dict(found.rows()) == dict(sorted(expected.items()))
    by_month: dict[str, int] = {}
    for day, number in expected.items():
        by_month[f"{day:%Y-%m}"] = by_month.get(f"{day:%Y-%m}", 0) + number
    assert months.rows() == [(month, month[:4], number) for month, number in sorted(by_month.items())]


def test_a_day_on_which_the_clocks_are_set_has_no_shift() -> None:
    shifts = day_shifts("Europe/Berlin").filter(pl.col("day").is_between(date(2021, 3, 27), date(2021, 3, 29)))
    assert shifts.rows() == [(date(2021, 3, 27), 3_600_000_000), (date(2021, 3, 29), 7_200_000_000)]
