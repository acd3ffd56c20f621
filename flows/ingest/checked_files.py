"""What the checks hand on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from flows.model.findings import Verdict


@dataclass(frozen=True)
class CheckedFiles:
    """What the checks made of some files.

    Args:
        files: `_file` → path.
        rows: the good rows of all files, with `_file`, `_line`.
        verdicts: path → verdict.
        texts: path → the file's bytes, decompressed.
    """

    files: Sequence[bytes]
    rows: pl.DataFrame
    verdicts: Mapping[bytes, Verdict]
    texts: Mapping[bytes, bytes]
