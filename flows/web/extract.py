"""Rows on their way out of the cube into a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import pyarrow as pa

from flows.model.types import ColumnType

BATCH_ROWS = 1 << 16
"""Rows that are written at once."""


@dataclass(frozen=True)
class Extract:
    """The rows of an answer, and what is known of them.

    Args:
        columns: their types, in order.
        frames: the rows, some at a time, each with these columns.
        facts: what else is said of them, in JSON types: `dataset`, and of a question `measures` and `count`.
    """

    columns: Mapping[str, ColumnType]
    frames: Iterable[pl.DataFrame]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, frame: pl.DataFrame, columns: Mapping[str, ColumnType], facts: Mapping[str, Any]) -> Extract:
        """All rows of one frame."""
        return cls(columns, frame.iter_slices(BATCH_ROWS), facts)

    def arrow_of(self, frame: pl.DataFrame) -> pa.Table:
        """Some of the rows as other programs read them: texts and numbers in the plain types of Arrow."""
        return frame.select(each.portable(pl.col(name)) for name, each in self.columns.items()).to_arrow()

    @property
    def empty(self) -> pl.DataFrame:
        """None of the rows."""
        return pl.DataFrame(schema={name: each.frame for name, each in self.columns.items()})
