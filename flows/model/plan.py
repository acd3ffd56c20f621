"""One batch, decided: what becomes of each path, what the ledger has to write, what the cube has to drop and take."""

from __future__ import annotations

from dataclasses import dataclass, field

from flows.model.findings import Verdict
from flows.model.lifecycle import (
    Decision,
    Observation,
    PathFacts,
    VersionFacts,
)
from flows.model.precedence import Rank


@dataclass
class Counters:
    """The next free numbers; the one owner gives them out. Gaps are harmless."""

    path: int
    version: int
    arrival: int


@dataclass(frozen=True)
class NewVersion:
    """A version that this batch writes into the ledger for the first time; its state is in `Plan.versions`.

    Args:
        id: its number.
        path: where it was seen.
        seen: the file.
        verdict: what the checks say of it; None where it was not checked.
        like: where it was not checked, the version whose counts it has.
    """

    id: int
    path: bytes
    seen: Observation
    verdict: Verdict | None
    like: int | None = None


@dataclass
class Plan:
    """What a batch does.

    Args:
        new: versions, in order.
        versions: version → its facts after the batch: of the new ones, and of all that changed.
        paths: all paths whose facts changed, as they are after the batch.
        histories: (giver, heir): all versions of the one path belong to the other now.
        owners: version → the path that it belongs to now.
        forgotten: paths whose place went to nobody, so that what they gave up counts no more.
        decisions: what became of each path, in order.
        replaced: path → what it had in the cube before it showed something else.
        path_ids: path → its number, of all that the decisions name.
        unchecked: paths that show a delivery which has left the cube since they were looked at, so that they have to be
            checked after all: nothing is decided of them.
        brought: contents whose rows come with this batch.
        left: contents whose rows leave the cube.
        ranks: content → rank, of those that came and of those whose rank changed.
    """

    new: list[NewVersion] = field(default_factory=list)
    versions: dict[int, VersionFacts] = field(default_factory=dict)
    paths: dict[bytes, PathFacts] = field(default_factory=dict)
    histories: list[tuple[bytes, bytes]] = field(default_factory=list)
    owners: dict[int, bytes] = field(default_factory=dict)
    forgotten: list[bytes] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    replaced: dict[bytes, VersionFacts] = field(default_factory=dict)
    path_ids: dict[bytes, int] = field(default_factory=dict)
    unchecked: set[bytes] = field(default_factory=set)
    brought: set[int] = field(default_factory=set)
    left: set[int] = field(default_factory=set)
    ranks: dict[int, Rank] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not self.new and not self.paths

    @property
    def staged(self) -> list[NewVersion]:
        """The versions whose rows come with this batch."""
        return [version for version in self.new if version.id in self.brought]
