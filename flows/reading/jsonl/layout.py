"""Lines that are alike: the same keys in the same order, which programs write.

What one of them looks like becomes a regular expression that takes such lines and no others, and each of its groups is
a value as it is written. It knows all of JSON's grammar that these lines have, so that what it takes is what the parser
of single lines takes; text with escapes it leaves to that.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import polars as pl

from flows.model.formats.json_lines import FieldPath
from flows.reading.jsonl.fields import Fields

_TEXT = r'"[^"\\\x00-\x1f]*"'
_PLAIN = r"(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)"
_VALUE = f"(?:{_TEXT}|{_PLAIN})"
_BLANK = r"[ \t\r\n]*"
_ARRAY = rf"\[{_BLANK}(?:{_VALUE}{_BLANK}(?:,{_BLANK}{_VALUE}{_BLANK})*)?\]"
_PART = re.compile(
    rf"(?P<text>{_TEXT})|(?P<plain>{_PLAIN})|(?P<array>{_ARRAY})|(?P<mark>[{{}}:,])|(?P<blank>[ \t\r\n]+)"
)
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$#&~-]")
_PIECE_LINES = 1 << 17
"""So many lines at least are worth a thread of their own."""


@dataclass(frozen=True)
class Layout:
    """What lines look like that are alike.

    Args:
        pattern: a regular expression that such a line matches.
        columns: the columns of its groups.
        extra: the fields that are no columns.
    """

    pattern: str
    columns: tuple[str, ...]
    extra: tuple[FieldPath, ...]


def layout_of(line: str, fields: Fields) -> Layout | None:
    """The layout of a line that is a JSON object; None where it is not of the simple kind."""
    pattern, columns, extra = ["^"], list[str](), list[FieldPath]()
    last = ""
    for kind, text, path in _parts(line):
        if kind == "other" or (text == "}" and last == "{"):  # an object without fields is a value for itself
            return None
        last = text if kind != "blank" else last
        if kind in ("text", "plain", "array") and path is not None:
            column = fields.columns.get(path)
            if column is None:
                extra.append(path)
                pattern.append(_ARRAY if kind == "array" else _VALUE)
                continue
            if kind == "array":
                return None
            columns.append(column)
            pattern.append(f"({_VALUE})")
        else:
            pattern.append(_SPECIAL.sub(r"\\\g<0>", text))
    return Layout("".join([*pattern, "$"]), tuple(columns), tuple(extra)) if columns else None


def _parts(line: str) -> Iterator[tuple[str, str, FieldPath | None]]:
    """The parts of a line: their kind, their text, and the path to them where they are values."""
    place, above, key, is_key = 0, list[str](), "", False
    while place < len(line):
        found = _PART.match(line, place)
        if found is None:
            yield "other", line[place:], None
            return
        kind, text = str(found.lastgroup), found[0]
        place = found.end()
        if kind == "text" and is_key:
            key, is_key = text[1:-1], False
            yield "key", text, None
        elif kind in ("text", "plain", "array"):
            yield kind, text, (*above[1:], key)
        else:
            yield kind, text, None
        if text == "{":
            above, is_key = [*above, key], True
        elif text == "}":
            above = above[:-1]
        elif text == ",":
            is_key = True


def extract(lines: pl.Series, layout: Layout) -> pl.DataFrame | None:
    """The values of each line as they are written, all null where it is of another layout; None where the layout is too
    large for a regular expression."""
    pieces = [lines.slice(start, size) for start, size in _pieces(len(lines))]
    names = {str(place): name for place, name in enumerate(layout.columns, start=1)}
    try:
        with ThreadPoolExecutor(len(pieces)) as threads:
            groups = list(threads.map(lambda piece: piece.str.extract_groups(layout.pattern), pieces))
    except pl.exceptions.ComputeError:
        return None
    found: pl.DataFrame = pl.concat([each.struct.unnest() for each in groups])
    return found.rename(names)


def _pieces(lines: int) -> list[tuple[int, int]]:
    count = max(1, min(os.cpu_count() or 1, lines // _PIECE_LINES))
    size = -(-lines // count)
    return [(start, size) for start in range(0, max(lines, 1), max(size, 1))]
