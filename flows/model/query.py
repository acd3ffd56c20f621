"""What an engine is asked: measures by levels, where conditions hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flows.errors import QueryError
from flows.model.conditions import Condition, check_condition
from flows.model.measures import DistinctCount
from flows.model.names import named
from flows.model.tables import Table


@dataclass(frozen=True)
class Order:
    """To sort by a level or a measure. Groups that are equal in it stand in the order of the levels asked for."""

    name: str
    descending: bool = False


@dataclass(frozen=True)
class First:
    """The first groups of an order. What has no value comes last among measures; of levels it is the least.

    Args:
        groups: how many.
        order: by what, the first first; then by the levels.
    """

    groups: int
    order: tuple[Order, ...]


@dataclass(frozen=True)
class Query:
    """What to ask of one table, in Atoti's language.

    Args:
        table: the table's name.
        measures: names of measures, at least one.
        levels: names of levels to group by; none asks for the grand total.
        where: conditions; a row has to meet them all.
        totals: also one row per leading part of `levels`, down to the grand total.
        first: without totals, the groups that are looked at: an engine may leave out others, or answer them too.
    """

    table: str
    measures: tuple[str, ...]
    levels: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    totals: bool = False
    first: First | None = None

    def touched_levels(self, table: Table) -> tuple[str, ...]:
        """The names of the levels that it groups by, that a condition is about, or whose values a measure counts.

        Args:
            table: the table that it asks.
        """
        aggregations = (table.measure(name).aggregation for name in table.base_measures(self.measures))
        counted = (each.level for each in aggregations if isinstance(each, DistinctCount))
        return tuple(dict.fromkeys([*self.levels, *(condition.name for condition in self.where), *counted]))

    def checked(self, model: Iterable[Table]) -> Table:
        """The table asked for; raises QueryError if the query names what the model does not have."""
        table = named("table", self.table, {t.name: t for t in model})
        if not self.measures:
            raise QueryError(
                "A query needs at least one measure",
                next_step=f"name one of {', '.join(table.measure_names)}",
            )
        for measure in self.measures:
            table.type_of_measure(measure)
        for level in self.levels:
            table.level(level)
        for condition in self.where:
            check_condition(condition, table.level(condition.name).type)
        for kind, names in (("level", self.levels), ("measure", self.measures)):
            if len(set(names)) < len(names):
                raise QueryError(f"A {kind} is named twice", next_step=f"name each {kind} once", got=", ".join(names))
        return table
