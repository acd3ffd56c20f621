"""Whole numbers of up to 64 bits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dataframely as dy
import polars as pl
import pyarrow as pa

from flows.model.formats import CellText
from flows.model.numbers import PLAIN_NUMBERS
from flows.model.types.base import ColumnType, Value, fits_64_bits
from flows.model.types.number_text import marks, number_options, read_plain


class IntegerType(ColumnType):
    """Whole numbers, written in plain digits."""

    def read(self, text: pl.Series, held: pl.Expr, column: dy.Column, cells: CellText) -> pl.Expr:
        plain = held if cells.numbers == PLAIN_NUMBERS else read_plain(text, held, cells)
        # The cast takes digits with an optional sign and nothing else: these spellings remain to be refused.
        padded = plain.str.starts_with("0") & (plain.str.len_bytes() > 1)
        signed = plain.str.starts_with("+") | plain.str.starts_with("-0")
        return pl.when(~(padded | signed)).then(plain.cast(column.dtype, strict=False))

    def marks(self, text: pl.Series, held: pl.Expr, column: dy.Column, cells: CellText) -> dict[str, pl.Expr]:
        return marks(held, cells.numbers)

    def options(self, texts: Sequence[str], cells: CellText) -> Iterator[tuple[str, CellText]]:
        return number_options(texts, cells)

    def holds(self, value: Value) -> bool:
        return super().holds(value) and fits_64_bits(value)

    def expected(self, column: dy.Column, cells: CellText) -> str:
        return f"{column.dtype} in plain digits, such as 7 or -7"

    def text(self, values: pl.Series, cells: CellText) -> pl.Series:
        return values.cast(pl.String)

    def is_stored_as(self, stored: pl.DataType | None) -> bool:
        return stored is not None and stored.is_integer()

    def parse(self, text: str) -> int:
        return int(text)


INTEGER = IntegerType(
    kind="integer",
    declared=(dy.Int8, dy.Int16, dy.Int32, dy.Int64, dy.Integer, dy.UInt8, dy.UInt16, dy.UInt32),
    frame=pl.Int64(),
    arrow=pa.int64(),
    duckdb="BIGINT",
    atoti="long",
    page="integer",
    values=(int,),
    sums="whole",
)
