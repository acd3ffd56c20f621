"""The levels of a table: by what one groups and filters, and what each is made from.

The sources are a closed set: whoever compiles a level matches all of them, so that one which an engine does not know is
a type error, and never another one's values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

import polars as pl

from flows.model.types import ColumnType
from flows.model.types.periods import PeriodType


@dataclass(frozen=True)
class OwnColumn:
    """A column of the table, as it is."""

    column: str


@dataclass(frozen=True)
class CalendarPart:
    """The days of a column of dates or moments, or the periods in which they lie.

    Args:
        column: the column.
        zone: the zone whose clocks say which day it is; None where the column has none.
        period: the periods; None for the days themselves.
    """

    column: str
    zone: str | None = None
    period: PeriodType | None = None


@dataclass(frozen=True)
class Joined:
    """A level of a joined table, of the row there that has the key.

    Args:
        join: the name of the join.
        columns: the columns here that hold that key.
        level: the level there.
        missing: what stands where no row has the key; None where the level has no texts, and it is null.
    """

    join: str
    columns: tuple[str, ...]
    level: Level
    missing: str | None


type LevelSource = OwnColumn | CalendarPart | Joined


@dataclass(frozen=True)
class Level:
    """Something by which one groups and filters; or a number of a joined table, which is made in the same way.

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
        """The column of the table that its values are made from, or the first of those that find them."""
        return self.columns[0]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table that its values are made from, or that find them."""
        match self.source:
            case OwnColumn(column) | CalendarPart(column):
                return (column,)
            case Joined(columns=columns):
                return columns
            case _:
                assert_never(self.source)

    @property
    def references(self) -> tuple[str, ...]:
        """The joined tables from which its values come, the first one first: `Product`, `Product.Supplier`."""
        match self.source:
            case OwnColumn() | CalendarPart():
                return ()
            case Joined(join, _, level):
                return (join, *(f"{join}.{name}" for name in level.references))
            case _:
                assert_never(self.source)

    @property
    def is_column(self) -> bool:
        """Whether it is a column as it is."""
        return isinstance(self.source, OwnColumn)

    def is_made_of(self, column: str) -> bool:
        """Whether its values say something of those of a column of the table itself."""
        return not isinstance(self.source, Joined) and self.column == column

    @property
    def expression(self) -> pl.Expr:
        """Its values, in the type of the frame, from rows of the table; those of joined tables stand in them already
        (`cube/joined_rows.py`)."""
        match self.source:
            case OwnColumn(column):
                return pl.col(column)
            case CalendarPart(column, zone, period):
                local = pl.col(column) if zone is None else pl.col(column).dt.convert_time_zone(zone)
                days = local.dt.date()
                return days if period is None else period.names(period.numbers(days))
            case Joined():
                return pl.col(self.name)
            case _:
                assert_never(self.source)
