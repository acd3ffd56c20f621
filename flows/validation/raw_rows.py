"""The rows of a batch of files as they stand in them, between the readers and the checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from flows.model.findings import FileFindings


@dataclass(frozen=True)
class RawRows:
    """What a reader makes of a batch of files.

    Args:
        frame: the dataset's header and path columns, then `_file` and `_line`: the physical line where the row starts,
            or the number of the row where a format has no lines. A column is text, or of the type that is declared.
            Refused rows are not in it.
        data_rows: data rows seen in each file, refused ones included.
        found: what is found in each file so far.
        bodies: each file's bytes, decompressed but not re-encoded.
        multiline: whether a line end in a cell is one of the file, so that a row may stand on several lines.
    """

    frame: pl.DataFrame
    data_rows: Sequence[int]
    found: Sequence[FileFindings]
    bodies: Sequence[bytes]
    multiline: bool = False
