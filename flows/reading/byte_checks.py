"""Questions about all bytes of a body, answered without looking at its lines one by one."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

_SMALL_BYTES = 1 << 16
"""Below it Python's own bytes methods win: the others cost some microseconds a call."""
_LF, _CR = 10, 13


@dataclass(frozen=True)
class LineEnds:
    r"""The line ends of a body.

    Args:
        count: how many \n there are.
        even: whether each \r belongs to a \r\n and no line is empty.
    """

    count: int
    even: bool


def count_lines(body: bytes) -> int:
    r"""How many \n there are."""
    if len(body) < _SMALL_BYTES:
        return body.count(b"\n")
    return int((_codes(body) == _LF).sum())


def line_ends(body: bytes) -> LineEnds:
    """Count the line ends, and see whether they are as they should be."""
    returns = b"\r" in body
    if len(body) < _SMALL_BYTES:
        lone = returns and (b"\n\r\n" in body or body.count(b"\r") != body.count(b"\r\n"))
        return LineEnds(body.count(b"\n"), not lone and b"\n\n" not in body)
    codes = _codes(body)
    feeds = codes == _LF
    before, after = feeds.head(-1), feeds.slice(1)
    even = not (before & after).any()
    if returns:
        carriages = codes == _CR
        paired = (carriages.head(-1) & after).sum()
        even = even and carriages.sum() == paired and not (before & carriages.slice(1)).any()
    return LineEnds(int(feeds.sum()), even)


def is_utf8(body: bytes) -> bool:
    """Whether the bytes are valid UTF-8."""
    if len(body) < _SMALL_BYTES:
        try:
            body.decode()
        except UnicodeDecodeError:
            return False
        return True
    ends = pa.py_buffer(struct.pack("=qq", 0, len(body)))
    try:
        pa.LargeStringArray.from_buffers(1, ends, pa.py_buffer(body)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _codes(body: bytes) -> pl.Series:
    """The bytes as numbers, not copied."""
    return pl.Series(pa.UInt8Array.from_buffers(pa.uint8(), len(body), [None, pa.py_buffer(body)]))
