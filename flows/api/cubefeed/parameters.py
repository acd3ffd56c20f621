"""The parameters of the read API, from what callers write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

type Texts = str | Iterable[str]
"""One text or several."""


def texts(given: Texts) -> tuple[str, ...]:
    """Them all; of levels and measures of a schema, their names."""
    return (given,) if isinstance(given, str) else tuple(map(str, given))


def pairs(repeated: Mapping[str, Iterable[str]], given: Mapping[str, object]) -> list[tuple[str, str]]:
    """Parameters that may be given several times, and those that may be given once; None is not given."""
    once = [(name, "true" if value is True else str(value)) for name, value in given.items() if value is not None]
    return [(name, value) for name, values in repeated.items() for value in values] + once
