"""Text."""

from __future__ import annotations

import dataframely as dy
import polars as pl
import pyarrow as pa

from flows.model.formats import CellText
from flows.model.types.base import ColumnType


class StringType(ColumnType):
    """Text, as it stands in the file."""

    def read(self, text: pl.Series, held: pl.Expr, column: dy.Column, cells: CellText) -> pl.Expr:
        return held

    def expected(self, column: dy.Column, cells: CellText) -> str:
        return "text"

    def text(self, values: pl.Series, cells: CellText) -> pl.Series:
        return values

    def parse(self, text: str) -> str:
        return text


STRING = StringType(
    kind="string",
    declared=(dy.String,),
    frame=pl.String(),
    arrow=pa.string(),
    duckdb="VARCHAR",
    atoti="String",
    page="string",
    values=(str,),
)
