"""Rows of a cube, as tests put them in, and as they take all of them out at once: the program does so in batches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from flows.cube.frames import row_columns
from flows.cube.port import Cube
from flows.model.tables import LINE, Table


def rows_of(table: Table, rows: Iterable[tuple[Any, ...]], version: int = 1) -> pl.DataFrame:
    """Rows of a table, all of one version, that stand below each other in its file, from line 2 on."""
    schema = {name: each.frame for name, each in row_columns(table).items()}
    numbered = [(*row, version, line) for line, row in enumerate(rows, start=2)]
    return pl.DataFrame(numbered, schema=schema, orient="row")


def with_lines(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows that stand below each other in a file, from line 2 on."""
    return rows.with_columns(pl.int_range(2, pl.len() + 2, dtype=pl.UInt32).alias(LINE))


def all_rows(cube: Cube, table: str) -> pl.DataFrame:
    """The rows with `_version` and `_line`, in no given order."""
    (known,) = (each for each in cube.model if each.name == table)
    return pl.concat([rows_of(known, []), *cube.batches(table)])
