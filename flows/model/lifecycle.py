"""From what the ledger knows and what the directory shows to what becomes of each path.

Every path has a place in the order in which rows cover each other. It gets it when a version of it is first
accepted and keeps it through corrections, unloading, deletion and return. Only a takeover moves a place: when
a file is renamed, or goes while a copy of its bytes lies there, the new path takes the version and its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class State(StrEnum):
    """The state of a file version."""

    DETECTED = "detected"
    STAGED = "staged"
    LOADED = "loaded"
    SUPERSEDED = "superseded"
    UNLOADED = "unloaded"
    QUARANTINED = "quarantined"
    DUPLICATE = "duplicate"


LIVE = (State.STAGED, State.LOADED)
"""States of a version whose rows belong to the cube."""

Cause = Literal["deleted", "request", "retention", "lost"]
Mode = Literal["arrival", "load", "force", "reload"]
"""Why a path is looked at: it arrived or changed by itself, or somebody asked for it."""


@dataclass(frozen=True)
class VersionFacts:
    """What the ledger says about one version; `cause` says why it is unloaded."""

    id: int
    digest: bytes
    state: State
    cause: Cause | None = None


@dataclass
class PathFacts:
    """What the ledger says about one path.

    Args:
        path: relative to the landing directory, as the file system's bytes.
        id: the ledger's id; None for a path never seen.
        place: its place in the fold, once a version was accepted.
        accepted: the version accepted last; its rows are in the cube while its state is in LIVE.
        judged: the version that the bytes seen last are.
        present: whether the file was there when last looked.
        history: digests of all versions ever accepted at this path, as far as this question needs them.
    """

    path: bytes
    id: int | None = None
    place: int | None = None
    accepted: VersionFacts | None = None
    judged: VersionFacts | None = None
    present: bool = True
    history: frozenset[bytes] = frozenset()

    @property
    def current(self) -> VersionFacts | None:
        """The version whose rows are in the cube."""
        return self.accepted if self.accepted is not None and self.accepted.state in LIVE else None


@dataclass(frozen=True)
class Observation:
    """Settled bytes at a path: `digest` identifies the content together with the values taken from the name."""

    path: bytes
    digest: bytes
    mtime_ns: int
    mode: Mode = "arrival"


@dataclass(frozen=True)
class Decision:
    """What becomes of one path.

    Args:
        action: `accept` (check it and load it in place of `drops`; with `other`, at that gone path's place),
            `unchanged`, `duplicate` (of `other`), `take_over` (the version and place of `other`; drops what the
            path had), `kept_out` (stays unloaded), `unload`, `gone` (its rows stay).
        path: the path.
        drops: the version whose rows leave the cube.
        other: the other path concerned.
        cause: why it is unloaded.
        place: the place it has or takes over; None until it gets one.
    """

    action: Literal["accept", "unchanged", "duplicate", "take_over", "kept_out", "unload", "gone"]
    path: bytes
    drops: int | None = None
    other: bytes | None = None
    cause: Cause | None = None
    place: int | None = None


@dataclass
class Facts:
    """The ledger's facts that a batch of observations needs.

    Args:
        paths: facts of the observed and gone paths, and of every path that holds or copies their bytes.
        unload_deleted: the dataset's policy for deleted files.
    """

    paths: dict[bytes, PathFacts] = field(default_factory=dict)
    unload_deleted: bool = False

    def __post_init__(self) -> None:
        self._holders: dict[bytes, list[PathFacts]] = {}
        for path in self.paths.values():
            for digest in path.history:
                self._holders.setdefault(digest, []).append(path)

    def path(self, name: bytes) -> PathFacts:
        """The facts of a path; of one never seen, that it is absent."""
        if name not in self.paths:
            self.paths[name] = PathFacts(name, present=False)
        return self.paths[name]

    def holders(self, digest: bytes, but: PathFacts) -> list[PathFacts]:
        """Other paths at which these bytes were ever accepted, in the order of their places."""
        others = (path for path in self._holders.get(digest, ()) if path is not but)
        return sorted(others, key=lambda path: path.place if path.place is not None else -1)

    def copies(self) -> dict[bytes, PathFacts]:
        """Digest → the path that was first to show these bytes as a duplicate and still does."""
        found: dict[bytes, PathFacts] = {}
        for path in sorted(self.paths.values(), key=lambda path: path.judged.id if path.judged else 0):
            if path.present and path.judged is not None and path.judged.state is State.DUPLICATE:
                found.setdefault(path.judged.digest, path)
        return found

    def note_accepted(self, path: PathFacts, digest: bytes) -> None:
        """Remember that these bytes were accepted at this path."""
        if digest not in path.history:
            path.history |= {digest}
            self._holders.setdefault(digest, []).append(path)

    def inherit(self, giver: PathFacts, heir: PathFacts) -> None:
        """Give a gone path's place and history to another path."""
        for digest in giver.history:
            self._holders[digest].remove(giver)
            if digest not in heir.history:
                self._holders[digest].append(heir)
        heir.history, giver.history = heir.history | giver.history, frozenset()
        heir.place, giver.place = giver.place, None
        giver.accepted = giver.judged = None


def in_order(observations: Iterable[Observation]) -> list[Observation]:
    """The order inside a batch, in which new places are given."""
    return sorted(observations, key=lambda o: (o.mtime_ns, o.path))


def judge(facts: Facts, seen: Observation) -> Decision:
    """What becomes of a path that shows these bytes."""
    path = facts.path(seen.path)
    here = path.current
    current = here.id if here else None
    accept = Decision("accept", path.path, drops=current, place=path.place)
    if seen.mode == "force":
        return accept
    if here is not None and here.digest == seen.digest:
        return accept if seen.mode == "reload" else Decision("unchanged", path.path, place=path.place)
    if _stays_out(path, seen):
        return Decision("kept_out", path.path, place=path.place)
    if seen.mode == "arrival" and _refused_before(path, seen.digest):
        return Decision("unchanged", path.path, place=path.place)
    if seen.digest in path.history:
        return accept
    others = facts.holders(seen.digest, but=path)
    for other in others:
        if other.present or other.accepted is None or other.accepted.digest != seen.digest:
            continue
        returns = other.accepted.state is State.UNLOADED and other.accepted.cause in ("deleted", "lost")
        return Decision(
            "accept" if returns else "take_over", path.path, drops=current, other=other.path, place=other.place
        )
    return Decision("duplicate", path.path, other=others[0].path, place=path.place) if others else accept


def leave(facts: Facts, gone: bytes, copies: Mapping[bytes, PathFacts]) -> Decision | None:
    """What becomes of a path whose file is gone: a takeover by a copy, `unload` or `gone`.

    None for a path of which nothing was ever accepted.
    """
    path = facts.paths.get(gone)
    if path is None or path.accepted is None:
        return None
    heir = copies.get(path.accepted.digest)
    if heir is not None:
        drops = heir.current.id if heir.current else None
        return Decision("take_over", heir.path, drops=drops, other=gone, place=path.place)
    if facts.unload_deleted and path.current is not None:
        return Decision("unload", gone, drops=path.current.id, cause="deleted", place=path.place)
    return Decision("gone", gone, place=path.place)


def _refused_before(path: PathFacts, digest: bytes) -> bool:
    judged = path.judged
    return judged is not None and judged.digest == digest and judged.state is State.QUARANTINED


def _stays_out(path: PathFacts, seen: Observation) -> bool:
    """A version unloaded by request or retention stays out while its bytes lie there."""
    out = path.accepted
    return (
        out is not None
        and path.judged is not None
        and out.id == path.judged.id
        and out.state is State.UNLOADED
        and out.cause in ("request", "retention")
        and out.digest == seen.digest
        and seen.mode in ("arrival", "reload")
    )
