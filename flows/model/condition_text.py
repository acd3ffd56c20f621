"""Conditions as people write them, at the command line, in an address and in Python alike.

    NAME = VALUE    !=   <   <=   >   >=      a value, and what is before or behind it
    NAME ~ TEXT                               the text has TEXT in it
    NAME ^ TEXT                               the text begins with TEXT
    NAME between VALUE and VALUE              both included
    NAME in (VALUE, VALUE, …)                 also: not in; null in a list is no value
    NAME is null                              also: is not null

Blanks around signs do not count, nor does the case of words. A value goes to the end, as it stands. One that would be
misread (blanks at an edge, and in lists commas and brackets) stands in quotation marks, as does a name in which another
one could be read; a mark inside is written twice. `NAME=` is the empty text where there is text, else no value.

What names values of one level (`=`, `in`, `is null`) are alternatives; all others hold together. Of days and moments
a value may be relative, as in `Day >= last 7 days`; of moments, those are ranges, which hold together with others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from flows.errors import QueryError
from flows.model.condition_values import EXAMPLES, parse_value, quoted, read_list, read_pair, unquoted
from flows.model.conditions import Among, Begins, Between, Compare, Condition, Contains, Ordering, check_condition
from flows.model.names import named
from flows.model.relative_days import WORDS, Clock, Days
from flows.model.types import ColumnType, Value
from flows.model.types.moment import MomentType

_OPERATOR = re.compile(
    r"\s*(?P<sign>!=|<=|>=|=|<|>|~|\^)|\s+(?P<words>not\s+in\b|in\b|between\b|is\s+not\s+null\b|is\s+null\b)",
    re.IGNORECASE,
)
_QUOTED_NAME = re.compile(r'\s*("(?:[^"]|"")*")')

type Fields = Mapping[str, ColumnType]
"""What conditions may be about, and its type."""


def parse_conditions(
    texts: Iterable[str], fields: Fields, clock: Clock | None = None, *, what: str = "level"
) -> tuple[Condition, ...]:
    """Conditions, with those that name values of one field as one.

    Args:
        texts: one condition each.
        fields: what they may be about.
        clock: what says which day it is; without one, days are not relative.
        what: what one of the fields is called.

    Raises:
        QueryError: one has another form, is about nothing known, or its value is not of the right type.
    """
    alternatives: dict[str, Among] = {}
    others: list[Condition] = []
    for text in texts:
        condition = parse_condition(text, fields, clock, what=what)
        if isinstance(condition, Among) and not condition.negated:
            before = alternatives.get(condition.name)
            values = condition.values if before is None else (*before.values, *condition.values)
            alternatives[condition.name] = Among(condition.name, values)
        else:
            others.append(condition)
    return (*alternatives.values(), *others)


def parse_condition(text: str, fields: Fields, clock: Clock | None = None, *, what: str = "level") -> Condition:
    """One condition; raises as `parse_conditions` does."""
    name, operator, rest = split_condition(text, fields)
    field = _Field(name, named(what, name, fields), clock)
    match operator:
        case "=" | "!=":
            return field.equal(rest, negated=operator == "!=")
        case "<" | "<=" | ">" | ">=":
            return field.compared(operator, rest)
        case "~":
            return field.checked(Contains(name, unquoted(rest)))
        case "^":
            return field.checked(Begins(name, unquoted(rest)))
        case "in" | "not in":
            return Among(name, tuple(read_list(rest, field.value)), operator == "not in")
        case "between":
            return field.between(*read_pair(rest))
        case _:
            if rest:
                raise not_a_condition(text, fields)
            return Among(name, (None,), operator == "is not null")


def split_condition(text: str, names: Iterable[str]) -> tuple[str, str, str]:
    """The name, the operator in small letters, and what follows it, without blanks around. Names may have signs in
    them: the longest known one that fits is meant, and in quotation marks always the one that stands in them.

    Raises:
        QueryError: there is no operator.
    """
    known = dict.fromkeys(names)
    mark = _QUOTED_NAME.match(text)
    ends = {name: len(name) for name in known if name and text.startswith(name)}
    if mark and unquoted(mark[1]) in known:
        ends = {unquoted(mark[1]): mark.end()}
    fitting = [name for name, end in ends.items() if _OPERATOR.match(text, end)]
    longest = max(fitting, key=len, default=None)
    found = _OPERATOR.search(text) if longest is None else _OPERATOR.match(text, ends[longest])
    if found is None or found.start() == 0:
        raise not_a_condition(text, known)
    operator = " ".join(str(found["sign"] or found["words"]).lower().split())
    return longest or text[: found.start()].strip(), operator, text[found.end() :].strip()


class _Field:
    """What a condition is about, and how its values are read."""

    def __init__(self, name: str, kind: ColumnType, clock: Clock | None) -> None:
        self.name, self.type, self._clock = name, kind, clock

    def checked[C: Condition](self, condition: C) -> C:
        check_condition(condition, self.type)
        return condition

    def value(self, text: str) -> Value:
        """A value; in quotation marks it is what stands in them, and null without them is none."""
        if text.lower() == "null":
            return None
        return parse_value(self, unquoted(text), self._relative)

    @property
    def _relative(self) -> str:
        """Which days may be named from today."""
        return WORDS if self._clock is not None and {date, datetime} & set(self.type.values) else ""

    def equal(self, text: str, *, negated: bool) -> Condition:
        days = self._days(text)
        if days is None:
            value = None if not text and not self.type.holds("") else parse_value(self, unquoted(text), self._relative)
            return Among(self.name, (value,), negated)
        if date in self.type.values:
            every = range((days.last - days.first).days + 1)
            return Among(self.name, tuple(days.first + timedelta(days=n) for n in every), negated)
        if negated:
            raise QueryError(
                f"{self.name} has moments, of which days are ranges", next_step="write < or > instead of !=", got=text
            )
        return Between(self.name, *self._edges(days))

    def compared(self, operator: Ordering, text: str) -> Condition:
        days = self._days(text)
        if days is None:
            return self.checked(Compare(self.name, operator, self._given(text)))
        first, last = self._edges(days)
        return Compare(self.name, operator, first if operator in ("<", ">=") else last)

    def between(self, first: str, last: str) -> Condition:
        edges = [self._edges(days) if (days := self._days(text)) else (self._given(text),) for text in (first, last)]
        return self.checked(Between(self.name, edges[0][0], edges[1][-1]))

    def _given(self, text: str) -> Value:
        """A value that has a place in an order."""
        if not text:
            raise QueryError(f"{self.name} is compared with nothing", next_step="write a value behind the sign")
        return parse_value(self, unquoted(text), self._relative)

    def _days(self, text: str) -> Days | None:
        if self._clock is None or not {date, datetime} & set(self.type.values):
            return None
        return self._clock.days(text)

    def _edges(self, days: Days) -> tuple[Value, Value]:
        """The first and the last value of some days."""
        if date in self.type.values:
            return days.first, days.last
        first, after = self._midnight(days.first), self._midnight(days.last + timedelta(days=1))
        return first, after - timedelta(microseconds=1)

    def _midnight(self, day: date) -> datetime:
        if not isinstance(self.type, MomentType):
            return datetime.combine(day, time.min)
        return datetime.combine(day, time.min, ZoneInfo(self.type.zone)).astimezone(UTC)


def write_condition(condition: Condition, fields: Fields) -> str:
    """A condition as text that is read as the same one, where these fields are known."""
    name, kind = _written_name(condition.name, fields), fields[condition.name]

    def written(value: Value) -> str:
        return "null" if value is None else quoted(value) if isinstance(value, str) else kind.words(cast(Any, value))

    match condition:
        case Among(_, (None,), negated):
            return f"{name} is {'not ' * negated}null"
        case Among(_, (value,), negated):
            return f"{name} {'!' * negated}= {written(value)}"
        case Among(_, values, negated):
            return f"{name} {'not ' * negated}in ({', '.join(map(written, values))})"
        case Compare(_, operator, value):
            return f"{name} {operator} {written(value)}"
        case Between(_, first, last):
            return f"{name} between {written(first)} and {written(last)}"
        case Contains(_, text):
            return f"{name} ~ {quoted(text)}"
        case Begins(_, text):
            return f"{name} ^ {quoted(text)}"


def _written_name(name: str, fields: Fields) -> str:
    plain = re.fullmatch(r"\w[\w.]*", name) and not any(other.startswith(name) for other in fields if other != name)
    return name if plain else quoted(name)


def not_a_condition(text: str, names: Iterable[str]) -> QueryError:
    """The error about a text that has another form."""
    names = list(names)
    return QueryError(
        "A condition needs LEVEL=VALUE, or one of the other forms",
        next_step=f"write for example {EXAMPLES}. What there is: {', '.join(names)}",
        got=text,
        allowed=[f"{name}=…" for name in names],
    )
