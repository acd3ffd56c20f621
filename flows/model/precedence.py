"""Which delivery covers another where they hold the same keys."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, assert_never


@dataclass(frozen=True)
class ByArrival:
    """What arrived later covers what arrived earlier; a late copy of bytes that were corrected since stays below the
    correction."""


@dataclass(frozen=True)
class ByName:
    """The later name covers the earlier one, in natural order: `snap_9` before `snap_10`."""


@dataclass(frozen=True)
class ByColumn:
    """The row with the greatest value covers the others; null is lowest, then the name decides, then the line.

    Args:
        column: a column of the schema.
    """

    column: str


type Precedence = ByArrival | ByName | ByColumn


class Rank(Protocol):
    """Where a content stands among those of its dataset: the higher covers the lower."""

    def __lt__(self, other: Any, /) -> bool: ...


@dataclass(frozen=True)
class Meaning:
    """What a dataset's deliveries mean.

    Args:
        keyed: whether its table has keys.
        precedence: which delivery covers another.
        copies_count: tables without keys: whether equal deliveries all count.
        unload_deleted: whether the rows of deleted files leave.
    """

    keyed: bool
    precedence: Precedence = field(default_factory=ByArrival)
    copies_count: bool = False
    unload_deleted: bool = False

    @property
    def shared(self) -> bool:
        """Whether equal deliveries have their rows in common."""
        return self.keyed or not self.copies_count

    @property
    def one_counts(self) -> bool:
        """Whether of equal deliveries one is loaded, and the others are duplicates of it."""
        return not self.keyed and not self.copies_count


_EXTENSION = re.compile(r"(?:\.[A-Za-z][A-Za-z0-9]{0,7})*$")
_RUNS = re.compile(r"[0-9]+|[^0-9]+")


def rank_of(precedence: Precedence, path: bytes, arrival: int, given_up_at: int | None) -> Rank:
    """Where a delivery stands among the others of its dataset. By column this decides only between equal values.

    Args:
        precedence: the dataset's.
        path: where it lies.
        arrival: the number of the path's place.
        given_up_at: the lowest arrival of the paths that had the same delivery and gave it up; None where none did.
    """
    match precedence:
        case ByArrival():
            return _arrival_rank(arrival, given_up_at)
        case ByName() | ByColumn():
            return _name_rank(path)
        case _:
            assert_never(precedence)


def _arrival_rank(arrival: int, given_up_at: int | None) -> Rank:
    """Where the path arrived, or just below the first path that gave these bytes up, whichever is lower."""
    if given_up_at is None or arrival <= given_up_at:
        return (arrival, 1, 0)
    return (given_up_at, 0, arrival)


def _name_rank(path: bytes) -> Rank:
    """Natural order of a path, component by component, the extensions apart; ties by bytes."""
    return (tuple(_component(part) for part in os.fsdecode(path).split("/")), path)


def _component(name: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    extension = _EXTENSION.search(name)
    at = extension.start() if extension is not None and extension.start() > 0 else len(name)
    runs = _RUNS.findall(name[:at])
    return tuple((0, int(run), "") if run.isdigit() else (1, 0, run) for run in runs), name[at:]


def dense(ranks: Mapping[int, Rank]) -> dict[int, int]:
    """Contents in the order of their ranks, as numbers."""
    return {content: number for number, content in enumerate(sorted(ranks, key=ranks.__getitem__))}


def highest(ranks: Iterable[Rank]) -> Rank | None:
    """The highest of some ranks; None where there are none."""
    found: Rank | None = None
    for rank in ranks:
        if found is None or found < rank:
            found = rank
    return found
