"""The column types: one file says everything of a type, and a line here makes it known."""

from __future__ import annotations

import dataframely as dy
import polars as pl

from flows.model.types.base import ColumnType, Value
from flows.model.types.boolean import BOOLEAN
from flows.model.types.date import DATE
from flows.model.types.datetime import DATETIME
from flows.model.types.decimal import DECIMAL
from flows.model.types.enumeration import CATEGORICAL, ENUM
from flows.model.types.floating import FLOAT
from flows.model.types.integer import INTEGER
from flows.model.types.moment import MOMENT
from flows.model.types.string import STRING

__all__ = [
    "BOOLEAN", "CATEGORICAL", "DATE", "DATETIME", "DECIMAL", "DECLARED", "ENUM", "FLOAT", "INTEGER", "MOMENT", "STRING",
    "TYPES", "ColumnType", "Value", "stored_type", "type_of",
]  # fmt: skip

TYPES = (STRING, INTEGER, FLOAT, DECIMAL, BOOLEAN, DATE, DATETIME, MOMENT, ENUM, CATEGORICAL)
DECLARED: dict[type[dy.Column], ColumnType] = {declared: each for each in TYPES for declared in each.declared}
"""How a schema declares a column → its type."""


def type_of(column: dy.Column) -> ColumnType:
    """The type of a schema's column."""
    return DECLARED[type(column)].declared_by(column)


def stored_type(stored: pl.DataType) -> ColumnType:
    """The type of what a segment's column of this kind holds."""
    return next((found for each in TYPES if (found := each.of_stored(stored)) is not None), STRING)
