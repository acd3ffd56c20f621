r"""Some lines of a text, by their numbers from 1 on; each ends with \n."""

from __future__ import annotations

from collections.abc import Iterable

_PIECE_BYTES = 1 << 20
"""In a piece in which no line is wanted, line ends are counted, which is many times faster than to go to each."""


def line_starts(text: bytes, lines: Iterable[int]) -> dict[int, int]:
    """Line → where it begins, of those that the text has."""
    starts, place, line = dict[int, int](), 0, 1
    for wanted in sorted(set(lines)):
        while line < wanted and place < len(text):
            end = place + _PIECE_BYTES
            ends = text.count(b"\n", place, end)
            if line + ends < wanted:
                place, line = end, line + ends
                continue
            for _ in range(wanted - line):
                place = text.index(b"\n", place) + 1
            line = wanted
        if line == wanted and place < len(text):
            starts[wanted] = place
    return starts


def line_at(text: bytes, start: int) -> bytes:
    """The line that begins there, with its end."""
    end = text.find(b"\n", start)
    return text[start:] if end < 0 else text[start : end + 1]


def without_end(line: bytes) -> str:
    """A line of text without its end; bytes that are no text are escaped."""
    return line.decode("utf-8", "backslashreplace").removesuffix("\n").removesuffix("\r")
