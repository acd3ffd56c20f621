"""What the ledger knows of paths and versions, and what a look shows of them.

A **delivery** is a path, its bytes, and the values that the path gives. Each one that is judged is a **version** of its
path. Versions whose bytes and values are the same may share their rows: `content` names the version that brought them.
A content is in the cube as long as a version in LIVE has it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple


class State(StrEnum):
    """The state of a file version."""

    DETECTED = "detected"
    STAGED = "staged"
    LOADED = "loaded"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"
    UNLOADED = "unloaded"
    QUARANTINED = "quarantined"


LIVE = (State.STAGED, State.LOADED, State.DUPLICATE)
"""States of a version whose content is in the cube; a duplicate's is there through another path."""

Cause = Literal["deleted", "request", "lost", "renamed"]
Mode = Literal["arrival", "load", "force", "reload"]
"""Why a path is looked at: it arrived or changed by itself, or somebody asked for it."""


class Identity(NamedTuple):
    """What a delivery is apart from its path: the hash of its bytes, and the values that the path gives."""

    digest: bytes
    values: str = ""


class Mark(NamedTuple):
    """What tells a file that was renamed from one that was written."""

    inode: int
    mtime_ns: int
    size_bytes: int


@dataclass(frozen=True)
class VersionFacts:
    """What the ledger says about one version.

    Args:
        id: its number.
        identity: its bytes and values.
        state: what it is now.
        content: the version whose rows it has; None where it brought none.
        cause: why it is unloaded.
        reason: why it was refused, or who unloaded it, in words.
        warning: what people should know of it, though it was accepted.
    """

    id: int
    identity: Identity
    state: State
    content: int | None = None
    cause: Cause | None = None
    reason: str | None = None
    warning: str | None = None

    @property
    def live(self) -> bool:
        return self.state in LIVE


@dataclass(frozen=True)
class PathFacts:
    """What the ledger says about one path.

    Args:
        path: inside the landing directory, as the file system's bytes.
        id: the ledger's number; None for a path never seen.
        arrival: the number of its place: when it was first seen settled. None where a rename took it along.
        accepted: the last sound version that it showed; its rows are in the cube while its state is in LIVE.
        judged: the version that the bytes seen last are: `accepted`, or one that was refused.
        gave_up: deliveries that it had and gave up for others, as far as this question needs them.
        mark: of the file as it was last seen.
        present: whether the file was there when last looked.
    """

    path: bytes
    id: int | None = None
    arrival: int | None = None
    accepted: VersionFacts | None = None
    judged: VersionFacts | None = None
    gave_up: frozenset[Identity] = frozenset()
    mark: Mark | None = None
    present: bool = False

    @property
    def current(self) -> VersionFacts | None:
        """The version whose content is in the cube."""
        return self.accepted if self.accepted is not None and self.accepted.live else None

    @property
    def stale(self) -> bool:
        """Whether its bytes were refused, so that it still has what it showed before."""
        return self.judged is not None and self.judged.state is State.QUARANTINED


@dataclass(frozen=True)
class Observation:
    """Settled bytes at a path.

    Args:
        path: where.
        identity: the bytes, and the values that the path gives.
        mark: of the file.
        mode: why it is looked at.
    """

    path: bytes
    identity: Identity
    mark: Mark
    mode: Mode = "arrival"


Action = Literal["load", "share", "duplicate", "refuse", "unchanged", "rename", "hold", "unload", "keep", "promote"]


@dataclass(frozen=True)
class Decision:
    """What became of one path.

    Args:
        path: the path.
        action: `load` (its rows are new), `share` (they are in the cube already, through `other`), `duplicate` (of
            `other`: they do not count twice), `refuse`, `unchanged`, `rename` (it has the delivery of `other`, where
            that lay before), `hold` (it stays unloaded), `unload`, `keep` (the file is gone and its rows stay),
            `promote` (it was a duplicate of what has left).
        version: the version concerned.
        other: another path.
        cause: why it is unloaded.
        by: who asked for it; None where nobody did.
    """

    path: bytes
    action: Action
    version: int | None = None
    other: bytes | None = None
    cause: Cause | None = None
    by: str | None = None


class Facts:
    """The ledger's facts that a batch needs, and what the batch makes of them: of the paths that it names, and of every
    path that has, or gave up, one of the deliveries which the batch brings or takes from a path."""

    def __init__(self, paths: Iterable[PathFacts] = ()) -> None:
        self.paths: dict[bytes, PathFacts] = {}
        self._holders: dict[Identity, set[bytes]] = {}
        for path in paths:
            self.put(path)

    def put(self, path: PathFacts) -> None:
        """These are the facts of a path now."""
        before = self.paths.get(path.path)
        if before is not None and before.accepted is not None:
            self._holders[before.accepted.identity].discard(path.path)
        if path.accepted is not None:
            self._holders.setdefault(path.accepted.identity, set()).add(path.path)
        self.paths[path.path] = path

    def holders(self, identity: Identity) -> list[PathFacts]:
        """The paths of which this is the last sound delivery, in the order of their arrival."""
        return sorted((self.paths[name] for name in self._holders.get(identity, ())), key=by_arrival)

    def given_up(self) -> dict[Identity, int]:
        """Delivery → the lowest arrival of the paths that gave it up."""
        found: dict[Identity, int] = {}
        for path in self.paths.values():
            if path.arrival is not None:
                for identity in path.gave_up:
                    found[identity] = min(found.get(identity, path.arrival), path.arrival)
        return found


def by_arrival(path: PathFacts) -> tuple[int, bytes]:
    """Sorts paths by when they arrived."""
    return (path.arrival or 0, path.path)


def in_order(observations: Iterable[Observation]) -> list[Observation]:
    """The order inside a look, in which new places are given."""
    return sorted(observations, key=lambda seen: (seen.mark.mtime_ns, seen.path))
