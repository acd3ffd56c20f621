"""Moments: dates and times of a time zone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Self
from zoneinfo import ZoneInfo

import dataframely as dy
import polars as pl
import pyarrow as pa

from flows.model.formats import CellText
from flows.model.time_forms import TimeForm, Unit
from flows.model.types.base import ColumnType, Value
from flows.model.types.time_text import CLOCK_FORMS, agreed, either, form_options, forms_taken, read_time

_OFFSET = "(Z|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)$"
_WITH_OFFSET = ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%z", "%Y-%m-%d %H:%M:%S%.f%z")
_ISO = "%Y-%m-%dT%H:%M:%S%.f%::z"


@dataclass(frozen=True)
class MomentType(ColumnType):
    """Points in time, kept in UTC and shown as the clocks of a zone do. Engines hold them in UTC without saying so.

    Args:
        zone: the zone, by its name in the time zone database.
    """

    zone: str = "UTC"

    def in_zone(self, zone: str) -> Self:
        """The same of another zone."""
        return replace(self, zone=zone)

    @property
    def noun(self) -> str:
        return f"moment with its offset, such as 2021-05-01T09:30:00+02:00, or as clocks show it in {self.zone}"

    def holds(self, value: Value) -> bool:
        return super().holds(value) and isinstance(value, datetime) and value.tzinfo is not None

    def is_stored_as(self, stored: pl.DataType | None) -> bool:
        return isinstance(stored, pl.Datetime) and stored.time_zone is not None

    def read(self, text: pl.Series, held: pl.Expr, column: dy.Column, cells: CellText) -> pl.Expr:
        assert isinstance(column, dy.Datetime)
        found = agreed([self._read(text, held, form, column.time_unit, cells) for form in cells.datetime_forms])
        years = [found.dt.year(), found.dt.convert_time_zone("UTC").dt.year()]
        return pl.when(pl.all_horizontal(year.is_between(1, 9999) for year in years)).then(found)  # as Python has them

    def _read(self, text: pl.Series, held: pl.Expr, form: TimeForm, unit: Unit, cells: CellText) -> pl.Expr:
        """What cells say in one form."""
        if not form.has_offset:
            return self.of_clocks(read_time(text, held, [form], unit), cells.ambiguous)
        clock = read_time(text.str.replace(_OFFSET, ""), held.str.replace(_OFFSET, ""), [form.clock], unit)
        return _without_offset(clock, held.str.extract(_OFFSET)).dt.convert_time_zone(self.zone)

    def marks(self, text: pl.Series, held: pl.Expr, column: dy.Column, cells: CellText) -> dict[str, pl.Expr]:
        assert isinstance(column, dy.Datetime)
        unit, forms = column.time_unit, cells.datetime_forms
        read = {form: self._read(text, held, form, unit, cells) for form in forms}
        if cells.ambiguous is None:
            return forms_taken(read)
        once = replace(cells, ambiguous=None)
        twice = [read[form].is_not_null() & self._read(text, held, form, unit, once).is_null() for form in forms]
        return {**forms_taken(read), "a time that clocks show twice": pl.any_horizontal(twice)}

    def options(self, texts: Sequence[str], cells: CellText) -> Iterator[tuple[str, CellText]]:
        if cells.ambiguous is None:
            yield "ambiguous='earliest'", replace(cells, ambiguous="earliest")
        yield from form_options("datetime_format", (*_WITH_OFFSET, *CLOCK_FORMS), cells)

    def readings(self, cells: CellText) -> Iterator[tuple[str, CellText]]:
        return ((form.text, replace(cells, datetime_format=form.text)) for form in cells.datetime_forms)

    def expected(self, column: dy.Column, cells: CellText) -> str:
        assert isinstance(column, dy.Datetime)
        written = f"a date and time written as {either(cells.datetime_forms, column.time_unit)}"
        if any(form.has_offset for form in cells.datetime_forms):
            return f"{written}, where %z is Z or an offset such as +01:00"
        return f"{written} that clocks in {self.zone} show{'' if cells.ambiguous else ' once'}"

    def text(self, values: pl.Series, cells: CellText) -> pl.Series:
        return values.to_frame().select(self.json(pl.col(values.name))).to_series()

    def parse(self, text: str) -> datetime:
        value = datetime.fromisoformat(text)
        if value.tzinfo is not None:
            return value.astimezone(UTC)
        found = pl.select(self.of_clocks(pl.lit(value), None).dt.convert_time_zone("UTC")).item()
        if not isinstance(found, datetime):
            raise ValueError(text)
        return found

    def kept(self, column: pl.Expr) -> pl.Expr:
        return column.dt.convert_time_zone("UTC")

    def in_engine(self, value: Value) -> Value:
        return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value

    def from_engine(self, value: Value) -> Value:
        return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value

    def to_duckdb(self, column: pl.Expr) -> pl.Expr:
        return column.dt.replace_time_zone(None)

    def to_atoti(self, column: pl.Expr) -> pl.Expr:
        return column.dt.replace_time_zone(None)

    def answer(self, found: pl.DataType, column: pl.Expr) -> pl.Expr:
        clock = column.str.to_datetime(time_unit="us") if found == pl.String else column
        named = clock if isinstance(found, pl.Datetime) and found.time_zone else clock.dt.replace_time_zone("UTC")
        return named.cast(self.frame)

    def shown(self, column: pl.Expr) -> pl.Expr:
        return self.json(column)

    def json(self, column: pl.Expr) -> pl.Expr:
        """As clocks of the zone show it, with their offset: seconds are named where it has some, as before 1900."""
        return column.dt.convert_time_zone(self.zone).dt.strftime(_ISO).str.strip_suffix(":00")

    def portable(self, column: pl.Expr) -> pl.Expr:
        return column.dt.convert_time_zone(self.zone)

    def words(self, value: object) -> str:
        return value.astimezone(ZoneInfo(self.zone)).isoformat() if isinstance(value, datetime) else str(value)

    def write(self, value: object, cells: CellText) -> str:
        if not isinstance(value, datetime):
            return super().write(value, cells)
        form = cells.datetime_forms[0]
        if value.tzinfo is None:
            return form.clock.write(value) or value.isoformat()
        clock = value if form.has_offset else value.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)
        return form.write(clock) or clock.isoformat()

    def of_clocks(self, clock: pl.Expr, ambiguous: str | None) -> pl.Expr:
        """What clocks of the zone show: null for what they never show, and twice where no side is named."""
        return clock.dt.replace_time_zone(self.zone, ambiguous=pl.lit(ambiguous or "null"), non_existent="null")


def is_zone(name: str) -> bool:
    """Whether the time zone database has a zone of this name."""
    try:
        ZoneInfo(name)
    except (ValueError, KeyError, OSError):
        return False
    return True


def _without_offset(clock: pl.Expr, offset: pl.Expr) -> pl.Expr:
    """What a clock shows that is so far from UTC, in UTC."""
    sign = pl.when(offset.str.starts_with("-")).then(-1).otherwise(1)
    hours = offset.str.slice(1, 2).cast(pl.Int64, strict=False).fill_null(0)
    minutes = offset.str.extract("^.[0-9]{2}:?([0-9]{2})$").cast(pl.Int64).fill_null(0)
    return pl.when(offset.is_not_null()).then(
        (clock - sign * pl.duration(hours=hours, minutes=minutes)).dt.replace_time_zone("UTC")
    )


MOMENT = MomentType(
    kind="moment",
    declared=(),
    frame=pl.Datetime("us", "UTC"),
    arrow=pa.timestamp("us"),
    duckdb="TIMESTAMP",
    atoti="LocalDateTime",
    page="string",
    values=(datetime,),
)
