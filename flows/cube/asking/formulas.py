"""Formulas over the answers of an engine, row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, assert_never

import polars as pl

from flows.cube.asking import arithmetic
from flows.cube.asking.groups import Groups
from flows.model.calculated import (
    Change,
    Difference,
    Formula,
    Growth,
    Operand,
    Plus,
    Previous,
    Rank,
    Ratio,
    Running,
    Share,
    Times,
)
from flows.model.periods import period_before
from flows.model.tables import Table

type Values = list[Any]
type Key = tuple[Any, ...]


class Calculation:
    """Formulas over the answers of an engine."""

    def __init__(self, table: Table, answers: Mapping[Groups, pl.DataFrame]) -> None:
        self.table = table
        self._answers = answers
        self._calculated = {each.name: each for each in table.calculated}
        self._known: dict[tuple[Operand, Groups], Values] = {}

    def answer(self, groups: Groups) -> pl.DataFrame:
        """What the engine has answered."""
        return self._answers[groups]

    def keys(self, groups: Groups, depth: int | None = None) -> list[Key]:
        """The values of the first levels of each row."""
        rows = self._answers[groups]
        levels = groups.levels[:depth]
        return rows.select(levels).rows() if levels else [()] * rows.height

    def values(self, operand: Operand, groups: Groups) -> Values:
        """The values of an operand, row by row."""
        known = (operand, groups)
        if known not in self._known:
            self._known[known] = self._values(operand, groups)
        return self._known[known]

    def _values(self, operand: Operand, groups: Groups) -> Values:
        if isinstance(operand, int | float | Decimal):
            return [operand] * self._answers[groups].height
        if not isinstance(operand, str):
            return self._formula(operand, groups)
        if operand in self._calculated:
            return self._formula(self._calculated[operand].formula, groups)
        kind = self.table.type_of(self.table.measure(operand).aggregation)
        found = self._answers[groups][operand].to_list()
        return [arithmetic.as_number(each, kind) for each in found] if kind.numeric else found

    def _formula(self, formula: Formula, groups: Groups) -> Values:
        match formula:
            case Plus(left, right):
                return self._each(arithmetic.plus, left, right, groups)
            case Difference(left, right):
                return self._each(arithmetic.difference, left, right, groups)
            case Times(left, right):
                return self._each(arithmetic.times, left, right, groups)
            case Ratio(left, right):
                return self._each(arithmetic.ratio, left, right, groups)
            case Share():
                return self._share(formula, groups)
            case Previous(measure, level):
                return self._before(measure, level, groups)
            case Change(measure, level):
                return [now for now, _ in self._changes(measure, level, groups)]
            case Growth(measure, level):
                changes = self._changes(measure, level, groups)
                return [arithmetic.ratio(change, arithmetic.size(before)) for change, before in changes]
            case Running(measure, along):
                return self._running(measure, along, groups)
            case Rank(measure, within):
                return self._ranks(measure, within, groups)
            case _:
                assert_never(formula)

    def _each(self, compute: Callable[[Any, Any], Any], left: Operand, right: Operand, groups: Groups) -> Values:
        return list(map(compute, self.values(left, groups), self.values(right, groups)))

    def _by_key(self, operand: Operand, groups: Groups) -> dict[Key, Any]:
        return dict(zip(self.keys(groups), self.values(operand, groups), strict=True))

    def _share(self, share: Share, groups: Groups) -> Values:
        own, wholes = self.values(share.measure, groups), groups.whole_of(share)
        if wholes is None:
            return [None] * len(own)
        whole = self._by_key(share.measure, wholes)
        keys = self.keys(groups, wholes.depth)
        return [arithmetic.ratio(each, whole.get(key)) for each, key in zip(own, keys, strict=True)]

    def _before(self, operand: Operand, level: str, groups: Groups) -> Values:
        periods = groups.all_periods(self.table, level)
        if periods is None:
            return [None] * self._answers[groups].height
        known, at, kind = self._by_key(operand, periods), groups.levels.index(level), self.table.level(level).type
        before = {each: period_before(kind, each) for each in self._answers[groups][level].unique().to_list()}
        keys = ((*key[:at], before[key[at]], *key[at + 1 :]) for key in self.keys(groups))
        return [None if key[at] is None else known.get(key) for key in keys]

    def _changes(self, operand: Operand, level: str, groups: Groups) -> list[tuple[Any, Any]]:
        pairs = zip(self.values(operand, groups), self._before(operand, level, groups), strict=True)
        return [(arithmetic.difference(now, before), before) for now, before in pairs]

    def _running(self, operand: Operand, along: str, groups: Groups) -> Values:
        if along not in groups.levels:
            return [None] * self._answers[groups].height
        at = groups.levels.index(along)
        sums: dict[Key, Any] = {}
        found: Values = []
        for key, value in zip(self.keys(groups), self.values(operand, groups), strict=True):
            line = (*key[:at], *key[at + 1 :])  # rows come sorted by the levels, and so by each where the others stay
            before = sums.get(line)
            sums[line] = before if value is None else value if before is None else arithmetic.plus(before, value)
            found.append(sums[line])
        return found

    def _ranks(self, operand: Operand, within: str | None, groups: Groups) -> Values:
        rivals = groups.rivals(within)
        if rivals is None:
            return [None] * self._answers[groups].height
        fixed = 0 if within is None else groups.levels.index(within) + 1
        places: dict[Key, dict[Any, int]] = {}
        held: dict[Key, Values] = {}
        for key, value in self._by_key(operand, rivals).items():
            held.setdefault(key[:fixed], []).extend([] if value is None else [value])
        for key, values in held.items():
            ordered = sorted(values, reverse=True)
            places[key] = {value: place for place, value in reversed(list(enumerate(ordered, start=1)))}
        own = zip(self.keys(groups), self.values(operand, groups), strict=True)
        return [None if value is None else places[key[:fixed]][value] for key, value in own]
