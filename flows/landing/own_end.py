"""Whether a file has the end that its own format gives it: one of which half is there has none."""

from __future__ import annotations

import os
from dataclasses import dataclass

from flows.landing.packed_end import has_packed_end, is_packed
from flows.landing.tree import open_regular_file
from flows.model.formats import End

_TAIL_BYTES = (1 << 16) + 22
"""Within so many bytes of a zip's end its directory says that it ends: there may be a comment behind it.

Source: APPNOTE.TXT 4.3.16."""
_ZIP_END = b"PK\x05\x06"
_ZIP_END_BYTES = 22
_HEAD_BYTES = 6

PACKED_END = "its end: a whole compressed file says itself where it ends"
_LINE_END = "its last line to end"
_ENDINGS: dict[End, str] = {
    "text": PACKED_END,
    "parquet": "its end: a whole Parquet file ends with PAR1",
    "zip": "its end: a whole workbook or archive ends with a directory of what is in it",
}
"""What a file waits for that has no such end."""


@dataclass(frozen=True)
class MissingEnd:
    """The end that a file does not have.

    Args:
        words: what it waits for.
        must_come: whether it is never complete without it; a text may end without a line end.
    """

    words: str
    must_come: bool


def find_missing_end(root: bytes, path: bytes, end: End) -> MissingEnd | None:
    """What a file lacks that ends otherwise than it should. One that does not begin like its format is none of it, and
    has no such end to wait for; nor has one that cannot be read, of which the reading says why."""
    try:
        with open_regular_file(root, path) as (file, signature):
            size, head = signature.size_bytes, os.pread(file, _HEAD_BYTES, 0)
            if end == "text" and not is_packed(head):
                return None if os.pread(file, 1, size - 1) in (b"\n", b"\r") else MissingEnd(_LINE_END, must_come=False)
            return None if _has_own_end(file, size, head, end) else MissingEnd(_ENDINGS[end], must_come=True)
    except OSError:
        return MissingEnd(_LINE_END, must_come=False) if end == "text" else None


def _has_own_end(file: int, size: int, head: bytes, end: End) -> bool:
    match end:
        case "text":
            return has_packed_end(file, size, head)
        case "parquet":
            return not head.startswith(b"PAR1") or (size >= 12 and os.pread(file, 4, size - 4) == b"PAR1")
        case "zip":
            start = max(size - _TAIL_BYTES, 0)
            return not head.startswith(b"PK\x03\x04") or _ends_a_zip(os.pread(file, _TAIL_BYTES, start))


def _ends_a_zip(tail: bytes) -> bool:
    place = tail.rfind(_ZIP_END)
    while place >= 0:
        end = place + _ZIP_END_BYTES
        if end <= len(tail) and end + int.from_bytes(tail[end - 2 : end], "little") == len(tail):
            return True
        place = tail.rfind(_ZIP_END, 0, place)
    return False
