"""A plan while it is made: the facts as they have become, and what has to be written for it."""

from __future__ import annotations

from dataclasses import replace

from flows.model.findings import Verdict
from flows.model.lifecycle import (
    Action,
    Cause,
    Decision,
    Facts,
    Identity,
    Observation,
    PathFacts,
    State,
    VersionFacts,
)
from flows.model.plan import Counters, NewVersion, Plan


class PlanDraft:
    """Changes facts, and keeps in a plan what has changed.

    Args:
        facts: what the ledger knows.
        counters: the next free numbers.
    """

    def __init__(self, facts: Facts, counters: Counters) -> None:
        self.facts = facts
        self.plan = Plan()
        self._counters = counters

    def path(self, name: bytes) -> PathFacts:
        """The facts of a path, which gets a number where it was never seen."""
        path = self.facts.paths.get(name, PathFacts(name))
        if path.id is None:
            path = replace(path, id=self._counters.path)
            self._counters.path += 1
            self.facts.put(path)
        return path

    def put(self, path: PathFacts) -> None:
        """These are the facts of a path now."""
        self.facts.put(path)
        self.plan.paths[path.path] = path

    def give_up(self, path: PathFacts, seen: Identity | None = None) -> PathFacts:
        """What the path had is replaced. It gave nothing up where it shows the same bytes, and only the values that it
        gives are others, since they are declared otherwise."""
        old = path.accepted
        if old is None:
            return path
        same = seen is not None and seen != old.identity and seen.digest == old.identity.digest
        if old.live and old.content is not None and not same:
            self.plan.replaced.setdefault(path.path, old)
        cause: Cause | None = "renamed" if same else None
        self.plan.versions[old.id] = replace(old, state=State.SUPERSEDED, cause=cause, reason=None)
        path = replace(path, accepted=None, gave_up=path.gave_up | (frozenset() if same else {old.identity}))
        self.put(path)
        return path

    def restate(
        self, path: PathFacts, state: State, cause: Cause | None = None, *, reason: str | None = None
    ) -> VersionFacts:
        """What a path has is in another state now."""
        assert path.accepted is not None
        return self.set_accepted(path, replace(path.accepted, state=state, cause=cause, reason=reason))

    def set_accepted(self, path: PathFacts, accepted: VersionFacts) -> VersionFacts:
        """What a path has is this now."""
        self.plan.versions[accepted.id] = accepted
        judged = accepted if path.judged is not None and path.judged.id == accepted.id else path.judged
        self.put(replace(path, accepted=accepted, judged=judged))
        return accepted

    def add_version(
        self,
        path: PathFacts,
        file: Observation,
        state: State,
        verdict: Verdict | None,
        *,
        content: int | None = None,
        cause: Cause | None = None,
        reason: str | None = None,
        like: int | None = None,
    ) -> VersionFacts:
        """A version that the ledger does not know yet."""
        number, self._counters.version = self._counters.version, self._counters.version + 1
        version = VersionFacts(number, file.identity, state, content, cause, reason)
        self.plan.new.append(NewVersion(number, path.path, file, verdict, like or content))
        self.plan.versions[number] = version
        return version

    def decide(
        self, path: bytes, action: Action, version: int | None = None, *, other: bytes | None = None,
        cause: Cause | None = None, by: str | None = None,
    ) -> None:  # fmt: skip
        """Note what became of a path."""
        self.plan.decisions.append(Decision(path, action, version, other, cause, by))
        for name in (path, other):
            if name is not None and (number := self.facts.paths[name].id) is not None:
                self.plan.path_ids[name] = number
