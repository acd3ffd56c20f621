"""Where a row ends that may go over several lines."""

from __future__ import annotations

import re

from flows.reading.csv.dialect import Dialect


class RecordExtent:
    """Where the sound rows of a text end: a line whose quotes do not pair up by themselves goes on below.

    Args:
        dialect: the marks of the files.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._quote = dialect.quote.encode() if dialect.multiline and dialect.quote else None
        self._escaped = re.compile(re.escape(dialect.escape).encode() + b".", re.DOTALL) if dialect.escape else None

    def end(self, text: bytes, start: int) -> int:
        """The end of the row that begins at `start`, behind the end of its last line."""
        is_open, place = False, start
        while place < len(text):
            after = text.find(b"\n", place) + 1 or len(text)
            is_open ^= self._opens_or_closes(text[place:after])
            place = after
            if not is_open:
                break
        return place

    def _opens_or_closes(self, line: bytes) -> bool:
        if self._quote is None:
            return False
        unescaped = line if self._escaped is None else self._escaped.sub(b"", line)
        return unescaped.count(self._quote) % 2 == 1
