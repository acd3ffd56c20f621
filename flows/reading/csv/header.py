"""The first line of a file against the header that the dataset declares."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence

from flows.model.files import first_names
from flows.reading.refusal import FileRefused

MAX_HEADER_CHARS = 1 << 16
"""A longer first line is no header, unless the dataset declares one as long: what differs in it is not looked for."""
_NAMED = 5
_NAME_CHARS = 40
_WANTED_CHARS = 300
"""Of the header that is declared, so that there is room for what differs."""
_OTHER_DELIMITERS = ",;\t|:"


def split_header(line: str, delimiter: str) -> tuple[str, ...]:
    """The names in a header line; unusable quotes leave the line in one piece."""
    try:
        return tuple(next(csv.reader([line], delimiter=delimiter, strict=True), ()))
    except csv.Error:
        return (line,)


def check_header(line: str, expected: tuple[str, ...], delimiter: str) -> None:
    """Refuse a file whose first line does not hold exactly the expected names, and say how it differs."""
    wanted = delimiter.join(expected)
    most = max(MAX_HEADER_CHARS, 2 * len(wanted))
    wanted = wanted[:_WANTED_CHARS]
    if len(line) > most:
        limit = f"a first line of at most {most} characters, got {len(line)}"
        raise FileRefused("header", line=1, raw=line, expected=f"{wanted} ({limit})")
    got = split_header(line, delimiter)
    if got == expected:
        return
    if "\r" in line:
        raise FileRefused("line_end", line=1, raw=line, expected=r"lines that end with \n or \r\n")
    raise FileRefused("header", line=1, raw=line, expected=f"{wanted} ({_difference(line, got, expected)})")


def _difference(line: str, got: tuple[str, ...], expected: tuple[str, ...]) -> str:
    if line.lstrip().startswith("<"):
        return "this looks like an HTML or XML page"
    for delimiter in _OTHER_DELIMITERS:
        if len(expected) > 1 and split_header(line, delimiter) == expected:
            return f"the delimiter is {delimiter!r}"
    if sorted(got) == sorted(expected):
        return "the columns are in another order"
    if tuple(name.casefold() for name in got) == tuple(name.casefold() for name in expected):
        return "upper and lower case differ"
    if tuple(name.strip() for name in got) == expected:
        return "there are blanks around names"
    if not set(got) & set(expected):
        return "the header is missing"
    return _names(got, expected)


def _names(got: tuple[str, ...], expected: tuple[str, ...]) -> str:
    counts, wanted = Counter(got), set(expected)
    differences = {
        "twice": sorted(name for name, count in counts.items() if count > 1),
        "missing": [name for name in expected if name not in counts],
        "extra": [name for name in got if name not in wanted],
    }
    return "; ".join(f"{what}: {_first(names)}" for what, names in differences.items() if names)


def _first(names: Sequence[str]) -> str:
    return first_names([name[:_NAME_CHARS] for name in names], _NAMED)
