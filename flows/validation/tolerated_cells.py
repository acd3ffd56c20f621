"""What was let pass in cells because the format says so: thousands separators, other forms of dates, and so on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import dataframely as dy
import polars as pl

from flows.model.formats import CellText
from flows.model.tables import FILE, LINE
from flows.model.tolerances import Tolerance
from flows.model.types import type_of
from flows.text.plural import counted
from flows.validation.casts import TypedRows, held_cells


def tolerated_cells(
    schema: type[dy.Schema], cells: CellText, text: pl.DataFrame, typed: TypedRows
) -> Mapping[int, tuple[Tolerance, ...]]:
    """File → what its cells have beyond the plain form, each kind with its count and the first of them.

    Args:
        schema: the declared columns.
        cells: how they are written.
        text: the rows as text.
        typed: the same as values.
    """
    marked = [each for each in _marked_cells(schema, cells, text, typed) if each.height]
    if not marked:
        return {}
    found = dict[int, tuple[Tolerance, ...]]()
    kinds = pl.concat(marked).group_by(FILE, "kind", maintain_order=True)
    firsts = kinds.agg(pl.col("count").sum(), pl.col(LINE, "column", "raw").sort_by(LINE, maintain_order=True).first())
    for file, kind, count, line, column, raw in firsts.iter_rows():
        words = f"{counted(count, 'cell')} with {kind}, the first on line {line} in {column}"
        found[file] = (*found.get(file, ()), Tolerance(kind, words, count, raw))
    return found


def _marked_cells(
    schema: type[dy.Schema], cells: CellText, text: pl.DataFrame, typed: TypedRows
) -> Iterator[pl.DataFrame]:
    """Per column, mark and file: how many cells have it, and the first one."""
    for name, column in schema.columns().items():
        form, cell = cells.of(name), text[name]
        is_text = cell.dtype == pl.String
        marks = type_of(column).marks(cell, held_cells(cell, form), column, form) if is_text else {}
        flags = text.select(flag.alias(kind) for kind, flag in marks.items()) if marks else ()
        for kind, flag in zip(marks, flags, strict=True):
            read = flag & typed.frame[name].is_not_null()
            if read.any():
                yield _first_cells(text, name, kind, read)


def _first_cells(text: pl.DataFrame, column: str, kind: str, flag: pl.Series) -> pl.DataFrame:
    """How many cells of each file are flagged, and the first one; the rows of a file stand together."""
    runs = text[FILE].filter(flag).rle().struct.unnest()
    at = flag.arg_true().gather(runs["len"].cum_sum() - runs["len"])
    return text[at].select(FILE, LINE, count=runs["len"], raw=column, kind=pl.lit(kind), column=pl.lit(column))
