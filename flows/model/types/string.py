"""Text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import dataframely as dy
import polars as pl
import pyarrow as pa

from flows.model.formats import CellText
from flows.model.types.base import ColumnType

_FRAME, _ARROW = pl.String(), pa.string()


@dataclass(frozen=True)
class StringType(ColumnType):
    """Text, as it stands in the file."""

    frame: pl.DataType = _FRAME
    arrow: pa.DataType = _ARROW
    duckdb: str = "VARCHAR"
    atoti: Literal["String"] = "String"
    page: Literal["string"] = "string"
    values: tuple[type, ...] = (str,)

    def read(self, text: pl.Series, held: pl.Expr, column: dy.Column, cells: CellText) -> pl.Expr:
        return held

    def expected(self, column: dy.Column, cells: CellText) -> str:
        return "text"

    def text(self, values: pl.Series, cells: CellText) -> pl.Series:
        return values

    def parse(self, text: str) -> str:
        return text


STRING = StringType("string", (dy.String,))
