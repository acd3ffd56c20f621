"""Which groups a calculated measure looks at: those that are asked for, and those that they are compared with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from flows.model.calculated import Parent, Share, Total
from flows.model.conditions import Condition
from flows.model.query import Query
from flows.model.tables import Table


@dataclass(frozen=True)
class Groups:
    """The rows by some levels, of which conditions hold.

    Args:
        asked: the levels of the question.
        depth: how many of them, the first ones, the groups are by.
        where: the conditions.
    """

    asked: tuple[str, ...]
    depth: int
    where: tuple[Condition, ...]

    @property
    def levels(self) -> tuple[str, ...]:
        return self.asked[: self.depth]

    def query(self, table: Table, measures: tuple[str, ...]) -> Query:
        """What to ask of an engine."""
        return Query(table.name, measures, self.levels, self.where)

    def whole_of(self, share: Share) -> Groups | None:
        """The wholes that these groups are parts of: conditions on levels asked that a whole has not are no part of
        it. None where these groups are parts of no such whole, as totals above it are."""
        match share.of:
            case Total():
                depth = 0
            case Parent():
                depth = max(0, self.depth - 1)
            case str(level) if level in self.levels:
                depth = self.levels.index(level) + 1
            case str():
                return None
            case _:
                assert_never(share.of)
        return replace(self, depth=depth, where=self._without(self.asked[depth:]))

    def rivals(self, within: str | None) -> Groups | None:
        """The groups that these are ranked among; None where they are above the level within which."""
        if within is not None and within not in self.levels:
            return None
        fixed = 0 if within is None else self.levels.index(within) + 1
        return replace(self, where=self._without(self.levels[fixed:]))

    def all_periods(self, table: Table, level: str) -> Groups | None:
        """These groups with those of every period of a level; None where they are not by it."""
        if level not in self.levels:
            return None
        origin = table.level(level).origin
        return replace(self, where=self._without([each.name for each in table.levels if each.origin == origin]))

    def _without(self, levels: tuple[str, ...] | list[str]) -> tuple[Condition, ...]:
        return tuple(condition for condition in self.where if condition.name not in levels)
