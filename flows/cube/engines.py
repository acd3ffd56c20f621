"""The engines by name. None is ever taken in place of another."""

from __future__ import annotations

import logging
from collections.abc import Callable

from flows.cube.atoti.start import TERMS
from flows.cube.port import Cube
from flows.errors import EngineUnavailable
from flows.model.tables import Table
from flows.settings import MEMORY

Tell = Callable[[str], None]

_log = logging.getLogger(__name__)


def open_cube(engine: str, model: tuple[Table, ...], *, memory: str = MEMORY, tell: Tell = _log.warning) -> Cube:
    """Open a cube that holds these tables, without rows.

    Args:
        engine: `duckdb` or `atoti`.
        model: the tables.
        memory: what the embedded engine may take, such as `4GB` or `60%`; Atoti's Java has a setting of its own.
        tell: says what a person has to know, before the engine starts.

    Raises:
        EngineUnavailable: there is no engine of that name, or it cannot start here.
    """
    if engine not in ENGINES:
        raise EngineUnavailable(
            "There is no engine of that name", next_step=f"use one of {', '.join(ENGINES)}", got=engine
        )
    return ENGINES[engine](model, memory, tell)


def _open_duckdb(model: tuple[Table, ...], memory: str, tell: Tell) -> Cube:
    from flows.cube.duckdb.engine import DuckDbCube

    return DuckDbCube(model, memory=memory)


def _open_atoti(model: tuple[Table, ...], memory: str, tell: Tell) -> Cube:
    tell(TERMS)  # before the import, which already counts as use
    from flows.cube.atoti.engine import AtotiCube

    return AtotiCube(model, tell=tell)


ENGINES: dict[str, Callable[[tuple[Table, ...], str, Tell], Cube]] = {"duckdb": _open_duckdb, "atoti": _open_atoti}
"""Name → how it is opened; importing an engine is left to its opening."""
