"""Lines that no reader can make a row of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from flows.model.finding_frame import lines_by_file, with_notes
from flows.model.findings import FileFindings
from flows.reading.physical_lines import line_at, line_starts


def with_refused_lines(found: Sequence[FileFindings], notes: pl.DataFrame) -> tuple[FileFindings, ...]:
    """What is found in each file with the notes on its lines, each of which is refused."""
    if notes.is_empty():
        return tuple(found)
    lines = lines_by_file(notes)
    return tuple(
        replace(each, refused=len(lines[file]), refused_lines=tuple(lines[file])) if file in lines else each
        for file, each in enumerate(with_notes(found, notes))
    )


def cut_lines(body: bytes, lines: Sequence[int]) -> bytes:
    """Physical lines of a text, as they stand in it."""
    starts = line_starts(body, lines)
    return b"".join(line_at(body, starts[line]) for line in lines if line in starts)
