"""The directory where `up` is started, from which Prefect takes settings."""

from __future__ import annotations

import os
from pathlib import Path

from flows.errors import StateError
from flows.runtime.permissions import weakness_inside, weakness_of

CONFIGURATION = (".env", "prefect.toml", "pyproject.toml")
"""Files that Prefect reads where it is started."""


def require_own_working_directory() -> None:
    """What Prefect reads in the directory where it is started is code: its settings name a logging configuration, and
    that one names what to call. What is started here reads them again and again, and nobody else may write them.

    Raises:
        StateError: others can.
    """
    here = Path.cwd()
    weakness = weakness_inside(here)
    for file in (here / name for name in CONFIGURATION):
        weakness = weakness or (weakness_of(file) if os.path.lexists(file) else None)
    if weakness is not None:
        raise StateError(
            f"Prefect takes settings from the directory where it is started, and {weakness.what}",
            next_step="start in another directory" + (f", or type: {weakness.fix}" if weakness.fix else ""),
            directory=here,
        )
