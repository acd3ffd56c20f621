"""The conditions of a question, as its address writes them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from flows.errors import QueryError
from flows.model.condition_text import parse_conditions, split_condition
from flows.model.conditions import Condition
from flows.model.relative_days import Clock
from flows.model.tables import Table
from flows.web.table_names import LEVELS


def parse_where(table: Table, conditions: Iterable[str]) -> tuple[Condition, ...]:
    """The conditions of rows.

    Raises:
        QueryError: a condition has another form, names no level, or its value is not of the level's type; its `field`
            says that it is one of `where`.
    """
    fields = {level.name: level.type for level in table.levels}
    conditions = list(conditions)
    try:
        for condition in conditions:
            LEVELS.require("where", split_condition(condition, fields)[0], table)
        return parse_conditions(conditions, fields, Clock(datetime.now().astimezone(), table.expect))
    except QueryError as error:
        raise QueryError(error.what, next_step=error.next_step, **(error.where | {"field": "where"})) from None
