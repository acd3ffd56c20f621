"""Joins: reference tables, each a dataset of its own, whose rows belong to those of another one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from flows.model.declaration import require, wrong
from flows.model.tables import Table, TableJoin

MOST_DEEP = 2
"""How many joins lie behind each other."""


class Reference(Protocol):
    """A dataset, as far as its rows are joined to those of another one."""

    @property
    def table(self) -> Table:
        """Its table."""


@dataclass(frozen=True)
class Join:
    """To each row belongs the row of a reference table whose key it holds, with what that says of it.

    Args:
        to: the dataset of the reference table, one of the same installation: it has files and checks of its own.
        on: column here → column of the key there, of which it names all.
        name: what its levels and numbers are called by: `Product.Category`, `Product.Weight.SUM`; by default the column
            here, where it is one.
    """

    to: Reference
    on: Mapping[str, str] = field(hash=False)
    name: str = ""

    @property
    def of_table(self) -> TableJoin:
        """The same as the cube knows it."""
        return TableJoin(self.name or "_".join(self.on), self.to.table, tuple(self.on.items()))


def check_joins(table: Table) -> None:
    """Refuse joins of which a row here would have no row there, or several, and names that say something else already.

    Raises:
        DeclarationError: names the join, and what to make it.
    """
    types = {column.name: column.type for column in table.columns}
    for join in table.joins:
        where, there = f"joins.{join.name}", {column.name: column.type for column in join.table.columns}
        require(re.fullmatch(r"\w+", join.name) is not None, f"{where}.name", "letters and digits", join.name)
        unknown = [name for name, _ in join.on if name not in types]
        require(not unknown, f"{where}.on", f"a mapping from columns, which are {', '.join(types)}", unknown)
        keys, named = join.table.keys, [name for _, name in join.on]
        whole = bool(keys) and sorted(named) == sorted(keys)
        expected = (
            f"a mapping to the whole key of {join.table.name}, which is {', '.join(keys) or 'none: it needs one'}"
        )
        require(whole, f"{where}.on", expected, named)
        other = [own for own, name in join.on if types[own].frame != there[name].frame]
        require(not other, f"{where}.on", f"columns of the types that they have in {join.table.name}", other)
        require(_depth(join) <= MOST_DEEP, where, f"joins that lie {MOST_DEEP} behind each other at most", join.name)
    _check_names(table)


def _check_names(table: Table) -> None:
    taken = {*(column.name for column in table.columns), *(measure.name for measure in table.measures)}
    for made in (*(level for level in table.levels if not level.is_column), *table.joined_numbers):
        if made.name in taken:
            raise wrong("joins", f"a join with another name: {made.name} is something else already", made.name)
        taken.add(made.name)


def _depth(join: TableJoin) -> int:
    return 1 + max(map(_depth, join.table.joins), default=0)
