"""Days at the edges of the calendar, and in between: each has an answer, and the answers are in order."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from flows.model.calendar import DailyBy, business_day, day_before, in_zone, is_due, shifted, span_of

ZONES = ("UTC", "Europe/Paris", "Pacific/Kiritimati", "Pacific/Pago_Pago")
NEAR = st.integers(0, 400)
DAYS = (
    NEAR.map(lambda days: date.min + timedelta(days=days))
    | NEAR.map(lambda days: date.max - timedelta(days=days))
    | st.dates(date(2020, 1, 1), date(2030, 1, 1))
)
TIMES = st.sampled_from([time(), time(12), time(23, 59, 59, 999999)])
EXPECTS = st.builds(
    lambda at, zone, lag, weekdays: DailyBy(at, zone, day="Date", lag_days=lag, weekdays=weekdays),
    st.sampled_from(["00:00", "07:00", "23:59"]),
    st.sampled_from(ZONES),
    st.integers(0, 40),
    st.sampled_from([(0, 1, 2, 3, 4, 5, 6), (0, 1, 2, 3, 4), (6,)]),
)


@settings(max_examples=300, deadline=None)
@given(st.none() | EXPECTS, DAYS)
def test_every_day_of_the_calendar_has_a_day_before_and_a_span(expect: DailyBy | None, day: date) -> None:
    before = day_before(expect, day)
    assert (before is None) == (day == date.min) and (before is None or before < day)
    since, until = span_of(expect, day)
    assert since <= until and since.tzinfo is not None and until.tzinfo is not None
    assert in_zone(since, UTC) <= in_zone(until, UTC)
    if expect is not None:
        assert is_due(expect, day, datetime.max.replace(tzinfo=UTC)) in (True, False, None)


@settings(max_examples=300, deadline=None)
@given(EXPECTS, DAYS, TIMES, st.sampled_from(ZONES))
def test_at_every_moment_the_day_due_is_none_or_one_that_has_come(
    expect: DailyBy, day: date, at: time, zone: str
) -> None:
    now = datetime.combine(day, at, ZoneInfo(zone))
    due = business_day(expect, now)
    assert due is None or (due.weekday() in expect.weekdays and due <= in_zone(now, ZoneInfo(expect.zone)).date())


@settings(max_examples=200, deadline=None)
@given(DAYS, TIMES, st.none() | st.sampled_from(ZONES), st.sampled_from(ZONES))
def test_a_moment_beyond_the_calendar_is_its_first_or_last_one(day: date, at: time, of: str | None, zone: str) -> None:
    moment = datetime.combine(day, at, None if of is None else ZoneInfo(of))
    found = in_zone(moment, ZoneInfo(zone))
    assert str(found.tzinfo) == zone and abs(found.replace(tzinfo=None) - moment.replace(tzinfo=None)) <= timedelta(2)


@given(DAYS, st.integers(-(10**12), 10**12))
def test_a_day_that_no_calendar_has_is_none(day: date, days: int) -> None:
    inside = date.min.toordinal() <= day.toordinal() + days <= date.max.toordinal()
    assert shifted(day, days) == (date.fromordinal(day.toordinal() + days) if inside else None)
