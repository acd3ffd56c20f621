"""Whether a file has the end that its own format gives it: one of which half is there has none."""

from __future__ import annotations

import os

from flows.landing.tree import open_regular_file
from flows.model.formats import End

_TAIL_BYTES = (1 << 16) + 22
"""Within so many bytes of a zip's end its directory says that it ends: there may be a comment behind it.

Source: APPNOTE.TXT 4.3.16."""
_ZIP_END = b"PK\x05\x06"
_ZIP_END_BYTES = 22

ENDINGS: dict[End, str] = {
    "text": "its last line to end",
    "parquet": "its end: a whole Parquet file ends with PAR1",
    "zip": "its end: a whole workbook or archive ends with a directory of what is in it",
}
"""What a file waits for that has no such end."""


def has_own_end(root: bytes, path: bytes, end: End) -> bool:
    """Whether a file ends as it should. One that does not begin like its format is none of it, and has no such end to
    wait for; nor has one that cannot be read, of which the reading says why."""
    try:
        with open_regular_file(root, path) as (file, signature):
            size = signature.size_bytes
            match end:
                case "text":
                    return os.pread(file, 1, size - 1) in (b"\n", b"\r")
                case "parquet":
                    return os.pread(file, 4, 0) != b"PAR1" or (size >= 12 and os.pread(file, 4, size - 4) == b"PAR1")
                case "zip":
                    start = max(size - _TAIL_BYTES, 0)
                    return os.pread(file, 4, 0) != b"PK\x03\x04" or _ends_a_zip(os.pread(file, _TAIL_BYTES, start))
    except OSError:
        return end != "text"


def _ends_a_zip(tail: bytes) -> bool:
    place = tail.rfind(_ZIP_END)
    while place >= 0:
        end = place + _ZIP_END_BYTES
        if end <= len(tail) and end + int.from_bytes(tail[end - 2 : end], "little") == len(tail):
            return True
        place = tail.rfind(_ZIP_END, 0, place)
    return False
