"""Days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

import dataframely as dy
import polars as pl
import pyarrow as pa

from flows.model.formats import CellText
from flows.model.types.base import ColumnType
from flows.model.types.time_text import DATE_FORMS, either, form_options, other_forms, read_time


class DateType(ColumnType):
    """Days of the calendar, in the dataset's format."""

    def read(self, text: pl.Series, held: pl.Expr, column: dy.Column, cells: CellText) -> pl.Expr:
        return read_time(text, held, cells.date_forms, None)

    def marks(self, text: pl.Series, held: pl.Expr, column: dy.Column, cells: CellText) -> dict[str, pl.Expr]:
        return other_forms(text, held, cells.date_forms, None)

    def options(self, texts: Sequence[str], cells: CellText) -> Iterator[tuple[str, CellText]]:
        return form_options("date_format", DATE_FORMS, cells)

    def readings(self, cells: CellText) -> Iterator[tuple[str, CellText]]:
        return ((form.text, replace(cells, date_format=form.text)) for form in cells.date_forms)

    def expected(self, column: dy.Column, cells: CellText) -> str:
        midnight = " at midnight," if any(form.has_time for form in cells.date_forms) else ""
        return f"a date of the calendar,{midnight} written as {either(cells.date_forms)}"

    def text(self, values: pl.Series, cells: CellText) -> pl.Series:
        return values.dt.strftime("%Y-%m-%d")

    def parse(self, text: str) -> date:
        return date.fromisoformat(text)

    def answer(self, found: pl.DataType, column: pl.Expr) -> pl.Expr:
        return column.str.to_date("%Y-%m-%d") if found == pl.String else super().answer(found, column)

    def write(self, value: object, cells: CellText) -> str:
        if isinstance(value, date):
            return cells.date_forms[0].write(value) or value.isoformat()
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
