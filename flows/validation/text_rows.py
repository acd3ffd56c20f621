"""The rows of a batch of files as text, between the gate and the checks."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from flows.model.findings import Verdict


@dataclass
class TextRows:
    """What the gate makes of a batch of files.

    Args:
        frame: the dataset's header and name columns as text, then `_file` and `_line`. The line is the
            physical one where the row starts. Refused rows are not in it.
        data_rows: data rows seen in each file, refused ones included.
        verdicts: one per file, with the findings of the gate; `refused_lines` are the lines refused so far.
        bodies: each file's bytes, decompressed but not re-encoded.
    """

    frame: pl.DataFrame
    data_rows: list[int]
    verdicts: list[Verdict]
    bodies: list[bytes]
