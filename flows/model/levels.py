"""The levels of a table: by what one groups and filters, and what each is made from.

The sources are a closed set: whoever compiles a level matches all of them, so that one which an engine does not know is
a type error, and never another one's values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

import polars as pl

from flows.model.types import ColumnType


@dataclass(frozen=True)
class OwnColumn:
    """A column of the table, as it is."""

    column: str


type LevelSource = OwnColumn


@dataclass(frozen=True)
class Level:
    """Something by which one groups and filters.

    Args:
        name: its name, the only one of this name in its table.
        type: the type of its values, in which they are compared, sorted and answered.
        source: what they are made from.
        nullable: whether they may be null.
    """

    name: str
    type: ColumnType
    source: LevelSource
    nullable: bool = False

    @property
    def column(self) -> str:
        """The column of the table that its values are made from."""
        match self.source:
            case OwnColumn(column):
                return column
            case _:
                assert_never(self.source)

    @property
    def is_column(self) -> bool:
        """Whether it is a column as it is."""
        return isinstance(self.source, OwnColumn)

    @property
    def expression(self) -> pl.Expr:
        """Its values, in the type of the frame, from rows of the table."""
        match self.source:
            case OwnColumn(column):
                return pl.col(column)
            case _:
                assert_never(self.source)
