"""Moments without a time zone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import dataframely as dy
import polars as pl
import pyarrow as pa

from flows.model.formats import CellText
from flows.model.types.base import ColumnType, Value
from flows.model.types.moment import MOMENT, is_zone
from flows.model.types.time_text import CLOCK_FORMS, either, form_options, other_forms, read_time


class DatetimeType(ColumnType):
    """Moments as the clock of some place shows them, in the dataset's format."""

    def read(self, text: pl.Series, held: pl.Expr, column: dy.Column, cells: CellText) -> pl.Expr:
        assert isinstance(column, dy.Datetime)
        return read_time(text, held, cells.datetime_forms, column.time_unit)

    def marks(self, text: pl.Series, held: pl.Expr, column: dy.Column, cells: CellText) -> dict[str, pl.Expr]:
        assert isinstance(column, dy.Datetime)
        return other_forms(text, held, cells.datetime_forms, column.time_unit)

    def options(self, texts: Sequence[str], cells: CellText) -> Iterator[tuple[str, CellText]]:
        return form_options("datetime_format", CLOCK_FORMS, cells)

    @property
    def noun(self) -> str:
        return "datetime without a time zone"

    def holds(self, value: Value) -> bool:
        return super().holds(value) and isinstance(value, datetime) and value.tzinfo is None

    def instead_of(self, column: dy.Column) -> str | None:
        assert isinstance(column, dy.Datetime)
        if column.time_unit == "ns":
            return 'Datetime(time_unit="us"), since no engine keeps nanoseconds'
        known = column.time_zone is None or is_zone(str(column.time_zone))
        return None if known else "a time zone of the time zone database, such as Europe/Berlin"

    def declared_by(self, column: dy.Column) -> ColumnType:
        assert isinstance(column, dy.Datetime)
        return self if column.time_zone is None else MOMENT.in_zone(str(column.time_zone))

    def is_stored_as(self, stored: pl.DataType | None) -> bool:
        return isinstance(stored, pl.Datetime) and stored.time_zone is None

    def readings(self, cells: CellText) -> Iterator[tuple[str, CellText]]:
        return ((form.text, replace(cells, datetime_format=form.text)) for form in cells.datetime_forms)

    def expected(self, column: dy.Column, cells: CellText) -> str:
        assert isinstance(column, dy.Datetime)
        return f"a date and time written as {either(cells.datetime_forms, column.time_unit)}"

    def text(self, values: pl.Series, cells: CellText) -> pl.Series:
        return values.dt.strftime("%Y-%m-%d %H:%M:%S%.f")

    def parse(self, text: str) -> datetime:
        return datetime.fromisoformat(text)

    def answer(self, found: pl.DataType, column: pl.Expr) -> pl.Expr:
        return column.str.to_datetime(time_unit="us") if found == pl.String else super().answer(found, column)

    def shown(self, column: pl.Expr) -> pl.Expr:
        return column.dt.to_string("%Y-%m-%d %H:%M:%S%.f")

    def write(self, value: object, cells: CellText) -> str:
        if isinstance(value, datetime):
            return cells.datetime_forms[0].write(value) or value.isoformat()
        return super().write(value, cells)


DATETIME = DatetimeType(
    kind="datetime",
    declared=(dy.Datetime,),
    frame=pl.Datetime("us"),
    arrow=pa.timestamp("us"),
    duckdb="TIMESTAMP",
    atoti="LocalDateTime",
    page="string",  # without a zone it would be moved into the reader's there
    values=(datetime,),
)
