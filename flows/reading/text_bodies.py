"""The text of files, which may be compressed."""

from __future__ import annotations

from flows.reading.decompression import check_size, unpack
from flows.validation.cost import Cost


def open_text(body: bytes, max_bytes: int, cost: Cost) -> bytes:
    """A text, decompressed.

    Args:
        body: the file's bytes.
        max_bytes: a larger one is refused.
        cost: what the files of its dataset may cost.

    Raises:
        FileRefused: it is too large, or no text.
        TooCostly: it does not fit into memory, whatever it holds.
    """
    check_size(len(body), max_bytes)
    text = unpack(body, max_bytes, cost.most_bytes)
    cost.check_size(len(text))
    return text
