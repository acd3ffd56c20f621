"""All rows of a table in a cube at once: the program itself takes them batch by batch."""

from __future__ import annotations

import polars as pl

from flows.cube.frames import row_columns
from flows.cube.port import Cube


def all_rows(cube: Cube, table: str) -> pl.DataFrame:
    """The rows with `_version`, in no given order."""
    (known,) = (each for each in cube.model if each.name == table)
    none = pl.DataFrame(schema={name: each.frame for name, each in row_columns(known).items()})
    return pl.concat([none, *cube.batches(table)])
