"""What Atoti raises. Imports no atoti."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flows.cube.atoti.start import last_words
from flows.errors import CubefeedError, EngineFailed


@contextmanager
def failing(what: str, table: str) -> Iterator[None]:
    """Its exceptions have no public types: all but ours become EngineFailed."""
    try:
        yield
    except CubefeedError:
        raise
    except Exception as error:
        raise EngineFailed(
            f"Atoti did not {what} the table",
            next_step="start again: the cube is rebuilt from the ledger",
            table=table,
            error=last_words(error),
        ) from error
