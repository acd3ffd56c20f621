"""What a person asks: measures by levels, then some of the groups, in some order, a part of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flows.errors import QueryError
from flows.model.answered import Answered
from flows.model.conditions import Condition, check_condition
from flows.model.names import named
from flows.model.query import Order, Query
from flows.model.tables import Table

OTHERS = "is_others"
"""Column of an answer with others: whether a row stands for the groups that `top` leaves out."""


@dataclass(frozen=True)
class Top:
    """The first groups of an order.

    Args:
        groups: how many.
        per: a level: so many for each of its members, within those of the levels before it.
    """

    groups: int
    per: str | None = None


@dataclass(frozen=True)
class Question:
    """A question to one table.

    Args:
        table: the table's name.
        measures: names of measures, at least one.
        by: names of levels to group by.
        where: conditions on rows; all have to hold.
        having: conditions on measures, asked for or not; all have to hold for a group.
        sort: by what, the first first; where nothing is named, by the levels, and with `top` by the first measure, the
            greatest first.
        top: the first groups only.
        others: with `top`, also a row for those that it leaves out: with their sums, counts, least and greatest values,
            and null for what cannot be made of those of parts.
        totals: also a row per leading part of `by`, of all rows that `where` keeps, asked anew and never added up.
        limit: how many rows of the answer; all by default.
        offset: how many of them are left out before.
    """

    table: str
    measures: tuple[str, ...]
    by: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    having: tuple[Condition, ...] = ()
    sort: tuple[Order, ...] = ()
    top: Top | None = None
    others: bool = False
    totals: bool = False
    limit: int | None = None
    offset: int = 0

    @property
    def is_plain(self) -> bool:
        """Whether what the engine answers is the answer."""
        return not (self.having or self.sort or self.top or self.offset) and self.limit is None

    @property
    def order(self) -> tuple[Order, ...]:
        """By what it is sorted, besides the levels."""
        return self.sort or ((Order(self.measures[0], descending=True),) if self.top else ())

    @property
    def asked_measures(self) -> tuple[str, ...]:
        """The measures that have to be known to answer it."""
        others = [condition.name for condition in self.having]
        others += [order.name for order in self.order if order.name not in self.by]
        return tuple(dict.fromkeys([*self.measures, *others]))

    @property
    def query(self) -> Query:
        """What to ask the engine."""
        return Query(self.table, self.asked_measures, self.by, self.where, self.totals)

    @property
    def partition(self) -> tuple[str, ...]:
        """The levels for each of whose members `top` takes its groups."""
        return self.by[: self.by.index(self.top.per) + 1] if self.top and self.top.per is not None else ()

    def checked(self, model: Iterable[Table]) -> Table:
        """The table asked for.

        Raises:
            QueryError: it names what the model does not have, or says what makes no sense.
        """
        table = Query(self.table, self.measures, self.by, self.where, self.totals).checked(model)
        self.check_steps(table)
        return table

    def check_steps(self, table: Answered) -> None:
        """Refuse steps that make no sense of the groups of a table, or of several side by side.

        Raises:
            QueryError: one names what there is not, or cannot be done.
        """
        for condition in self.having:
            check_condition(condition, table.type_of_measure(condition.name))
        _check_order(self, table)
        if self.top is not None:
            _check_top(self.top, self.by)
        elif self.others:
            raise QueryError("Others are what top leaves out", next_step="ask for top too", field="others")
        for name, number, least in (("limit", self.limit, 1), ("offset", self.offset, 0)):
            if number is not None and number < least:
                raise QueryError(f"{name} cannot be used", next_step=f"make it {least} or more", got=number, field=name)


def _check_order(question: Question, table: Answered) -> None:
    known = dict.fromkeys([*question.by, *table.measure_names])
    for order in question.sort:
        try:
            named("measure", order.name, known)
        except QueryError as error:
            near = error.next_step.partition("The measures")[0]
            raise QueryError(
                "It is sorted by measures and by levels that are asked for",
                next_step=f"{near}Name one of {', '.join(known)}",
                got=order.name,
                field="sort",
            ) from None
    names = [order.name for order in question.sort]
    if len(set(names)) < len(names):
        raise QueryError("A name is sorted by twice", next_step="name each once", got=", ".join(names), field="sort")


def _check_top(top: Top, by: tuple[str, ...]) -> None:
    if top.groups < 1:
        raise QueryError("top cannot be used", next_step="make it 1 or more", got=top.groups, field="top")
    if not by:
        raise QueryError("There are no groups to take the top of", next_step="group by a level", field="top")
    if top.per is not None and top.per not in by[:-1]:
        raise QueryError(
            f"There is no top per {top.per}",
            next_step="name a level that is asked for, before the last one" if len(by) > 1 else "group by another too",
            got=top.per,
            field="top",
        )
