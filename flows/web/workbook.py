"""Rows as a workbook. The only module that imports XlsxWriter."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import islice
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
DAY_0 = date(1899, 12, 30)
FIRST_DAY = date(1900, 3, 1)
"""From here on they are days since day 0: spreadsheets count from 1900 on, with a February 29th that there was not."""
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
        self.styles = [self._style(each, formats.get(name)) for name, each in self.rows.columns.items()]
        for name, each in self.rows.columns.items():
            if isinstance(each, MomentType):
                self.notes[f"{name}: as clocks in {each.zone} show it"] = None

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
        columns = [self._cells(name, each, shown[name]) for name, each in self.rows.columns.items()]
        for cells in zip(*columns, strict=True):
            self.row += 1
            for place, cell in enumerate(cells):
                match cell:
                    case None:
                        continue
                    case str():
                        self.sheet.write_string(self.row, place, cell)
                    case bool():
                        self.sheet.write_boolean(self.row, place, cell)
                    case _:
                        self.sheet.write_number(self.row, place, cell, self.styles[place])

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

    def _style(self, kind: ColumnType, form: str | None) -> Any:
        scale = getattr(kind, "scale", 0)
        plain = {"date": "yyyy-mm-dd", "datetime": "yyyy-mm-dd hh:mm:ss", "moment": "yyyy-mm-dd hh:mm:ss",
                 "integer": "0", "decimal": f"0.{'0' * scale}" if scale else "0"}  # fmt: skip
        number = plain.get(kind.kind) if form is None else sheet_format(NumberFormat.parse(form))
        return None if number is None else self.book.add_format({"num_format": number})

    def _cells(self, name: str, kind: ColumnType, values: pl.Series) -> list[float | str | bool | None]:
        """The cells of a column: a number where a sheet has one for the value, which a day and a moment are too."""
        match kind.kind:
            case "date" | "datetime" | "moment":
                fits, numbers, text = _days(values)
                note = f"days before {FIRST_DAY} are text, since spreadsheets do not count them"
            case _ if kind.sums is not None:
                fits, numbers, text = _numbers(values)
                note = f"numbers of more than {FLOAT_DIGITS} digits are text, with all of them"
            case _:
                return values.to_list()
        cells = numbers.to_list()
        for place in (~fits).arg_true():
            cells[place] = text(values[place])
            self.notes[f"{name}: {note}"] = None
        return cells


type _Cells = tuple[pl.Series, pl.Series, Callable[[Any], str]]
"""Which values a number of a sheet gives back in full; these numbers; and how another one is written as text."""


def _days(values: pl.Series) -> _Cells:
    moments = values.cast(pl.Datetime("us"))
    dates = moments.dt.date()
    days = dates.to_physical() - (DAY_0 - date(1970, 1, 1)).days
    seconds = (moments - dates.cast(pl.Datetime("us"))).dt.total_microseconds() / 1e6
    return dates >= FIRST_DAY, days + seconds / 86_400, lambda value: value.isoformat()


def _numbers(values: pl.Series) -> _Cells:
    """A cell holds a float: a number of more digits than that has is text."""
    if values.dtype.is_float():
        return values.is_finite(), values, str
    if isinstance(values.dtype, pl.Decimal):
        most = Decimal(10**FLOAT_DIGITS - 1).scaleb(-values.dtype.scale)
        return values.is_between(-most, most), values.cast(pl.Float64), decimal_text
    return values.is_between(-(10**FLOAT_DIGITS) + 1, 10**FLOAT_DIGITS - 1), values, str


def sheet_format(form: NumberFormat) -> str:
    """How a sheet writes the numbers that people are to see in this form."""
    digits = ("#,##0" if form.thousands else "0") + ("." + "0" * form.decimals if form.decimals else "")
    return f"{_literal(form.prefix)}{digits}{'%' if form.percent else ''}{_literal(form.suffix)}"


def _literal(text: str) -> str:
    """A text in a sheet's format, where a quotation mark has no place."""
    return '"{}"'.format(text.replace('"', "”")) if text else ""


def _sheet_name(name: str) -> str:
    """A name that a sheet may have."""
    kept = "".join(islice((char for char in name if char.isprintable() and char not in "[]:*?/\\"), 31)).strip("'")
    return kept if kept and kept.casefold() not in ("history", "notes") else "Rows"
