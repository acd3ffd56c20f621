"""The parts of a large text by which it is understood: its head, its tail, and some between them."""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

BETWEEN = 8
"""Parts between head and tail, which have a quarter each."""


def read_parts(file: Path, most_bytes: int) -> bytes | None:
    """Whole lines of a large text, in their order; None where it has to be read as a whole.

    Args:
        file: which is larger than that.
        most_bytes: about so much of it.
    """
    with file.open("rb") as body:
        parts = [*_parts(body, file.stat().st_size, most_bytes)]
    if not parts[0] or parts[0].startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return None
    return b"".join(parts)


def _parts(body: BinaryIO, size: int, most_bytes: int) -> Iterator[bytes]:
    quarter, each = most_bytes // 4, most_bytes // 2 // BETWEEN
    yield _to_line_end(body.read(quarter))
    for number in range(BETWEEN):
        body.seek(quarter + (size - 2 * quarter - each) * number // BETWEEN)
        yield _to_line_end(_from_line(body.read(each)))
    body.seek(size - quarter)
    yield _from_line(body.read())


def _from_line(part: bytes) -> bytes:
    return part[part.find(b"\n") + 1 :]


def _to_line_end(part: bytes) -> bytes:
    return part[: part.rfind(b"\n") + 1]
