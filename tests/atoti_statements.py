"""What the stand-in for Atoti knows of a table and a cube, and how DuckDB is told: see `atoti_stand_in`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

COUNT = "contributors.COUNT"
TYPES = {
    "String": "VARCHAR", "long": "BIGINT", "double": "DOUBLE", "boolean": "BOOLEAN", "LocalDate": "DATE",
    "LocalDateTime": "TIMESTAMP",
}  # fmt: skip
DEFAULTS: Mapping[str, Any] = {
    "String": "N/A", "boolean": False, "LocalDate": date(1970, 1, 1),
    "LocalDateTime": datetime(1970, 1, 1), "long": None, "double": None,  # noqa: DTZ001  # they have no zone
}  # fmt: skip
OPERATORS = {
    "EQ": "IS NOT DISTINCT FROM", "NE": "IS DISTINCT FROM", "LT": "<", "LE": "<=", "GT": ">", "GE": ">=",
}  # fmt: skip
WRAPPED = "CAST(((sum({0}) + 9223372036854775808) & 18446744073709551615) - 9223372036854775808 AS BIGINT)"


class Refused(Exception):
    """What Atoti's server refuses; its own errors have no public types."""


@dataclass
class Stored:
    """A table: its types, keys and defaults, and where it lies."""

    name: str
    inside: str
    types: Mapping[str, str]
    keys: Sequence[str]
    defaults: Mapping[str, Any]

    def column(self, name: str) -> str:
        """How a column is called inside."""
        return f"c{list(self.types).index(name)}"

    def own(self, identifier: Any) -> str:
        """The name of one of its columns; another table's is refused."""
        if identifier.table_identifier.table_name != self.name:
            raise ValueError(f"a column of {identifier.table_identifier.table_name}, not of {self.name}")
        name: str = identifier.column_name
        return name


@dataclass
class Asked:
    """A cube: its levels and measures."""

    stored: Stored
    levels: dict[tuple[str, str, str], str] = field(default_factory=dict)
    measures: dict[str, Any] = field(default_factory=dict)


def where(stored: Stored, condition: Any, name_of: Callable[[Any], str], bound: list[Any]) -> str:
    """The clause that says a condition of Atoti's, if there is one; its values are added to `bound`."""
    return "" if condition is None else f" WHERE {_said(stored, condition, name_of, bound)}"


def _said(stored: Stored, condition: Any, name_of: Callable[[Any], str], bound: list[Any]) -> str:
    if hasattr(condition, "operands"):
        said = (_said(stored, each, name_of, bound) for each in condition.operands)
        return f"({f' {condition.operator} '.join(said)})"
    column = stored.column(name_of(condition.subject))
    if hasattr(condition, "elements"):
        elements = list(condition.elements)
        bound.extend(elements)
        listed = f"{column} IN ({', '.join('?' * len(elements))})"
        return listed if condition.operator == "IN" else f"NOT coalesce({listed}, false)"
    bound.append(condition.target)
    return f"{column} {OPERATORS[condition.operator]} ?"


def aggregate(asked: Asked, name: str) -> str:
    """What computes a measure of a cube."""
    definition = asked.measures[name]
    if definition is None:
        return "count(*)"
    of = asked.stored.own(definition._column_identifier)
    column, whole = asked.stored.column(of), asked.stored.types[of] == "long"
    match definition._plugin_key:
        case "SUM":
            return WRAPPED.format(column) if whole else f"sum({column})"
        case "MEAN":
            return f"avg({column})"
        case "MIN" | "MAX" as key:
            return f"{key}({column})"
        case "DISTINCT_COUNT":
            return f"count(DISTINCT {column})"
        case unknown:
            raise Refused(f"aggregation {unknown}")
