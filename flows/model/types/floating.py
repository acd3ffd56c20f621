"""Floating point numbers of up to 64 bits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dataframely as dy
import polars as pl
import pyarrow as pa

from flows.model.formats import CellText
from flows.model.types.base import ColumnType, Value, fits_64_bits
from flows.model.types.number_text import marks, number_options, read_plain


class FloatType(ColumnType):
    """Finite numbers with the decimal sign of the dataset."""

    def read(self, text: pl.Series, held: pl.Expr, column: dy.Column, cells: CellText) -> pl.Expr:
        plain = read_plain(text, held, cells)
        value = plain.cast(column.dtype, strict=False)
        return pl.when(~plain.str.starts_with("+") & value.is_finite()).then(value)

    def marks(self, text: pl.Series, held: pl.Expr, column: dy.Column, cells: CellText) -> dict[str, pl.Expr]:
        return marks(held, cells.numbers)

    def options(self, texts: Sequence[str], cells: CellText) -> Iterator[tuple[str, CellText]]:
        return number_options(texts, cells)

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
