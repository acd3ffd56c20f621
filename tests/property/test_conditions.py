"""Conditions are read as they were written, whatever they say; any text is a condition or an error in words."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flows.errors import QueryError
from flows.model.condition_text import parse_condition, parse_conditions, write_condition
from flows.model.conditions import Among, Begins, Between, Compare, Condition, Contains, check_condition
from flows.model.relative_days import Clock
from flows.model.types import BOOLEAN, DATE, DATETIME, DECIMAL, FLOAT, INTEGER, MOMENT, STRING, ColumnType

TEXTS = st.sampled_from(["", "null", " a", "a, b", "(a)", '"', 'x"y', "a and b", "=", "today", "'", "\n"]) | st.text()
VALUES: dict[ColumnType, st.SearchStrategy[Any]] = {
    STRING: TEXTS,
    INTEGER: st.integers(-(2**63), 2**63 - 1),
    FLOAT: st.floats(allow_nan=False),
    DECIMAL.sized(9, 2): st.integers(-(10**9) + 1, 10**9 - 1).map(lambda units: Decimal(units).scaleb(-2)),
    BOOLEAN: st.booleans(),
    DATE: st.dates(),
    DATETIME: st.datetimes(),
    MOMENT.in_zone("Europe/Berlin"): st.datetimes(timezones=st.just(UTC)).filter(
        lambda found: 1900 <= found.year <= 2100
    ),
}
NAMES = st.sampled_from(["a", "a=b", "a<", "Order date", "x in y", '"q"', "b is null", "N", "N.SUM", " n "]) | st.text(
    min_size=1
)
FIELDS = st.dictionaries(NAMES, st.sampled_from(list(VALUES)), min_size=1, max_size=4)


@st.composite
def questions(draw: st.DrawFn) -> tuple[dict[str, ColumnType], Condition]:
    fields = draw(FIELDS)
    name = draw(st.sampled_from(list(fields)))
    values = VALUES[fields[name]]
    forms: list[st.SearchStrategy[Condition]] = [
        st.builds(Among, st.just(name), st.lists(st.none() | values, max_size=3).map(tuple), st.booleans()),
        st.builds(Compare, st.just(name), st.sampled_from(["<", "<=", ">", ">="]), values),
        st.builds(Between, st.just(name), values, values),
    ]
    if fields[name] is STRING:
        forms += [st.builds(form, st.just(name), TEXTS) for form in (Begins, Contains)]
    return fields, draw(st.one_of(forms))


@given(questions())
def test_what_is_written_is_read_as_the_same(question: tuple[dict[str, ColumnType], Condition]) -> None:
    fields, condition = question
    text = write_condition(condition, fields)
    assert parse_condition(text, fields) == condition, text


WORDS = st.sampled_from([
    "a", "N", "Day", "=", "!=", "<", ">=", "~", "^", " in ", " not in ", " between ", " and ", " is null", "(", ")",
    ",", '"', " ", "null", "today", "last 7 days", "last 9999 days", "2021-05-01", "7",
])  # fmt: skip


@given(st.lists(WORDS | st.text(max_size=3), max_size=8).map("".join))
def test_any_text_is_a_condition_or_an_error_that_says_what_to_do(text: str) -> None:
    fields: dict[str, ColumnType] = {"a": STRING, "N": INTEGER, "Day": DATE, "Seen": MOMENT.in_zone("Asia/Tokyo")}
    refused: QueryError | None = None
    try:
        for condition in parse_conditions([text], fields, Clock(datetime(2021, 5, 1, tzinfo=UTC))):
            check_condition(condition, fields[condition.name])
    except QueryError as error:
        refused = error
    assert refused is None or refused.next_step
