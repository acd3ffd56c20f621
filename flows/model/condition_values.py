"""The values in a condition as people write them: one, two, or a list."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from flows.errors import QueryError
from flows.model.types import ColumnType, Value

MOST_VALUES = 1_000
"""Values that a list may have."""
EXAMPLES = "Date=2021-05-01, Date>=2021-05-01, Product in (phone, watch), Product~pho, or Product is null"
_ITEM = re.compile(r'\s*("(?:[^"]|"")*"|[^,"\s](?:[^,"]*[^,"\s])?)\s*(,|$)')
_PAIR = re.compile(r'("(?:[^"]|"")*"|\S.*?)\s+and\s+("(?:[^"]|"")*"|\S.*)', re.IGNORECASE | re.DOTALL)


class Typed(Protocol):
    """What values belong to."""

    @property
    def name(self) -> str: ...

    @property
    def type(self) -> ColumnType: ...


def parse_value(field: Typed, text: str, also: str = "") -> Value:
    """The value that `text` writes, in the type of what it belongs to.

    Args:
        field: what it belongs to.
        text: the text.
        also: what else may be written there, which an error says.

    Raises:
        QueryError: the text is no such value.
    """
    try:
        value = field.type.parse(text)
    except ValueError:
        raise QueryError(
            f"Not a value of {field.name}",
            next_step=f"write a {field.type.noun}, dates as 2021-05-01{also and f' or {also}'}; "
            f"no value is written {field.name} is null",
            got=text,
        ) from None
    if not field.type.holds(value):
        raise QueryError(f"Not a value of {field.name}", next_step=f"give a {field.type.noun}", got=repr(value))
    return value


def quoted(text: str) -> str:
    """A text in quotation marks, each one inside written twice."""
    return '"' + text.replace('"', '""') + '"'


def unquoted(text: str) -> str:
    """What stands in the quotation marks; a text that begins with none as it is.

    Raises:
        QueryError: it begins with one that is not ended where the text ends.
    """
    if not text.startswith('"'):
        return text
    if not re.fullmatch(r'"(?:[^"]|"")*"', text):
        raise QueryError(
            "A quotation mark is not ended at the end of the value",
            next_step='end it there, or write a mark that belongs to the value twice, as in """x"" y"',
            got=text,
        )
    return text[1:-1].replace('""', '"')


def read_list(text: str, read: Callable[[str], Value]) -> list[Value]:
    """The values of `(a, b, …)`.

    Raises:
        QueryError: it has another form, too many values, or one that cannot be read.
    """
    inside = text[1:-1].strip() if text.startswith("(") and text.endswith(")") and len(text) > 1 else None
    items, at = [], 0
    while inside and at < len(inside):
        found = _ITEM.match(inside, at)
        if found is None or (found[2] and found.end() == len(inside)):
            inside = None
            break
        items.append(found[1])
        at = found.end()
    if inside is None:
        raise QueryError(
            "Not a list of values", next_step='write it as (phone, "a, b", null): a text with commas in "…"', got=text
        )
    if len(items) > MOST_VALUES:
        raise QueryError(
            f"A list has {len(items):,} values",
            next_step=f"give {MOST_VALUES:,} at most, or say what they have in common",
            most=MOST_VALUES,
        )
    return [read(item) for item in items]


def read_pair(text: str) -> tuple[str, str]:
    """The two texts of `a and b`, as they are written.

    Raises:
        QueryError: it has another form.
    """
    found = _PAIR.fullmatch(text)
    if found is None:
        raise QueryError("Not two values", next_step="write it as Date between 2021-05-01 and 2021-05-31", got=text)
    return found[1], found[2]
