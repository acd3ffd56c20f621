"""One line at a time: strict JSON, with numbers as they are written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from flows.model.finding_frame import shorten
from flows.model.formats.json_lines import FieldPath

type Leaf = str | Number | bool | list[Any] | dict[str, Any] | None


class Number(str):
    """A number as it is written."""

    __slots__ = ()


class LineFault(Exception):
    """What is wrong with a line as a whole."""

    def __init__(self, rule: str, raw: str, expected: str) -> None:
        super().__init__(rule)
        self.rule = rule
        self.raw = shorten(raw)
        self.expected = expected


def parse_line(text: str) -> dict[FieldPath, Leaf]:
    """The fields of an object by their paths; an array is one value, and so is an object without fields.

    Raises:
        LineFault: the line is no JSON object, or one that says something twice.
    """
    try:
        found = _DECODER.decode(text)
        if isinstance(found, dict):
            return dict(_leaves(found, ()))
    except json.JSONDecodeError as error:
        expected = f"a JSON object ({error.msg} at character {error.pos + 1})"
        raise LineFault("json", text.strip("\r\n"), expected) from None
    except RecursionError:
        raise LineFault("nesting", text, "objects that do not lie so deep in each other") from None
    raise LineFault("json", text.strip("\r\n"), "a JSON object, in { }, on each line")


def written(value: object) -> str:
    """A value as JSON, with its numbers as they were written."""
    match value:
        case Number():
            return value
        case list():
            return f"[{', '.join(map(written, value))}]"
        case dict():
            return "{" + ", ".join(f"{json.dumps(key)}: {written(each)}" for key, each in value.items()) + "}"
        case _:
            return json.dumps(value)


def _leaves(found: dict[str, Any], above: FieldPath) -> Iterator[tuple[FieldPath, Leaf]]:
    for key, value in found.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key), value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise LineFault("duplicate_key", twice, "each key once in an object")
    return found


def _constant(name: str) -> Any:
    raise LineFault("json", name, "a number; there is no such one in JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=Number, parse_int=Number, parse_constant=_constant)
