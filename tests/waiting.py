"""Waiting for a condition, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

PATIENCE_S = 90.0
"""How long a condition is waited for: a limit for a machine that is very busy, not a length that anything takes."""


def until[T](
    look: Callable[[], T | None],
    *,
    what: str = "what is waited for",
    patience_s: float = PATIENCE_S,
    every_s: float = 0.05,
) -> T:
    """What `look` returns once that is true; it fails when that takes too long. An AssertionError or an HTTP error
    counts as not yet."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            found, why = look(), ""
        except (AssertionError, httpx.HTTPError) as error:
            found, why = None, str(error)
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience_s:g} s: {what} {why}")
        time.sleep(every_s)
