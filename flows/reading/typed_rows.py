"""Rows of typed values: those that the declared columns hold, and what is found in the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dataframely as dy
import polars as pl

from flows.model.dataset import Dataset
from flows.model.finding_frame import NOTES, SHOWN, make_notes
from flows.model.formats import CellText
from flows.model.nulls import null_column, only_where
from flows.model.tables import FILE, LINE
from flows.model.types import type_of
from flows.reading.typed_columns import ReadColumn, as_text, read_column
from flows.validation.cost import Cost


@dataclass(frozen=True)
class TypedPart:
    """Some rows of a file.

    Args:
        frame: the dataset's header columns as they are declared, or as text where `prepare` is given them; and `_line`.
        notes: what is found in rows that are not in it.
        rows: how many rows there were.
    """

    frame: pl.DataFrame
    notes: pl.DataFrame
    rows: int = 0

    @classmethod
    def empty(cls, dataset: Dataset) -> TypedPart:
        """No rows."""
        dtypes = declared_types(dataset)
        return cls(pl.DataFrame(schema={**dtypes, LINE: pl.UInt32}), NOTES.to_frame())

    @classmethod
    def concat(cls, parts: Sequence[TypedPart]) -> TypedPart:
        """The rows of all parts, one part after the other."""
        rows = sum(part.rows for part in parts)
        return cls(pl.concat([part.frame for part in parts]), pl.concat([part.notes for part in parts]), rows)


def declared_types(dataset: Dataset) -> dict[str, pl.DataType]:
    """The header's columns as frames of typed rows have them."""
    columns = dataset.schema.columns() if dataset.prepare is None else {}
    return {name: columns[name].dtype if name in columns else pl.String() for name in dataset.header}


def split_rows(dataset: Dataset, cells: CellText, stored: Mapping[str, pl.Series], *, first_line: int) -> TypedPart:
    """Take out the rows that have a value which its column does not hold.

    Args:
        dataset: the declaration.
        cells: how values are read and written that are text.
        stored: the columns that there are, one at least; the others are null.
        first_line: the number of the first one in its file.
    """
    declared = dataset.schema.columns() if dataset.prepare is None else {}
    rows = len(next(iter(stored.values())))
    read = {name: _read(values, name, declared, cells) for name, values in stored.items()}
    lines = pl.int_range(first_line, first_line + rows, dtype=pl.UInt32, eager=True).alias(LINE)
    absent = [null_column(name, dtype, rows) for name, dtype in declared_types(dataset).items() if name not in read]
    frame = pl.DataFrame([*(each.values for each in read.values()), *absent, lines]).select(*dataset.header, LINE)
    unread = {name: each for name, each in read.items() if each.unread is not None}
    if not unread:
        return TypedPart(frame, NOTES.to_frame(), rows)
    hurt = pl.any_horizontal(pl.lit(each.unread) for each in unread.values())
    bad = frame.select(hurt).to_series()
    Cost(dataset).check_bad_rows(int(bad.sum()))
    notes = [_notes(dataset, lines, stored[name], each) for name, each in unread.items()]
    return TypedPart(frame.filter(~bad), pl.concat(notes), rows)


def _read(values: pl.Series, name: str, declared: Mapping[str, dy.Column], cells: CellText) -> ReadColumn:
    if name in declared:
        return read_column(values, declared[name], cells)
    return ReadColumn(as_text(values, cells), None, "text")


def _notes(dataset: Dataset, lines: pl.Series, stored: pl.Series, read: ReadColumn) -> pl.DataFrame:
    assert read.unread is not None
    column = dataset.schema.columns()[stored.name]
    return make_notes(
        pl.DataFrame({LINE: lines.filter(read.unread)}),
        **{FILE: pl.lit(0, pl.UInt32)},
        rank=pl.lit(dataset.header.index(stored.name)),
        rule=pl.lit(type_of(column).kind),
        column=pl.lit(stored.name),
        raw=_shown(stored.filter(read.unread)),
        expected=pl.lit(read.expected),
    )


def _shown(values: pl.Series) -> pl.Series:
    """Values as text, shortened; days and moments that are too far away for a year have none."""
    if values.dtype.is_temporal() and values.dtype not in (pl.Time, pl.Duration):
        values = only_where(values, values.dt.year().is_not_null())
    return values.cast(pl.String).str.head(SHOWN)
