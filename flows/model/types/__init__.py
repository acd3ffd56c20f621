"""The column types: one file says everything of a type, and a line here makes it known."""

from __future__ import annotations

import dataframely as dy

from flows.model.types.base import ColumnType, Value
from flows.model.types.boolean import BOOLEAN
from flows.model.types.date import DATE
from flows.model.types.datetime import DATETIME
from flows.model.types.floating import FLOAT
from flows.model.types.integer import INTEGER
from flows.model.types.string import STRING

__all__ = [
    "BOOLEAN", "DATE", "DATETIME", "DECLARED", "FLOAT", "INTEGER", "STRING", "TYPES", "ColumnType", "Value", "type_of",
]  # fmt: skip

TYPES = (STRING, INTEGER, FLOAT, BOOLEAN, DATE, DATETIME)
DECLARED: dict[type[dy.Column], ColumnType] = {declared: each for each in TYPES for declared in each.declared}
"""How a schema declares a column → its type."""


def type_of(column: dy.Column) -> ColumnType:
    """The type of a schema's column."""
    return DECLARED[type(column)]
