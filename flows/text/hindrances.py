"""Why a dataset does not load now, in the words that the command line, the live page and `/health` share."""

from __future__ import annotations

from collections.abc import Iterator


def hindrances(*, degraded: str | None, problem: str | None) -> Iterator[str]:
    """What keeps a dataset from loading.

    Args:
        degraded: why it cannot load and is tried again.
        problem: why its landing directory cannot be used now.
    """
    if degraded:
        yield f"degraded: {degraded}"
    if problem:
        yield f"waiting, because {problem}"
