"""The engines by name."""

from __future__ import annotations
from collections.abc import Callable
from flows.core.model import Table
from flows.cube.port import Cube


def open_cube(engine: str, model: tuple[Table, ...], *, tell: Callable[[str], None]) -> Cube:
    from flows.cube.duckdb_cube import DuckDbCube

    return DuckDbCube(model)
