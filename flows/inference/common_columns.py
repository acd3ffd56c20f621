"""Columns that files of several formats have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import dataframely as dy
import polars as pl

from flows.inference.columns import Column
from flows.inference.format_draft import FormatDraft
from flows.inference.values import read_values
from flows.model.tables import FILE
from flows.model.types.decimal import MOST_DIGITS

_NUMBERS = ("Int64", "Decimal", "Float64")
_COMPARED: dict[str, dy.Column] = {
    "Bool": dy.Bool(nullable=True), "Date": dy.Date(nullable=True), "Datetime": dy.Datetime(nullable=True),
    "Int64": dy.Int64(nullable=True), "Decimal": dy.Float64(nullable=True), "Float64": dy.Float64(nullable=True),
}  # fmt: skip
"""As what values are compared between files; others as text."""


@dataclass(frozen=True)
class FormatRows:
    """The rows of the samples of one format.

    Args:
        draft: what was understood of them.
        frame: their cells, and `_file`.
        names: the texts of the headers → the columns of the frame.
    """

    draft: FormatDraft
    frame: pl.DataFrame
    names: dict[str, str]


def join_columns(parts: Sequence[FormatRows]) -> tuple[Column, ...]:
    """The columns of all files, in the order of the first format, each of a type that holds the values of all."""
    texts = dict.fromkeys(each.text for part in parts for each in part.draft.columns.columns)
    rows = sum(part.frame.height for part in parts)
    return tuple(_joined(text, parts, rows) for text in texts)


def _joined(text: str, parts: Sequence[FormatRows], rows: int) -> Column:
    found = [each for part in parts for each in part.draft.columns.columns if each.text == text]
    column = reduce(_both, found)
    nullable = column.nullable or len(found) < len(parts)
    return replace(column, values=sum(each.values for each in found), rows=rows, nullable=nullable)


def _both(one: Column, other: Column) -> Column:
    nullable = one.nullable or other.nullable
    if not one.values or not other.values:
        return replace(one if one.values else other, nullable=True)
    if one.kind == other.kind == "Decimal" or {one.kind, other.kind} == {"Decimal", "Float64"}:
        return replace(_decimal(one, other), nullable=nullable)
    if one.kind == other.kind:
        return replace(one, nullable=nullable)
    for number, code in ((one, other), (other, one)):
        if number.kind == "Int64" and code.is_code:
            return replace(number, nullable=nullable)
    if one.kind in _NUMBERS and other.kind in _NUMBERS:
        return replace(one if _NUMBERS.index(one.kind) > _NUMBERS.index(other.kind) else other, nullable=nullable)
    why = f"{one.why} in some files, {other.why} in others"
    uncertain = f"{one.kind} or {other.kind}: save the files alike"
    return Column(one.text, "String", nullable, one.values, one.rows, why, uncertain=uncertain)


def _decimal(one: Column, other: Column) -> Column:
    """Exact numbers where all are written with few digits behind the point; a float where some have more."""
    exact = [each for each in (one, other) if each.kind == "Decimal"]
    digits = [[int(number) for number in each.arguments.split(",")] for each in exact]
    scale = max(each[1] if len(each) > 1 else 0 for each in digits)
    if any(each.places is None or each.places > scale for each in (one, other)):
        return next(each for each in (one, other) if each.kind == "Float64")
    most = max(each[0] for each in digits)
    return replace(exact[0], arguments=f"{min(most, MOST_DIGITS)}, {scale}")


def join_rows(parts: Sequence[FormatRows], columns: Sequence[Column]) -> pl.DataFrame:
    """The values of all files as they can be compared: a column for each text of a header, and `_file`."""
    frames, files = list[pl.DataFrame](), 0
    for part in parts:
        values = [_values(part, each) for each in columns if each.text in part.names]
        frames.append(pl.DataFrame([*values, part.frame[FILE] + files]))
        files += len(part.draft.samples)
    return pl.concat(frames, how="diagonal")


def _values(part: FormatRows, column: Column) -> pl.Series:
    cells, compared = part.frame[part.names[column.text]].alias(column.text), _COMPARED.get(column.kind)
    if compared is None:
        return cells.cast(pl.String)
    if cells.dtype != pl.String:
        return cells.cast(compared.dtype, strict=False)
    return read_values(compared, part.draft.cells_of(column.text), cells)
