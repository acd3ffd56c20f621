"""Sums that do not fit into the type of their answer (`cube/wide_sums.py`), in SQL."""

from __future__ import annotations

from flows.cube.wide_sums import BASE, HIGH, LOW
from flows.model.types import ColumnType
from flows.model.types.decimal import DecimalType


def wide_sum(column: str, kind: ColumnType) -> str:
    """The sum of a column, however large it is."""
    if kind.sums != "decimal":
        return f"sum({column})"
    high, low = _sums_of_parts(column)
    return f"struct_pack({HIGH} := {high}, {LOW} := {low})"


def wide_mean(column: str, kind: DecimalType) -> str:
    """The mean of a column of decimals whose sum may be wide."""
    high, low = (f"CAST({part} AS DOUBLE)" for part in _sums_of_parts(column))
    return f"({high} * {float(BASE)!r} + {low}) / count({column}) / {10.0**kind.scale!r}"


def _sums_of_parts(column: str) -> tuple[str, str]:
    units = f"CAST(replace(CAST({column} AS VARCHAR), '.', '') AS HUGEINT)"
    return f"sum({units} // {BASE})", f"sum({units} % {BASE})"
