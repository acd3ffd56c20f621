"""The lines of a text, those that are no UTF-8 left out."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from flows.model.finding_frame import NOTES, make_notes, shorten
from flows.model.tables import FILE, LINE
from flows.reading.byte_checks import is_utf8
from flows.reading.refusal import FileRefused

TEXT = "text"
_LF = 10


@dataclass(frozen=True)
class Lines:
    """The lines of a file.

    Args:
        frame: `_line` and the text of each with its line end.
        count: how many there are, those included that are not in the frame.
        notes: what is found in those.
    """

    frame: pl.DataFrame
    count: int
    notes: pl.DataFrame


def split_lines(body: bytes) -> Lines:
    """The lines of a file.

    Raises:
        FileRefused: there are none.
    """
    if not body.strip():
        raise FileRefused("empty", raw=f"{len(body)} bytes", expected="a JSON object on each line")
    body = body.removeprefix(codecs.BOM_UTF8)
    body = body if body.endswith(b"\n") else body + b"\n"
    bad = dict[int, str]()
    if not is_utf8(body):
        body, bad = _without_bad_lines(body)
    texts = _texts(body)
    frame = pl.DataFrame([pl.int_range(1, len(texts) + 1, dtype=pl.UInt32, eager=True).alias(LINE), texts])
    if not bad:
        return Lines(frame, len(texts), NOTES.to_frame())
    notes = make_notes(
        pl.DataFrame({LINE: list(bad), "raw": list(bad.values())}),
        **{FILE: pl.lit(0)},
        rule=pl.lit("encoding"),
        expected=pl.lit("text in UTF-8"),
    )
    return Lines(frame.filter(~pl.col(LINE).is_in(list(bad))), len(texts), notes)


def _without_bad_lines(body: bytes) -> tuple[bytes, dict[int, str]]:
    """The text with nothing in the lines that are no UTF-8, and what is in those."""
    lines, bad = body.split(b"\n"), dict[int, str]()
    for place, line in enumerate(lines):
        try:
            line.decode()
        except UnicodeDecodeError:
            lines[place], bad[place + 1] = b"", shorten(repr(line))
    return b"\n".join(lines), bad


def _texts(body: bytes) -> pl.Series:
    """Each line with its end, not copied."""
    codes = pl.Series(pa.UInt8Array.from_buffers(pa.uint8(), len(body), [None, pa.py_buffer(body)]))
    ends = ((codes == _LF).arg_true() + 1).cast(pl.Int64)
    offsets = pl.concat([pl.Series([0], dtype=pl.Int64), ends]).to_numpy()
    return pl.Series(TEXT, pa.LargeStringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(body)))
