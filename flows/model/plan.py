"""One batch, decided: what the ledger has to write and what the cube has to drop and take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from flows.model.files import shown
from flows.model.findings import Verdict
from flows.model.lifecycle import (
    Cause,
    Decision,
    Facts,
    Observation,
    PathFacts,
    State,
    VersionFacts,
    in_order,
    judge,
    leave,
)


@dataclass
class Counters:
    """The next free numbers; the one owner gives them out. Gaps are harmless."""

    path: int
    version: int
    place: int


@dataclass(frozen=True)
class NewVersion:
    """A version that this batch writes into the ledger for the first time."""

    id: int
    path_id: int
    path: bytes
    digest: bytes
    mtime_ns: int
    state: State
    place: int | None
    reason: str | None
    verdict: Verdict


@dataclass
class Plan:
    """What a batch does.

    Args:
        versions: new versions, in order; those STAGED bring rows.
        paths: all paths whose facts changed, as they are after the batch.
        retired: live versions whose rows leave the cube → the state that they get, and why.
        moved: (giver, heir) path ids: the accepted versions of the one now belong to the other.
        tops: whether every staged version stands above all that was there before.
        decisions: what became of each path, in order.
        unchecked: paths whose bytes have to be accepted now, though they were not checked: nothing is decided of them.
    """

    versions: list[NewVersion] = field(default_factory=list)
    paths: dict[bytes, PathFacts] = field(default_factory=dict)
    retired: dict[int, tuple[State, Cause | None]] = field(default_factory=dict)
    moved: list[tuple[int, int]] = field(default_factory=list)
    tops: bool = True
    decisions: list[Decision] = field(default_factory=list)
    unchecked: set[bytes] = field(default_factory=set)

    @property
    def staged(self) -> list[NewVersion]:
        return [v for v in self.versions if v.state is State.STAGED]


class Planner:
    """Decides a batch path by path; each decision sees what the earlier ones did.

    Args:
        facts: what the ledger says of these paths.
        counters: the next free numbers.
        verdicts: path → verdict, of those whose bytes were checked.
    """

    def __init__(self, facts: Facts, counters: Counters, verdicts: Mapping[bytes, Verdict]) -> None:
        self._facts = facts
        self._next = counters
        self._verdicts = verdicts
        self.plan = Plan()

    def observe(self, observations: Sequence[Observation]) -> None:
        """Decide what becomes of the paths seen."""
        for seen in observations:
            self._path(seen.path).present = True
        for seen in in_order(observations):
            path = self._path(seen.path)
            decision = judge(self._facts, seen)
            if decision.action == "accept" and seen.path not in self._verdicts:
                self.plan.unchecked.add(seen.path)
                continue
            match decision.action:
                case "accept":
                    self._accept(path, seen, decision)
                case "duplicate":
                    self._note_duplicate(path, seen, decision)
                case "take_over":
                    self._take_over(decision)
                case "unchanged" if path.current is not None and path.current.digest == seen.digest:
                    path.judged = path.current
                case _:
                    pass
            self._touch(path)
            self.plan.decisions.append(decision)

    def mark_absent(self, gone: Sequence[bytes]) -> None:
        """Say which files are not there, before `observe`, so that renamed files find their old path."""
        mark_present(self._facts, gone, present=False)

    def leave(self, gone: Sequence[bytes]) -> None:
        """Decide what becomes of the paths that are gone, after `observe` and `unload`."""
        copies = self._facts.copies()
        decided = {decision.path for decision in self.plan.decisions}
        for name in gone:
            if name in self._facts.paths:
                self._touch(self._facts.paths[name])
            decision = leave(self._facts, name, copies)
            if decision is None:
                continue
            if decision.action == "take_over":
                accepted = self._facts.path(name).accepted
                self._take_over(decision)
                copies.pop(accepted.digest if accepted else b"", None)
            elif decision.action == "unload":
                self._unload(self._facts.paths[name], "deleted")
            if decision.action != "gone" or name not in decided:
                self.plan.decisions.append(decision)

    def unload(self, paths: Sequence[bytes], cause: Cause) -> None:
        """Take the rows of these paths out of the cube."""
        for name in paths:
            path = self._facts.paths.get(name)
            if path is not None and path.current is not None:
                drops = path.current.id
                self._unload(path, cause)
                self.plan.decisions.append(Decision("unload", name, drops=drops, cause=cause, place=path.place))

    def _path(self, name: bytes) -> PathFacts:
        path = self._facts.path(name)
        if path.id is None:
            path.id, self._next.path = self._next.path, self._next.path + 1
        return path

    def _touch(self, path: PathFacts) -> None:
        self.plan.paths[path.path] = path

    def _accept(self, path: PathFacts, seen: Observation, decision: Decision) -> None:
        verdict = self._verdicts[seen.path]
        if not verdict.accepted:
            self._write(path, seen, State.QUARANTINED, None, verdict.reason, verdict)
            return
        if decision.other is not None:
            self._inherit(self._facts.paths[decision.other], path)
        if path.place is None:
            path.place, self._next.place = self._next.place, self._next.place + 1
        else:
            self.plan.tops = False
        self._retire(path, State.SUPERSEDED)
        path.accepted = self._write(path, seen, State.STAGED, path.place, None, verdict)
        self._facts.note_accepted(path, seen.digest)

    def _note_duplicate(self, path: PathFacts, seen: Observation, decision: Decision) -> None:
        judged = path.judged
        if judged is not None and judged.state is State.DUPLICATE and judged.digest == seen.digest:
            return
        self._write(path, seen, State.DUPLICATE, None, None, Verdict(accepted=False), other=decision.other)

    def _write(
        self,
        path: PathFacts,
        seen: Observation,
        state: State,
        place: int | None,
        reason: str | None,
        verdict: Verdict,
        other: bytes | None = None,
    ) -> VersionFacts:
        assert path.id is not None
        version, self._next.version = self._next.version, self._next.version + 1
        if other is not None:
            reason = f"the same bytes were loaded already from {shown(other)}"
        self.plan.versions.append(
            NewVersion(version, path.id, path.path, seen.digest, seen.mtime_ns, state, place, reason, verdict)
        )
        path.judged = VersionFacts(version, seen.digest, state)
        return path.judged

    def _take_over(self, decision: Decision) -> None:
        assert decision.other is not None
        giver, heir = self._facts.paths[decision.other], self._path(decision.path)
        version = giver.accepted
        self._retire(heir, State.SUPERSEDED)
        self._inherit(giver, heir)
        heir.accepted = heir.judged = version
        self._touch(heir)

    def _inherit(self, giver: PathFacts, heir: PathFacts) -> None:
        assert giver.id is not None and heir.id is not None
        self._facts.inherit(giver, heir)
        self.plan.moved.append((giver.id, heir.id))
        self._touch(giver)

    def _unload(self, path: PathFacts, cause: Cause) -> None:
        current = path.current
        assert current is not None
        self.plan.retired[current.id] = (State.UNLOADED, cause)
        out = VersionFacts(current.id, current.digest, State.UNLOADED, cause)
        if path.judged is not None and path.judged.id == current.id:
            path.judged = out
        path.accepted = out
        self._touch(path)

    def _retire(self, path: PathFacts, state: State) -> None:
        if path.current is not None:
            self.plan.retired[path.current.id] = (state, None)


def to_check(facts: Facts, observations: Iterable[Observation], *, absent: Iterable[bytes]) -> set[bytes]:
    """The paths that show bytes which would be accepted, so that they have to be checked.

    Args:
        facts: what the ledger says of these paths now; a batch that is committed meanwhile may change it.
        observations: what they show.
        absent: the paths that are not there any more.
    """
    observations = list(observations)
    mark_present(facts, absent, present=False)
    mark_present(facts, (seen.path for seen in observations), present=True)
    return {seen.path for seen in observations if judge(facts, seen).action == "accept"}


def mark_present(facts: Facts, paths: Iterable[bytes], *, present: bool) -> None:
    """Whether these paths, as far as they are known, are there."""
    for name in paths:
        if name in facts.paths:
            facts.paths[name].present = present
