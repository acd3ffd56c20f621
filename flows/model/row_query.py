"""What to ask of the rows behind a number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from flows.errors import QueryError
from flows.model.conditions import Condition
from flows.model.query import Query
from flows.model.tables import Table


@dataclass(frozen=True)
class RowQuery:
    """Some of the rows of one table, in the order in which their files came, and of each file in that of its lines.

    Rows of one line, which `prepare` may have made, come in the order of their values, column by column, nulls first.

    Args:
        table: the table's name.
        where: as in `Query`.
        limit: how many at most.
        offset: how many are left out before.
    """

    table: str
    where: tuple[Condition, ...] = ()
    limit: int = 1_000
    offset: int = 0

    def checked(self, model: Iterable[Table]) -> Table:
        """The table asked for; raises QueryError if the query names what the model does not have."""
        for name, number, least in (("limit", self.limit, 1), ("offset", self.offset, 0)):
            if number < least:
                raise QueryError(f"The {name} cannot be used", next_step=f"make it {least} or more", got=number)
        return Query(self.table, ("contributors.COUNT",), where=self.where).checked(model)


@dataclass(frozen=True)
class RowPage:
    """Rows of a table, and how many there are in all.

    Args:
        rows: the table's columns, `_version` and `_line`.
        count: of all rows that the query means, whatever its limit and offset.
    """

    rows: pl.DataFrame
    count: int
