"""Decisions as text that is small enough to lie in the footer of each segment.

Column by column: a column of which all values are equal is that value, one of integers is the first and the steps from
each to the next, and any other is the list of its values. That is JSON, deflated with what is in most of it known
beforehand. The digests, which nothing makes smaller, follow as they are.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Sequence
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
_COMMON = (
    b'"superseded",null,null,"unloaded","deleted","request","lost","renamed","duplicate","quarantined","loaded",'
    b'{"+":[0,0,0,0,1,1,1,1]},false,true,.csv",[[1,1,"staged",1,1,"2026-01-01T00:00:00.000+00:00",null],'
    b'[1,1,"2026-01-01.csv",1,1,1,1,1,17600000000,17600000000,1],[],[1,1,1,"",1,1,17600000000,"staged",null,null,1,0,0,0,'
    b'null,0,1,"2026-01-01T00:00:00.000+00:00","2026-01-01T00:00:00.000+00:00",null,null]]'
)
"""What the text of one file is like; a text can only be parsed with the same. So small a one is half as long for it."""
_RAW = -zlib.MAX_WBITS
"""Without a checksum."""
_SHORT_BYTES = 4_096
_SHORT, _LONG = "s", "l"
"""A short text has the denser alphabet, which takes ten microseconds more for each file."""


def decisions_text(decisions: Decisions, written_utc: str) -> str:
    """Decisions as text of one line; nothing in it tells a damaged one.

    Args:
        decisions: the rows.
        written_utc: about the time that is in them, which has to be known to parse them.
    """
    tables = [_columns(kind, rows) for kind, rows in zip(_KINDS, vars(decisions).values(), strict=True)]
    while tables and not tables[-1]:
        tables.pop()
    deflate = zlib.compressobj(wbits=_RAW, zdict=_COMMON + written_utc.encode())
    small = deflate.compress(json.dumps(tables, separators=(",", ":")).encode()) + deflate.flush()
    return _text(small + b"".join(row.digest for row in decisions.versions))


def parse_decisions(text: str, written_utc: str) -> Decisions:
    """Decisions from their text.

    Raises:
        ValueError, TypeError, IndexError, zlib.error: it is none.
    """
    inflate = zlib.decompressobj(wbits=_RAW, zdict=_COMMON + written_utc.encode())
    tables = json.loads(inflate.decompress(_bytes(text)))
    rest = inflate.unused_data
    digests = (rest[at : at + _DIGEST_BYTES] for at in range(0, len(rest), _DIGEST_BYTES))
    return Decisions(*(_rows(kind, columns, digests) for kind, columns in zip(_KINDS, tables, strict=False)))


def _text(whole: bytes) -> str:
    if len(whole) <= _SHORT_BYTES:
        return _SHORT + base64.b85encode(whole).decode()
    return _LONG + base64.b64encode(whole).decode()


def _bytes(text: str) -> bytes:
    if text.startswith(_SHORT):
        return base64.b85decode(text[1:])
    return base64.b64decode(text[1:], validate=True)


def _columns(kind: type[Any], rows: Sequence[Any]) -> list[Any]:
    """How many rows there are, and their columns; nothing where there are none."""
    if not rows:
        return []
    columns = dict(zip(kind._fields, zip(*rows, strict=True), strict=True))
    columns.pop(_DIGEST, None)
    if _PATH in columns:
        columns[_PATH] = tuple(path.decode("utf-8", "surrogateescape") for path in columns[_PATH])
    cells = [_column(values) for values in columns.values()]
    while cells[-1] is None:
        cells.pop()
    return [len(rows), *cells]


def _column(values: Sequence[Any]) -> Any:
    first = values[0]
    if all(value == first for value in values):
        return int(first) if isinstance(first, bool) else first
    if all(type(value) is int for value in values):
        return {_STEPS: [first, *(after - before for before, after in pairwise(values))]}
    return values


def _rows(kind: type[Any], columns: list[Any], digests: Iterable[bytes]) -> list[Any]:
    if not columns:
        return []
    count = columns[0]
    names = [name for name in kind._fields if name != _DIGEST]
    cells = zip_longest(names, columns[1:])  # a null at the end is not written
    values = {name: _values(column, count) for name, column in cells}
    if _PATH in values:
        values[_PATH] = [path.encode("utf-8", "surrogateescape") for path in values[_PATH]]
    if _DIGEST in kind._fields:
        values[_DIGEST] = [digest for _, digest in zip(range(count), digests, strict=False)]
    return [kind._make(row) for row in zip(*(values[name] for name in kind._fields), strict=True)]


def _values(column: Any, count: int) -> Sequence[Any]:
    if isinstance(column, list):
        return column
    if isinstance(column, dict):
        return list(accumulate(column[_STEPS]))
    return [column] * count
