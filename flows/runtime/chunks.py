"""Things put together until they are large enough to be worked on together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator


def group_by_size[T](things: Iterable[T], size: Callable[[T], int], most: int) -> Iterator[list[T]]:
    """The things in their order, as many together as are no larger than `most`; a larger one is alone."""
    group: list[T] = []
    total = 0
    for thing in things:
        if group and total + size(thing) > most:
            yield group
            group, total = [], 0
        group.append(thing)
        total += size(thing)
    if group:
        yield group
