"""Conditions as people write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from flows.errors import QueryError
from flows.model.calendar import DailyBy
from flows.model.condition_text import parse_condition, parse_conditions, split_condition
from flows.model.condition_values import MOST_VALUES
from flows.model.conditions import Among, Begins, Between, Compare, Condition, Contains
from flows.model.relative_days import Clock
from flows.model.types import BOOLEAN, DATE, DATETIME, INTEGER, MOMENT, STRING

FIELDS = {
    "G": STRING, "Day": DATE, "N": INTEGER, "Flag": BOOLEAN, "At": DATETIME, "Seen": MOMENT.in_zone("Europe/Berlin"),
    "Order date": DATE, "a<b": STRING, "a": STRING, "N in stock": INTEGER, "is": STRING, '"odd"': STRING,
}  # fmt: skip
MAY_1, MAY_2 = date(2021, 5, 1), date(2021, 5, 2)
SATURDAY = Clock(datetime(2021, 5, 1, 22, 30, tzinfo=UTC), DailyBy("07:00", "Europe/Paris", "Day", weekdays=(0, 1, 2)))


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("G=phone", Among("G", ("phone",))),
        ("G = phone ", Among("G", ("phone",))),
        ("G=", Among("G", ("",))),
        ("Day=", Among("Day", (None,))),
        ("N!=7", Among("N", (7,), negated=True)),
        ('G=" a ""b"" "', Among("G", (' a "b" ',))),
        ("G=a=b, (c) and d", Among("G", ("a=b, (c) and d",))),
        ("G=null", Among("G", ("null",))),
        ("Day>=2021-05-02", Compare("Day", ">=", MAY_2)),
        ("Day < 2021-05-02", Compare("Day", "<", MAY_2)),
        ("Day between 2021-05-01 and 2021-05-02", Between("Day", MAY_1, MAY_2)),
        ('G BETWEEN "a and b" AND c', Between("G", "a and b", "c")),
        ("G~Kunde 0", Contains("G", "Kunde 0")),
        ('G ^ "=x"', Begins("G", "=x")),
        ('G in (a, "b, c", null,"null")', Among("G", ("a", "b, c", None, "null"))),
        ("N not in (1,2)", Among("N", (1, 2), negated=True)),
        ("G in ()", Among("G", ())),
        ("G is null", Among("G", (None,))),
        ("G  IS  NOT  NULL", Among("G", (None,), negated=True)),
        ("Order date>2021-05-01", Compare("Order date", ">", MAY_1)),
        ('"Order date" > 2021-05-01', Compare("Order date", ">", MAY_1)),
        ("N in stock=3", Among("N in stock", (3,))),
        ("is is null", Among("is", (None,))),
        ("a<b=x", Among("a<b", ("x",))),
        ('"a"<b=x', Compare("a", "<", "b=x")),
        ('"odd"=x', Among('"odd"', ("x",))),
        ('"""odd"""=x', Among('"odd"', ("x",))),
        ("At<2021-05-01T12:00", Compare("At", "<", datetime(2021, 5, 1, 12))),  # noqa: DTZ001
    ],
)
def test_what_is_written_is_meant(text: str, condition: Condition) -> None:
    assert parse_condition(text, FIELDS) == condition
    assert parse_conditions([text], FIELDS) == (condition,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("G", "needs LEVEL=VALUE"),
        ("=x", "needs LEVEL=VALUE"),
        ("G is null x", "needs LEVEL=VALUE"),
        ("Gg=x", "did you mean G"),
        ("N=x", "write a integer, dates as 2021-05-01; no value is written N is null"),
        ("N=99999999999999999999", "Not a value of N"),
        ("Day>", "compared with nothing"),
        ("Day>=tomorrow", "write a date, dates as 2021-05-01 or today, yesterday, last 7 days"),
        ("N~1", "N is no text, but a integer"),
        ('G="x', "quotation mark"),
        ('G="x" y', "quotation mark"),
        ("G in (a", "Not a list"),
        ("G in (a,,b)", "Not a list"),
        ("G in (a,)", "Not a list"),
        ("Day between 2021-05-01", "Not two values"),
        (f"N in ({', '.join(map(str, range(10_000)))})", f"10,000 values.*{MOST_VALUES:,} at most"),
    ],
)
def test_what_cannot_be_read_says_what_to_write(text: str, words: str) -> None:
    with pytest.raises(QueryError, match=words):
        parse_conditions([text], FIELDS, SATURDAY)


def test_values_of_one_level_are_alternatives_and_all_else_holds_together() -> None:
    texts = ["G=a", "Day>=2021-05-01", "G in (b, c)", "Day<2021-05-02", "G is null", "G!=d", "N=1"]
    assert parse_conditions(texts, FIELDS) == (
        Among("G", ("a", "b", "c", None)),
        Among("N", (1,)),
        Compare("Day", ">=", MAY_1),
        Compare("Day", "<", MAY_2),
        Among("G", ("d",), negated=True),
    )


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("today", MAY_2, MAY_2),
        ("Yesterday", MAY_1, MAY_1),
        ("last 7 days", date(2021, 4, 26), MAY_2),
        ("this month", MAY_1, date(2021, 5, 31)),
        ("last month", date(2021, 4, 1), date(2021, 4, 30)),
        ("this year", date(2021, 1, 1), date(2021, 12, 31)),
        ("last business day", date(2021, 4, 28), date(2021, 4, 28)),
    ],
)
def test_days_are_named_from_today_in_the_zone_of_the_dataset(text: str, first: date, last: date) -> None:
    days = tuple(first + timedelta(days=n) for n in range((last - first).days + 1))
    assert parse_condition(f"Day={text}", FIELDS, SATURDAY) == Among("Day", days)
    for operator, edge in (("<", first), (">=", first), ("<=", last), (">", last)):
        assert parse_condition(f"Day{operator}{text}", FIELDS, SATURDAY) == Compare("Day", operator, edge)  # type: ignore[arg-type]
    assert parse_condition(f"Day between {text} and today", FIELDS, SATURDAY) == Between("Day", first, MAY_2)
    assert parse_condition(f"G={text}", FIELDS, SATURDAY) == Among("G", (text,))


def test_of_moments_a_day_is_all_of_it_as_clocks_show_it() -> None:
    least = timedelta(microseconds=1)
    day = Between("Seen", datetime(2021, 5, 1, 22, tzinfo=UTC), datetime(2021, 5, 2, 22, tzinfo=UTC) - least)
    assert parse_condition("Seen = today", FIELDS, SATURDAY) == day
    clock = Between("At", datetime(2021, 5, 1), datetime(2021, 5, 2) - least)  # noqa: DTZ001
    assert parse_condition("At=yesterday", FIELDS, SATURDAY) == clock


def test_a_business_day_needs_a_dataset_that_says_which_there_are() -> None:
    with pytest.raises(QueryError, match=r"which days have data.*DailyBy"):
        parse_condition("Day=last business day", FIELDS, Clock(datetime.now(UTC)))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a=b=c", ("a=b", "=", "c")), ("a=c", ("a", "=", "c")), ("z=1=2", ("z", "=", "1=2")), ("a=b", ("a", "=", "b")),
        ('"a"=b=c', ("a", "=", "b=c")),
    ],
)  # fmt: skip
def test_the_longest_name_of_a_condition_is_meant_or_the_one_in_quotation_marks(text: str, parts: Any) -> None:
    assert split_condition(text, ("a", "a=b")) == parts
