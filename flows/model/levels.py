"""The levels of a table: by what one groups and filters, and what each is made from.

The sources are a closed set: whoever compiles a level matches all of them, so that one which an engine does not know is
a type error, and never another one's values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never

import polars as pl

from flows.errors import QueryError
from flows.model.types import ColumnType
from flows.model.types.periods import PeriodType

SOURCE = "Source"
"""What the levels of a row's file are called by."""


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
class SourceFact:
    """What is known of the file that a row came in, and is the same for all rows of it.

    Args:
        fact: its name, as the rows behind a number have it, or the day on which it was loaded.
    """

    fact: Literal["file", "loaded"]


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


type LevelSource = OwnColumn | CalendarPart | SourceFact | Joined


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
    def columns(self) -> tuple[str, ...]:
        """The columns of the table that its values are made from, or that find them; none where its rows do not say
        them."""
        match self.source:
            case OwnColumn(column) | CalendarPart(column):
                return (column,)
            case Joined(columns=columns):
                return columns
            case SourceFact():
                return ()
            case _:
                assert_never(self.source)

    @property
    def references(self) -> tuple[str, ...]:
        """The joined tables from which its values come, the first one first: `Product`, `Product.Supplier`."""
        match self.source:
            case OwnColumn() | CalendarPart() | SourceFact():
                return ()
            case Joined(join, _, level):
                return (join, *(f"{join}.{name}" for name in level.references))
            case _:
                assert_never(self.source)

    @property
    def missing(self) -> tuple[str, ...]:
        """What stands where a joined table has no row, of each table in which one is looked for."""
        match self.source:
            case OwnColumn() | CalendarPart() | SourceFact():
                return ()
            case Joined(_, _, level, missing):
                return level.missing if missing is None else (missing, *level.missing)
            case _:
                assert_never(self.source)

    @property
    def origin(self) -> tuple[str, ...]:
        """What its values are made from: the same for a day and the periods in which it lies."""
        match self.source:
            case OwnColumn(column) | CalendarPart(column):
                return (column,)
            case Joined(join, _, level):
                return (join, *level.origin)
            case SourceFact(fact):
                return (SOURCE, fact)
            case _:
                assert_never(self.source)

    @property
    def is_column(self) -> bool:
        """Whether it is a column as it is."""
        return isinstance(self.source, OwnColumn)

    def is_made_of(self, column: str) -> bool:
        """Whether its values say something of those of a column of the table itself."""
        return not isinstance(self.source, Joined) and column in self.columns

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
            case SourceFact():
                raise QueryError(
                    f"{self.name} is of the files of rows, which cannot be asked here",
                    next_step="name a column; by this, the embedded engine alone answers questions",
                )
            case Joined():
                return pl.col(self.name)
            case _:
                assert_never(self.source)
