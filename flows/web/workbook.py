"""Rows as a workbook. The only module that imports XlsxWriter."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from math import isfinite
from typing import Any

import polars as pl
import xlsxwriter  # type: ignore[import-untyped]  # it ships no types

from flows.errors import QueryError
from flows.model.number_formats import NumberFormat
from flows.model.types import ColumnType
from flows.model.types.base import decimal_text
from flows.model.types.decimal import FLOAT_DIGITS
from flows.model.types.moment import MomentType
from flows.web.extract import Extract

SHEET_ROWS = 1_048_575
"""Rows of a sheet, less its header."""
CELL_CHARACTERS = 32_767
WIDEST = 60
"""Characters of a column that are shown at once, at most."""
FIRST_DAY = date(1900, 3, 1)
"""Spreadsheets count days from 1900 on, with a February 29th that there was not."""
READ_BYTES = 1 << 20
INSTEAD = "ask for CSV or Parquet: format=csv, or a file whose name ends in .csv or .parquet"
"""What to do where a sheet does not hold it."""


def require_sheet(rows: int, frame: pl.DataFrame) -> None:
    """Refuse what a sheet does not hold.

    Raises:
        QueryError: it has too many rows, or a text that is too long.
    """
    if rows > SHEET_ROWS:
        raise QueryError("A sheet does not hold so many rows", next_step=INSTEAD, got=rows, most=SHEET_ROWS)
    for name in (name for name, kind in frame.schema.items() if kind == pl.String):
        longest = frame[name].str.len_chars().max()
        if isinstance(longest, int) and longest > CELL_CHARACTERS:
            raise QueryError(
                "A cell of a sheet does not hold so long a text",
                next_step=INSTEAD,
                column=name,
                got=longest,
                most=CELL_CHARACTERS,
            )


def workbook(rows: Extract) -> Generator[bytes]:
    """The bytes of the file. Rows go to temporary files as they come, so that no more than some are in memory."""
    with tempfile.TemporaryFile() as file:
        with xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
            sheet = _Sheet(book, rows)
            for frame in rows.frames:
                sheet.write(frame)
                yield b""  # who asked may have left
            sheet.close()
        file.seek(0)
        while part := file.read(READ_BYTES):
            yield part


@dataclass
class _Sheet:
    """The sheet of the rows, and beside it that of what is to be known of them."""

    book: Any
    rows: Extract
    row: int = 0
    widths: dict[str, int] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sheet = self.book.add_worksheet(_sheet_name(str(self.rows.facts.get("dataset", "Rows"))))
        self.sheet.freeze_panes(1, 0)
        header = self.book.add_format({"bold": True})
        for place, name in enumerate(self.rows.columns):
            self.sheet.write_string(0, place, name, header)
            self.widths[name] = len(name) + 3  # the mark of the filter
        for each in self.rows.facts.get("caveats", ()):
            self.notes[f"Caveat: {each['dataset']}: {each['text']} ({each['command']})"] = None
        formats = {name: each.get("format") for name, each in self.rows.facts.get("measures", {}).items()}
        self._cells = [self._cell(name, each, formats.get(name)) for name, each in self.rows.columns.items()]

    def write(self, frame: pl.DataFrame) -> None:
        """Write rows below those that are there."""
        if self.row == 0:
            self._widen(frame)
        shown = frame.select(
            each.portable(pl.col(name)).dt.replace_time_zone(None)
            if isinstance(each, MomentType)
            else each.portable(pl.col(name))
            for name, each in self.rows.columns.items()
        )
        for values in shown.iter_rows():
            self.row += 1
            for place, value in enumerate(values):
                if value is not None:
                    self._cells[place](self.row, place, value)

    def close(self) -> None:
        """Set what the whole sheet has: its filter and its widths; then say what is to be known of it."""
        self.sheet.autofilter(0, 0, self.row, len(self.rows.columns) - 1)
        for place, width in enumerate(self.widths.values()):
            self.sheet.set_column(place, place, min(width, WIDEST))
        if self.notes:
            notes = self.book.add_worksheet("Notes")
            notes.set_column(0, 0, 120)
            for row, note in enumerate(self.notes):
                notes.write_string(row, 0, note)

    def _widen(self, frame: pl.DataFrame) -> None:
        """By the first rows; all are not looked at twice."""
        for name in self.rows.columns:
            lengths = frame[name].head(1_000).cast(pl.String).str.len_chars().max()
            self.widths[name] = max(self.widths[name], (lengths if isinstance(lengths, int) else 0) + 2)

    def _cell(self, name: str, kind: ColumnType, form: str | None) -> Callable[[int, int, Any], object]:
        """What writes a cell of a column."""
        style = self._style(kind, form)
        match kind.kind:
            case "date":
                return lambda row, place, value: self._write_day(name, row, place, value, style)
            case "datetime" | "moment":
                if isinstance(kind, MomentType):
                    self.notes[f"{name}: as clocks in {kind.zone} show it"] = None
                return lambda row, place, value: self._write_day(name, row, place, value, style)
            case "boolean":
                return lambda row, place, value: self.sheet.write_boolean(row, place, value, style)
            case _ if kind.sums is not None:
                return lambda row, place, value: self._write_number(name, row, place, value, style)
            case _:
                return lambda row, place, value: self.sheet.write_string(row, place, value)

    def _style(self, kind: ColumnType, form: str | None) -> Any:
        scale = getattr(kind, "scale", 0)
        plain = {"date": "yyyy-mm-dd", "datetime": "yyyy-mm-dd hh:mm:ss", "moment": "yyyy-mm-dd hh:mm:ss",
                 "integer": "0", "decimal": f"0.{'0' * scale}" if scale else "0"}  # fmt: skip
        number = plain.get(kind.kind) if form is None else sheet_format(NumberFormat.parse(form))
        return None if number is None else self.book.add_format({"num_format": number})

    def _write_number(self, name: str, row: int, place: int, value: int | float | Decimal, style: Any) -> None:
        text = _beyond_a_sheet(value)
        if text is None:
            self.sheet.write_number(row, place, float(value), style)
        else:
            self.sheet.write_string(row, place, text)
            self.notes[f"{name}: numbers of more than {FLOAT_DIGITS} digits are text, with all of them"] = None

    def _write_day(self, name: str, row: int, place: int, value: date | datetime, style: Any) -> None:
        if (value.date() if isinstance(value, datetime) else value) >= FIRST_DAY:
            self.sheet.write_datetime(row, place, value, style)
        else:
            self.sheet.write_string(row, place, value.isoformat())
            self.notes[f"{name}: days before {FIRST_DAY} are text, since spreadsheets do not count them"] = None


def sheet_format(form: NumberFormat) -> str:
    """How a sheet writes the numbers that people are to see in this form."""
    digits = ("#,##0" if form.thousands else "0") + ("." + "0" * form.decimals if form.decimals else "")
    return f"{_literal(form.prefix)}{digits}{'%' if form.percent else ''}{_literal(form.suffix)}"


def _literal(text: str) -> str:
    """A text in a sheet's format, where a quotation mark has no place."""
    return '"{}"'.format(text.replace('"', "”")) if text else ""


def _beyond_a_sheet(value: int | float | Decimal) -> str | None:
    """A number as text, where a cell, which holds a float, would not give it back with all its digits."""
    match value:
        case float():
            return None if isfinite(value) else str(value)
        case Decimal():
            return None if len(value.as_tuple().digits) <= FLOAT_DIGITS else decimal_text(value)
        case _:
            return None if abs(value) < 10**FLOAT_DIGITS else str(value)


def _sheet_name(name: str) -> str:
    """A name that a sheet may have."""
    kept = "".join(islice((char for char in name if char.isprintable() and char not in "[]:*?/\\"), 31)).strip("'")
    return kept if kept and kept.casefold() not in ("history", "notes") else "Rows"
