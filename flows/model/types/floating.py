"""Floating point numbers of up to 64 bits."""

from __future__ import annotations

import dataframely as dy
import polars as pl
import pyarrow as pa

from flows.model.formats import CellText
from flows.model.types.base import ColumnType, Value, fits_64_bits


class FloatType(ColumnType):
    """Finite numbers with the decimal sign of the dataset."""

    def read(self, text: pl.Series, held: pl.Expr, column: dy.Column, cells: CellText) -> pl.Expr:
        plain = ~held.str.starts_with("+")
        if cells.decimal == ",":
            plain &= ~held.str.contains(".", literal=True)
            held = held.str.replace(",", ".", literal=True)
        value = held.cast(column.dtype, strict=False)
        return pl.when(plain & value.is_finite()).then(value)

    def holds(self, value: Value) -> bool:
        return super().holds(value) and fits_64_bits(value)

    def expected(self, column: dy.Column, cells: CellText) -> str:
        return f"a finite number such as 1{cells.decimal}5, within {column.dtype}"

    def text(self, values: pl.Series, cells: CellText) -> pl.Series:
        return values.cast(pl.String).str.replace(".", cells.decimal, literal=True)

    def is_stored_as(self, stored: pl.DataType | None) -> bool:
        return stored is not None and stored.is_float()

    def parse(self, text: str) -> float:
        return float(text)


FLOAT = FloatType(
    kind="float",
    declared=(dy.Float32, dy.Float64, dy.Float),
    frame=pl.Float64(),
    arrow=pa.float64(),
    duckdb="DOUBLE",
    atoti="double",
    page="float",
    values=(float, int),
    sums="float",
    ordered=False,  # a NaN has no place in an order
)
