"""Days."""

from __future__ import annotations

from datetime import date, datetime

import dataframely as dy
import polars as pl
import pyarrow as pa

from flows.model.formats import CellText
from flows.model.types.base import ColumnType
from flows.model.types.time_text import read_time, write_moment


class DateType(ColumnType):
    """Days of the calendar, in the dataset's format."""

    def read(self, text: pl.Series, held: pl.Expr, column: dy.Column, cells: CellText) -> pl.Expr:
        form = cells.date_format
        return read_time(text, held, lambda cell: cell.str.to_date(form, strict=False), form)

    def expected(self, column: dy.Column, cells: CellText) -> str:
        return f"a date written as {cells.date_format}"

    def text(self, values: pl.Series, cells: CellText) -> pl.Series:
        return values.dt.strftime("%Y-%m-%d")

    def parse(self, text: str) -> date:
        return date.fromisoformat(text)

    def answer(self, found: pl.DataType, column: pl.Expr) -> pl.Expr:
        return column.str.to_date("%Y-%m-%d") if found == pl.String else super().answer(found, column)

    def write(self, value: object, cells: CellText) -> str:
        match value:
            case datetime():
                return write_moment(value, cells.date_format)
            case date():
                return value.strftime(cells.date_format)
            case _:
                return super().write(value, cells)


DATE = DateType(
    kind="date",
    declared=(dy.Date,),
    frame=pl.Date(),
    arrow=pa.date32(),
    duckdb="DATE",
    atoti="LocalDate",
    page="date",
    values=(date,),
)
