"""Truth values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import dataframely as dy
import polars as pl
import pyarrow as pa

from flows.model.formats import CellText
from flows.model.types.base import ColumnType

_PAIRS = (
    ("true", "false"), ("True", "False"), ("TRUE", "FALSE"), ("yes", "no"), ("Yes", "No"), ("YES", "NO"), ("Y", "N"),
    ("ja", "nein"), ("Ja", "Nein"), ("JA", "NEIN"), ("1", "0"),
)  # fmt: skip
"""Words that files have for truth."""
_WRITTEN = {"true": True, "false": False}


class BooleanType(ColumnType):
    """True and false, in the dataset's own words."""

    def read(self, text: pl.Series, held: pl.Expr, column: dy.Column, cells: CellText) -> pl.Expr:
        return pl.when(held.is_in(list(cells.true))).then(True).when(held.is_in(list(cells.false))).then(False)

    def options(self, texts: Sequence[str], cells: CellText) -> Iterator[tuple[str, CellText]]:
        for true, false in _PAIRS:
            more: dict[str, Any] = {"true": (*cells.true, true), "false": (*cells.false, false)}
            if not {true, false} & {*cells.true, *cells.false}:
                yield ", ".join(f"{name}={words!r}" for name, words in more.items()), replace(cells, **more)

    def expected(self, column: dy.Column, cells: CellText) -> str:
        return f"one of {', '.join((*cells.true, *cells.false))}"

    def text(self, values: pl.Series, cells: CellText) -> pl.Series:
        return values.replace_strict({True: cells.true[0], False: cells.false[0]}, return_dtype=pl.String)

    def parse(self, text: str) -> bool:
        if text.lower() not in _WRITTEN:
            raise ValueError(text)
        return _WRITTEN[text.lower()]

    def answer(self, found: pl.DataType, column: pl.Expr) -> pl.Expr:
        return column.str.to_lowercase() == "true" if found == pl.String else super().answer(found, column)


BOOLEAN = BooleanType(
    kind="boolean",
    declared=(dy.Bool,),
    frame=pl.Boolean(),
    arrow=pa.bool_(),
    duckdb="BOOLEAN",
    atoti="boolean",
    page="boolean",
    values=(bool,),
)
