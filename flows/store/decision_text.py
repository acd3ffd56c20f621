"""Decisions as text that is small enough to lie in the footer of each segment.

Column by column: one that equals an earlier column is the number of that one, one of which all values are equal is that
value, one of integers is the first and the steps from each to the next, and any other is the list of its values. That
is JSON, deflated with what is in most of it known beforehand. Numbers that stand alone for a column would be most of
what is left then: they follow in bytes, and the digests, which nothing makes smaller, after them.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise, zip_longest
from typing import Any

from flows.store.decisions import (
    ActionRow,
    BatchRow,
    Decisions,
    Disowned,
    Moved,
    PathRow,
    Restated,
    UnseenPathRow,
    VersionRow,
)
from flows.store.number_bytes import number_bytes, numbers_in

_KINDS: tuple[type[Any], ...] = (
    BatchRow,
    PathRow,
    UnseenPathRow,
    VersionRow,
    Moved,
    Disowned,
    Restated,
    ActionRow,
)
"""In the order of the fields of `Decisions`. New columns, which may be null, and kinds are added at the end."""
_PATH = "path"
_DIGEST = "digest"
_DIGEST_BYTES = 32
_STEPS = "+"
_SAME = "="
_NUMBER = True
"""In place of a number that follows after the JSON; a column that is a truth is written as 0 or 1."""
_PLAIN: tuple[Any, ...] = (None, 0, 1, "")
"""Values that are always written as they are: that other columns have the same says nothing."""
_FORMER_COMMON = (
    b'"superseded",null,null,"unloaded","deleted","request","lost","renamed","duplicate","quarantined","loaded",'
    b'{"+":[0,0,0,0,1,1,1,1]},false,true,.csv",[[1,1,"staged",1,1,"2026-01-01T00:00:00.000+00:00",null],'
    b'[1,1,"2026-01-01.csv",1,1,1,1,1,17600000000,17600000000,1],[],[1,1,1,"",1,1,17600000000,"staged",null,null,1,0,0,0,'
    b'null,0,1,"2026-01-01T00:00:00.000+00:00","2026-01-01T00:00:00.000+00:00",null,null]]'
)
"""As `_COMMON`, for texts in which each number stands as it is."""
_COMMON = (
    b'"superseded",null,null,"unloaded","deleted","request","lost","renamed","duplicate","quarantined","loaded",'
    b'{"+":[0,0,0,0,1,1,1,1]},[[1,true,"staged",1,true,"2026-01-01T00:00:00.000+00:00"],[1,true,"2026-01-01.csv",'
    b'{"=":[1,0]},{"=":[1,0]},{"=":[1,0]},1,true,true,true,true],[],[1,{"=":[1,0]},{"=":[1,0]},"",{"=":[1,0]},'
    b'{"=":[1,6]},{"=":[1,7]},{"=":[0,1]},null,null,{"=":[0,3]},0,0,0,null,0,{"=":[0,0]},'
    b'"2026-01-01T00:00:00.000+00:00",{"=":[0,4]}]]'
)
"""What the text of one file is like; a text can only be parsed with the same. So small a one is half as long for it."""
_RAW = -zlib.MAX_WBITS
"""Without a checksum."""
_SHORT_BYTES = 4_096
_SHORT, _LONG = "d", "e"
"""A short text has the denser alphabet, which takes ten microseconds more for each file."""
_FORMER_SHORT, _FORMER_LONG = "s", "l"

_Known = dict[tuple[int, int], Sequence[Any]]
"""Columns by the numbers of their kind and of themselves in it."""


def decisions_text(decisions: Decisions, written_utc: str) -> str:
    """Decisions as text of one line; nothing in it tells a damaged one.

    Args:
        decisions: the rows.
        written_utc: about the time that is in them, which has to be known to parse them.
    """
    known: _Known = {}
    numbers: list[int] = []
    tables = [
        _columns(at, kind, rows, known, numbers)
        for at, (kind, rows) in enumerate(zip(_KINDS, vars(decisions).values(), strict=True))
    ]
    while tables and not tables[-1]:
        tables.pop()
    deflate = zlib.compressobj(wbits=_RAW, zdict=_COMMON + written_utc.encode())
    small = deflate.compress(json.dumps(tables, separators=(",", ":")).encode()) + deflate.flush()
    return _text(small + number_bytes(numbers) + b"".join(row.digest for row in decisions.versions))


def parse_decisions(text: str, written_utc: str) -> Decisions:
    """Decisions from their text.

    Raises:
        ValueError, TypeError, LookupError, zlib.error: it is none.
    """
    common = _FORMER_COMMON if text.startswith((_FORMER_SHORT, _FORMER_LONG)) else _COMMON
    inflate = zlib.decompressobj(wbits=_RAW, zdict=common + written_utc.encode())
    tables = json.loads(inflate.decompress(_bytes(text)))
    rest, at = inflate.unused_data, _KINDS.index(VersionRow)
    digests_at = len(rest) - _DIGEST_BYTES * (tables[at][0] if tables[at:] and tables[at] else 0)
    digests = (rest[at : at + _DIGEST_BYTES] for at in range(digests_at, len(rest), _DIGEST_BYTES))
    numbers, known = numbers_in(rest[:digests_at]), _Known()
    parsed = (
        _rows(at, kind, columns, known, numbers, digests)
        for at, (kind, columns) in enumerate(zip(_KINDS, tables, strict=False))
    )
    return Decisions(*parsed)


def _text(whole: bytes) -> str:
    if len(whole) <= _SHORT_BYTES:
        return _SHORT + base64.b85encode(whole).decode()
    return _LONG + base64.b64encode(whole).decode()


def _bytes(text: str) -> bytes:
    if text.startswith((_SHORT, _FORMER_SHORT)):
        return base64.b85decode(text[1:])
    return base64.b64decode(text[1:], validate=True)


def _columns(table: int, kind: type[Any], rows: Sequence[Any], known: _Known, numbers: list[int]) -> list[Any]:
    """How many rows there are, and their columns; nothing where there are none."""
    if not rows:
        return []
    columns = dict(zip(kind._fields, zip(*rows, strict=True), strict=True))
    columns.pop(_DIGEST, None)
    if _PATH in columns:
        columns[_PATH] = tuple(path.decode("utf-8", "surrogateescape") for path in columns[_PATH])
    cells = []
    for at, values in enumerate(columns.values()):
        cells.append(_column(values, known, numbers))
        known[table, at] = values
    while cells[-1] is None:
        cells.pop()
    return [len(rows), *cells]


def _column(values: Sequence[Any], known: _Known, numbers: list[int]) -> Any:
    first = values[0]
    is_one = all(value == first for value in values)
    if is_one and first in _PLAIN:
        return int(first) if isinstance(first, bool) else first
    same = next((at for at, before in known.items() if before == values), None)
    if same is not None:
        return {_SAME: same}
    if is_one and type(first) is int:
        numbers.append(first)
        return _NUMBER
    if is_one:
        return first
    if all(type(value) is int for value in values):
        return {_STEPS: [first, *(after - before for before, after in pairwise(values))]}
    return values


def _rows(
    table: int, kind: type[Any], columns: list[Any], known: _Known, numbers: Iterator[int], digests: Iterable[bytes]
) -> list[Any]:
    if not columns:
        return []
    count = columns[0]
    names = [name for name in kind._fields if name != _DIGEST]
    values: dict[str, Sequence[Any]] = {}
    for at, (name, column) in enumerate(zip_longest(names, columns[1:])):  # a null at the end is not written
        known[table, at] = values[name] = _values(column, count, known, numbers)
    if _PATH in values:
        values[_PATH] = [path.encode("utf-8", "surrogateescape") for path in values[_PATH]]
    if _DIGEST in kind._fields:
        values[_DIGEST] = [digest for _, digest in zip(range(count), digests, strict=False)]
    return [kind._make(row) for row in zip(*(values[name] for name in kind._fields), strict=True)]


def _values(column: Any, count: int, known: _Known, numbers: Iterator[int]) -> Sequence[Any]:
    if isinstance(column, list):
        return column
    if isinstance(column, dict) and _SAME in column:
        table, at = column[_SAME]
        return known[table, at]
    if isinstance(column, dict):
        return list(accumulate(column[_STEPS]))
    return [_next(numbers) if column is _NUMBER else column] * count


def _next(numbers: Iterator[int]) -> int:
    for number in numbers:
        return number
    raise ValueError("a number is missing")
