"""Checks of the calculated measures that a dataset declares."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from decimal import Decimal
from math import isfinite
from typing import get_args

from flows.model.calculated import (
    CalculatedMeasure,
    Change,
    Formula,
    Growth,
    Operand,
    Parent,
    Previous,
    Share,
    Total,
    constant_type,
    operands,
    required_level,
    type_of_result,
)
from flows.model.declaration import require, wrong
from flows.model.periods import has_periods
from flows.model.tables import TOTAL_DEPTH, Table
from flows.model.types import ColumnType


def calculated_measures(declared: Mapping[str, Formula], table: Table) -> tuple[CalculatedMeasure, ...]:
    """The calculated measures of a table, checked, each after those that it is computed of.

    Raises:
        DeclarationError: one has a name that is taken, an operand that there is not, or is computed of itself.
    """
    require(isinstance(declared, Mapping), "measures", "a mapping of names to formulas", declared)
    found: dict[str, CalculatedMeasure] = {}
    for name in declared:
        _check_name(name, table)
        _Checked(declared, table, found).add(name, ())
    return tuple(found.values())


def _check_name(name: object, table: Table) -> None:
    require(isinstance(name, str) and bool(name), "measures", "a mapping of names, which are texts", name)
    taken = {column.name: "a column" for column in table.columns} | {level.name: "a level" for level in table.levels}
    taken |= {measure.name: "a measure" for measure in table.measures} | {TOTAL_DEPTH: "the depth of totals"}
    if name in taken:
        raise wrong(f"measures[{name!r}]", f"of another name: {taken[str(name)]} is called so", name)


class _Checked:
    def __init__(self, declared: Mapping[str, Formula], table: Table, found: dict[str, CalculatedMeasure]) -> None:
        self._declared = declared
        self._table = table
        self._found = found

    def add(self, name: str, within: tuple[str, ...]) -> ColumnType:
        """Check a declared measure and those that it is computed of; returns the type of its results."""
        field = f"measures[{name!r}]"
        circle = " → ".join((*within[within.index(name) :], name)) if name in within else ""
        require(not circle, field, "computed of others than itself", circle)
        if name not in self._found:
            kind = self._formula(field, self._declared[name], (*within, name))
            self._found[name] = CalculatedMeasure(name, self._declared[name], kind)
        return self._found[name].type

    def _formula(self, field: str, formula: Formula, within: tuple[str, ...]) -> ColumnType:
        known = " or ".join(f"{kind.__name__}(…)" for kind in get_args(type(self)._kinds))
        require(isinstance(formula, get_args(type(self)._kinds)), field, known, formula)
        self._check_level(field, formula)
        kinds = tuple(self._operand(field, each, within) for each in operands(formula))
        if not isinstance(formula, Previous):
            numbers = all(kind.numeric for kind in kinds)
            require(numbers, field, "computed of numbers", " and ".join(kind.kind for kind in kinds))
        return type_of_result(formula, kinds)

    _kinds = Formula.__value__

    def _operand(self, field: str, operand: Operand, within: tuple[str, ...]) -> ColumnType:
        if isinstance(operand, bool) or (isinstance(operand, float | Decimal) and not isfinite(operand)):
            raise wrong(field, "computed of measures and finite numbers", operand)
        if isinstance(operand, int | float | Decimal):
            return constant_type(operand)
        if not isinstance(operand, str):
            return self._formula(field, operand, within)
        if operand in self._declared:
            return self.add(operand, within)
        base = {measure.name: measure for measure in self._table.measures}
        if operand not in base:
            near = difflib.get_close_matches(operand, [*base, *self._declared], n=1, cutoff=0.4)
            meant = "".join(f"; did you mean {name}?" for name in near)
            raise wrong(field, f"computed of measures that there are{meant}", operand)
        return self._table.type_of(base[operand].aggregation)

    def _check_level(self, field: str, formula: Formula) -> None:
        if isinstance(formula, Share):
            require(
                isinstance(formula.of, str | Total | Parent),
                field,
                "a share of a level, Total() or Parent()",
                formula.of,
            )
        name, levels = required_level(formula), {level.name: level for level in self._table.levels}
        if name is None:
            return
        near = difflib.get_close_matches(name, levels, n=1, cutoff=0.4)
        meant = "".join(f"; did you mean {level}?" for level in near)
        require(name in levels, field, f"of a level that there is{meant}", name)
        if isinstance(formula, Previous | Change | Growth):
            dated = has_periods(levels[name].type)
            require(dated, field, "of a level of days, weeks, months, quarters or years", name)
