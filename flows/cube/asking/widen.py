"""Which questions to ask an engine, so that all is there that calculated measures are computed of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import assert_never

from flows.cube.asking.groups import Groups
from flows.errors import QueryError
from flows.model.calculated import (
    CalculatedMeasure,
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
    operands,
    required_level,
)
from flows.model.query import Query
from flows.model.tables import CONTRIBUTORS_COUNT, Table


def require_levels(table: Table, query: Query) -> None:
    """Refuse a question that leaves out a level by which a measure of it, or one that this is computed of, is told.

    Raises:
        QueryError: it does.
    """
    known = {each.name: each for each in table.calculated}
    for name in query.measures:
        for level in _levels(name, known):
            if level not in query.levels:
                raise QueryError(
                    f"{name} is told by {level}, which is not asked",
                    next_step=f"group by {level} too",
                    field="by",
                    measure=name,
                )


def _levels(operand: Operand, known: Mapping[str, CalculatedMeasure]) -> Iterator[str]:
    if isinstance(operand, str):
        if operand in known:
            yield from _levels(known[operand].formula, known)
    elif not isinstance(operand, int | float | Decimal):
        level = required_level(operand)
        yield from () if level is None else (level,)
        for each in operands(operand):
            yield from _levels(each, known)


def widen(table: Table, query: Query, shown: Sequence[Groups]) -> dict[Groups, tuple[str, ...]]:
    """The groups to ask an engine for, and the measures of each: at least one, since without any there are no rows."""
    found: dict[Groups, dict[str, None]] = {groups: {} for groups in shown}
    for groups in shown:
        for name in query.measures:
            for at, measures in _looked_at(table, name, groups):
                found.setdefault(at, {}).update(dict.fromkeys(measures))
    return {groups: tuple(measures) or (CONTRIBUTORS_COUNT,) for groups, measures in found.items()}


def _looked_at(table: Table, operand: Operand, groups: Groups) -> Iterator[tuple[Groups, tuple[str, ...]]]:
    """The groups at which an operand looks, and of which base measures there."""
    formulas = {each.name: each.formula for each in table.calculated}
    formula = formulas.get(operand) if isinstance(operand, str) else operand
    if formula is None:
        yield groups, (str(operand),)
    elif not isinstance(formula, str | int | float | Decimal):
        for at in _compared(table, formula, groups):
            yield at, ()
            for each in operands(formula):
                yield from _looked_at(table, each, at)


def _compared(table: Table, formula: Formula, groups: Groups) -> list[Groups]:
    """The groups in which a formula looks at its operands."""
    match formula:
        case Plus() | Difference() | Times() | Ratio() | Running():
            return [groups]
        case Share():
            others = [groups, groups.whole_of(formula)]
        case Previous(level=level) | Change(level=level) | Growth(level=level):
            others = [groups, groups.all_periods(table, level)]
        case Rank(within=within):
            others = [groups, groups.rivals(within)]
        case _:
            assert_never(formula)
    return [each for each in dict.fromkeys(others) if each is not None]
