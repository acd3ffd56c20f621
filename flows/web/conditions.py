"""The conditions of a question, as its address writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from flows.errors import QueryError
from flows.model.condition_text import parse_conditions, split_condition
from flows.model.conditions import Condition
from flows.model.relative_days import Clock
from flows.model.tables import Table
from flows.model.types import ColumnType
from flows.web.table_names import LEVELS, MEASURES, TableNames


def parse_where(table: Table, conditions: Iterable[str]) -> tuple[Condition, ...]:
    """The conditions of rows.

    Raises:
        QueryError: a condition has another form, names no level, or its value is not of the level's type; its `field`
            says that it is one of `where`.
    """
    return _parse("where", table, conditions, {level.name: level.type for level in table.levels}, LEVELS)


def parse_having(table: Table, conditions: Iterable[str]) -> tuple[Condition, ...]:
    """The conditions of groups by their measures; raises as `parse_where` does."""
    kinds = {name: table.type_of_measure(name) for name in table.measure_names}
    return _parse("having", table, conditions, kinds, MEASURES)


def _parse(
    field: str, table: Table, conditions: Iterable[str], kinds: Mapping[str, ColumnType], names: TableNames
) -> tuple[Condition, ...]:
    conditions = list(conditions)
    try:
        for condition in conditions:
            names.require(field, split_condition(condition, kinds)[0], table)
        return parse_conditions(conditions, kinds, Clock(datetime.now().astimezone(), table.expect))
    except QueryError as error:
        raise QueryError(error.what, next_step=error.next_step, **(error.where | {"field": field})) from None
