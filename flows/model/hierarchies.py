"""Hierarchies: levels that are drilled in an order, so that equal names under different parents stay apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Hierarchy:
    """Levels in the order in which they are drilled.

    Args:
        name: its name.
        levels: the names of its levels, the widest first.
    """

    name: str
    levels: tuple[str, ...]

    @property
    def steps(self) -> Mapping[str, tuple[str, ...]]:
        """What may be asked → the levels that it means: `Place` all of them, `Place.City` this one and its parents."""
        parts = {f"{self.name}.{level}": self.levels[: i + 1] for i, level in enumerate(self.levels)}
        return {self.name: self.levels, **parts}


def drilled(names: Iterable[str], hierarchies: Iterable[Hierarchy]) -> tuple[str, ...]:
    """The levels that names of levels and of hierarchies mean, each once, where it is first meant."""
    steps = {name: levels for hierarchy in hierarchies for name, levels in hierarchy.steps.items()}

    def meant() -> Iterator[str]:
        for name in names:
            yield from steps.get(name, (name,))

    return tuple(dict.fromkeys(meant()))
