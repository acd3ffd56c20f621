"""The conditions of a question, as its address writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from flows.errors import QueryError
from flows.model.calendar import DailyBy
from flows.model.condition_text import parse_conditions, split_condition
from flows.model.conditions import Condition
from flows.model.joint_table import JointTable
from flows.model.relative_days import Clock
from flows.model.tables import Table
from flows.model.types import ColumnType
from flows.web.table_names import LEVELS, MEASURES, AskedTable, TableNames


def parse_where(table: Table, conditions: Iterable[str]) -> tuple[Condition, ...]:
    """The conditions of rows.

    Raises:
        QueryError: a condition has another form, names no level, or its value is not of the level's type; its `field`
            says that it is one of `where`.
    """
    return _where(table, conditions, table)


def parse_joint_where(tables: JointTable, conditions: Iterable[str]) -> dict[str, tuple[Condition, ...]]:
    """The conditions on the rows of each of several tables, by its own names, and by its own clock where days are named
    from today; raises as `parse_where` does."""
    texts = list(conditions)
    return {each.name: tables.own_conditions(each, _where(tables, texts, each)) for each in tables.tables}


def _where(table: AskedTable, conditions: Iterable[str], of: Table) -> tuple[Condition, ...]:
    return _parse("where", table, conditions, {level.name: level.type for level in table.levels}, LEVELS, of.expect)


def parse_having(table: AskedTable, conditions: Iterable[str]) -> tuple[Condition, ...]:
    """The conditions of groups by their measures; raises as `parse_where` does."""
    kinds = {name: table.type_of_measure(name) for name in table.measure_names}
    expect = table.tables[0].expect if isinstance(table, JointTable) else table.expect
    return _parse("having", table, conditions, kinds, MEASURES, expect)


def _parse(
    field: str,
    table: AskedTable,
    conditions: Iterable[str],
    kinds: Mapping[str, ColumnType],
    names: TableNames,
    expect: DailyBy | None,
) -> tuple[Condition, ...]:
    conditions = list(conditions)
    try:
        for condition in conditions:
            names.require(field, split_condition(condition, kinds)[0], table)
        return parse_conditions(conditions, kinds, Clock(datetime.now().astimezone(), expect))
    except QueryError as error:
        raise QueryError(error.what, next_step=error.next_step, **(error.where | {"field": field})) from None
