r"""Some lines of a text, by their numbers from 1 on; each ends with \n."""

from __future__ import annotations

from collections.abc import Iterable

_LEAST_BYTES, _MOST_BYTES = 1 << 10, 1 << 20
"""Line ends are counted in pieces, which is many times faster than to go to each: small ones near a wanted line, so
that many of those cost no more than the text between them."""


def line_starts(text: bytes, lines: Iterable[int]) -> dict[int, int]:
    """Line → where it begins, of those that the text has."""
    starts, place, line = dict[int, int](), 0, 1
    for wanted in sorted(set(lines)):
        place, line = _place_after(text, place, wanted - line), wanted
        if place >= len(text):
            break
        starts[wanted] = place
    return starts


def _place_after(text: bytes, place: int, ends: int) -> int:
    """What follows so many line ends; the end of the text, or beyond it, where it has fewer."""
    size = _LEAST_BYTES
    while ends and place < len(text):
        found = text.count(b"\n", place, place + size)
        if found < ends:
            place, ends, size = place + size, ends - found, min(2 * size, _MOST_BYTES)
        elif size > _LEAST_BYTES:
            size //= 2
        else:
            for _ in range(ends):
                place = text.index(b"\n", place) + 1
            ends = 0
    return place


def line_at(text: bytes, start: int) -> bytes:
    """The line that begins there, with its end."""
    end = text.find(b"\n", start)
    return text[start:] if end < 0 else text[start : end + 1]


def without_end(line: bytes) -> str:
    """A line of text without its end; bytes that are no text are escaped."""
    return line.decode("utf-8", "backslashreplace").removesuffix("\n").removesuffix("\r")
