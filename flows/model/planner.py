"""What becomes of the paths of a look or a request: the rules of what a directory means, path by path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from flows.model.content_ranks import content_ranks
from flows.model.copies import settle_copies
from flows.model.findings import Verdict
from flows.model.lifecycle import (
    Cause,
    Facts,
    Observation,
    PathFacts,
    State,
    VersionFacts,
    in_order,
)
from flows.model.plan import Counters, Plan
from flows.model.plan_draft import PlanDraft
from flows.model.precedence import Meaning
from flows.model.renames import find_renames, members_moved


class Planner:
    """Decides a look, or a request, path by path; each decision sees what the earlier ones did.

    Args:
        facts: what the ledger knows.
        counters: the next free numbers.
        meaning: of the dataset's deliveries.
        verdicts: path → verdict, of the files that were checked. A file whose delivery is in the cube need not be.
        values_of: the values that a path gives.
        by: who asked for what is asked for.
    """

    def __init__(
        self,
        facts: Facts,
        counters: Counters,
        meaning: Meaning,
        *,
        verdicts: Mapping[bytes, Verdict],
        values_of: Callable[[bytes], str],
        by: str | None = None,
    ) -> None:
        self._facts = facts
        self._counters = counters
        self._meaning = meaning
        self._verdicts = verdicts
        self._values_of = values_of
        self._by = by
        self._held: set[bytes] = set()
        self._contents = {
            path.current.identity: path.current.content
            for path in facts.paths.values()
            if path.current is not None and path.current.content is not None
        }
        self._ranks_before = content_ranks(self._facts, self._meaning.precedence)
        self._draft = PlanDraft(facts, counters)
        self.plan = self._draft.plan

    def look(
        self,
        seen: Sequence[Observation],
        *,
        gone: Sequence[bytes],
        missing: Sequence[bytes] = (),
        archive_of: Callable[[bytes], bytes | None] = lambda _: None,
    ) -> None:
        """What settled or left since the last look.

        Args:
            seen: the settled files.
            gone: files that are no longer there.
            missing: files that are not there now, though perhaps not for good: they may have been renamed.
            archive_of: the archive in which a path lies; None where it lies in none.
        """
        seen = in_order(seen)
        renames = find_renames(self._facts.paths, seen, {*gone, *missing})
        refused = {old: new for old, new in renames.items() if self._is_refused(new)}
        along = members_moved(self._facts.paths, refused, {file.path for file in seen}, archive_of)
        renames = along | renames
        self._move(renames, along)
        for file in seen:
            self._show(file)
        for name in gone:
            if name in self._facts.paths and name not in renames:
                self._leave(self._facts.paths[name])

    def unload(self, names: Sequence[bytes]) -> None:
        """Take the rows of these paths out of the cube; in a table where equal deliveries count once, those bytes."""
        for name in names:
            path = self._facts.paths.get(name)
            if path is None or path.current is None:
                continue
            for each in self._facts.holders(path.current.identity) if self._meaning.one_counts else [path]:
                if each.current is not None:
                    cause: Cause = "request" if each.present else "deleted"
                    self._draft.restate(
                        each, State.UNLOADED, cause, reason=f"unloaded by {self._by}" if self._by else None
                    )
                    self._draft.decide(each.path, "unload", each.current.id, cause=cause, by=self._by)

    def finish(self) -> Plan:
        """Settle which of equal deliveries count, and say what the cube has to do."""
        if self._meaning.one_counts:
            settle_copies(self._draft)
        after = content_ranks(self._facts, self._meaning.precedence)
        plan = self.plan
        plan.left = self._ranks_before.keys() - after.keys()
        plan.ranks = {content: rank for content, rank in after.items() if self._ranks_before.get(content) != rank}
        plan.brought &= after.keys()
        return plan

    # What a look shows.

    def _move(self, renames: Mapping[bytes, bytes], along: Mapping[bytes, bytes]) -> None:
        """All at once, so that in chains and swaps each file keeps what it had: its delivery, and its place unless the
        new path has one of its own. Those that go along with a refused archive keep the values of their path too."""
        givers = {old: self._facts.paths[old] for old in renames}
        for old, giver in givers.items():
            self._draft.put(PathFacts(old, giver.id))
        for old, new in renames.items():
            giver, heir = givers[old], self._draft.path(new)
            if heir.arrival is None:
                heir = replace(heir, arrival=giver.arrival, gave_up=giver.gave_up)
                self.plan.histories.append((old, new))
            else:
                self.plan.forgotten.append(old)
                heir = self._draft.give_up(heir)
            accepted = giver.accepted
            if accepted is not None:
                self.plan.owners[accepted.id] = new
                heir = replace(heir, gave_up=heir.gave_up - {accepted.identity})
            refused = old in along or self._is_refused(new)
            if accepted is not None and not refused and accepted.identity.values != self._values_of(new):
                self._derive_anew(new, accepted)
                accepted = None
            if giver.judged is not None:
                self.plan.owners[giver.judged.id] = new
            judged = giver.judged if accepted is not None or refused else None
            self._draft.put(replace(heir, accepted=accepted, judged=judged, mark=giver.mark, present=True))
            self._draft.decide(new, "rename", giver.accepted.id if giver.accepted else None, other=old)

    def _is_refused(self, path: bytes) -> bool:
        verdict = self._verdicts.get(path)
        return verdict is not None and not verdict.accepted

    def _derive_anew(self, new: bytes, old: VersionFacts) -> None:
        """The new path gives other values, so that its rows are read again. Nobody gave the old ones up."""
        if old.cause == "request":
            self._held.add(new)
        self.plan.versions[old.id] = replace(old, state=State.SUPERSEDED, cause="renamed")

    def _show(self, file: Observation) -> None:
        path = replace(self._draft.path(file.path), present=True, mark=file.mark)
        if path.arrival is None:
            path = replace(path, arrival=self._counters.arrival)
            self._counters.arrival += 1
        verdict = self._verdicts.get(file.path)
        if verdict is not None and not verdict.accepted:
            self._refuse(path, file, verdict)
        elif self._is_held(path, file):
            self._hold(path, file)
        elif file.mode in ("force", "reload") and verdict is not None:
            self._load(path, file, verdict)
        elif path.current is not None and path.current.identity == file.identity and not self._counts_now(path.current):
            self._draft.put(replace(path, judged=path.current))
            self._draft.decide(file.path, "unchanged", path.current.id)
        elif self._meaning.shared and file.identity in self._contents:
            self._share(path, file)
        elif verdict is not None:
            self._load(path, file, verdict)
        else:
            self.plan.unchecked.add(file.path)

    def _counts_now(self, current: VersionFacts) -> bool:
        """Whether it was a duplicate when duplicates were declared otherwise."""
        return self._meaning.copies_count and current.state is State.DUPLICATE

    def _refuse(self, path: PathFacts, file: Observation, verdict: Verdict) -> None:
        shown = path.judged
        again = shown is not None and shown.state is State.QUARANTINED and shown.identity == file.identity
        if again and file.mode == "arrival" and shown is not None and shown.reason == verdict.reason:
            self._draft.put(path)
            self._draft.decide(path.path, "unchanged", shown.id)
            return
        version = self._draft.add_version(path, file, State.QUARANTINED, verdict, reason=verdict.reason)
        self._draft.put(replace(path, judged=version))
        self._draft.decide(path.path, "refuse", version.id)

    def _is_held(self, path: PathFacts, file: Observation) -> bool:
        """Whether somebody unloaded what it shows."""
        if file.mode in ("load", "force"):
            return False
        own = path.accepted
        if file.path in self._held or (own and own.cause == "request" and own.identity.digest == file.identity.digest):
            return True
        holders = self._facts.holders(file.identity) if self._meaning.one_counts else [path]
        return any(
            each.present and each.accepted is not None and each.accepted.identity == file.identity
            and each.accepted.cause == "request"
            for each in holders
        )  # fmt: skip

    def _hold(self, path: PathFacts, file: Observation) -> None:
        here = path.accepted
        if here is not None and here.identity == file.identity:
            out = self._draft.restate(path, State.UNLOADED, "request", reason=here.reason)
            self._draft.put(replace(self._facts.paths[path.path], judged=out))
        else:
            path = self._draft.give_up(path, file.identity)
            like = next((each.accepted for each in self._facts.holders(file.identity) if each.accepted), None)
            like_id, reason = (like.id, like.reason) if like is not None else (None, None)
            out = self._draft.add_version(
                path, file, State.UNLOADED, None, cause="request", reason=reason, like=like_id
            )
            self._draft.put(replace(path, accepted=out, judged=out, gave_up=path.gave_up - {file.identity}))
        self._draft.decide(path.path, "hold", out.id)

    def _share(self, path: PathFacts, file: Observation) -> None:
        """Its rows are in the cube already, or were at the last look."""
        content = self._contents[file.identity]
        other = next((p for p in self._facts.holders(file.identity) if p.path != path.path and p.current), None)
        path = self._draft.give_up(path, file.identity)
        version = self._draft.add_version(path, file, State.STAGED, None, content=content)
        self._draft.put(replace(path, accepted=version, judged=version, gave_up=path.gave_up - {file.identity}))
        self._release(file)
        self._draft.decide(path.path, "share", version.id, other=other.path if other else None, by=self._asker(file))

    def _load(self, path: PathFacts, file: Observation, verdict: Verdict) -> None:
        path = self._draft.give_up(path, file.identity)
        version = self._draft.add_version(path, file, State.STAGED, verdict)
        if verdict.rows:
            version = replace(version, content=version.id)
            self.plan.versions[version.id] = version
            self.plan.brought.add(version.id)
        self._draft.put(replace(path, accepted=version, judged=version, gave_up=path.gave_up - {file.identity}))
        if verdict.rows and self._meaning.shared:
            self._contents[file.identity] = version.id
            for other in self._facts.holders(file.identity):
                if other.current is not None and other.current.content != version.id:
                    self._draft.set_accepted(other, replace(other.current, content=version.id))
        self._release(file)
        self._draft.decide(path.path, "load", version.id, by=self._asker(file))

    def _asker(self, file: Observation) -> str | None:
        return self._by if file.mode != "arrival" else None

    def _release(self, file: Observation) -> None:
        """Where somebody asks for bytes that were unloaded, they are not held at other paths either."""
        if not self._meaning.one_counts or file.mode not in ("load", "force"):
            return
        for other in self._facts.holders(file.identity):
            if other.accepted is not None and other.accepted.cause == "request":
                out = replace(other.accepted, state=State.DUPLICATE, cause=None, reason=None)
                self._draft.set_accepted(other, replace(out, content=self._contents.get(file.identity)))

    def _leave(self, path: PathFacts) -> None:
        self._draft.put(path := replace(path, present=False, mark=None))
        current, accepted = path.current, path.accepted
        if current is not None and self._meaning.unload_deleted:
            self._draft.restate(path, State.UNLOADED, "deleted")
            self._draft.decide(path.path, "unload", current.id, cause="deleted")
        elif current is not None:
            self._draft.decide(path.path, "keep", current.id)
        elif accepted is not None:  # somebody has unloaded it before
            if accepted.cause == "request":
                self._draft.restate(path, State.UNLOADED, "deleted", reason=accepted.reason)
            self._draft.decide(path.path, "unload", accepted.id, cause="deleted")
