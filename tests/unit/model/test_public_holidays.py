"""Public holidays: days on which a dataset expects no data."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from flows.errors import DeclarationError
from flows.model.calendar import DailyBy, business_day, day_before, has_data


def test_no_data_is_expected_on_the_public_holidays_of_a_country_and_of_its_part() -> None:
    france = DailyBy("07:00", "Europe/Paris", day="Date", country="FR")
    assert not has_data(france, date(2026, 7, 14)) and has_data(france, date(2026, 7, 15))
    assert business_day(france, datetime(2026, 7, 15, 9, tzinfo=UTC)) == date(2026, 7, 13)
    assert day_before(france, date(2026, 7, 15)) == date(2026, 7, 13)
    epiphany = date(2026, 1, 6)
    assert has_data(DailyBy("07:00", "Europe/Berlin", day="Date", country="DE"), epiphany)
    assert not has_data(DailyBy("07:00", "Europe/Berlin", day="Date", country="DE", subdivision="BY"), epiphany)


def test_dates_count_beside_those_of_a_country() -> None:
    expect = DailyBy("07:00", "Europe/Paris", day="Date", country="FR", holidays=("2026-07-15",))
    assert [has_data(expect, date(2026, 7, day)) for day in (13, 14, 15, 16)] == [True, False, False, True]


@pytest.mark.parametrize(
    ("country", "subdivision", "nearest"),
    [
        ("France", None, "FR"),
        ("germny", None, "DE"),
        ("fr", None, "FR"),
        ("USA", None, "US"),
        ("DE", "BYY", "BY"),
        ("VA", "X", "has no parts"),
        (None, "BY", "country of the subdivision"),
    ],
)
def test_a_country_or_part_that_is_unknown_is_refused_with_the_nearest(
    country: str | None, subdivision: str | None, nearest: str
) -> None:
    with pytest.raises(DeclarationError, match=nearest):
        DailyBy("07:00", "UTC", day="Date", country=country, subdivision=subdivision)
