"""One batch, decided: what becomes of each path, what the ledger has to write, what the cube has to drop and take."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

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
    by_arrival,
    in_order,
)
from flows.model.precedence import Meaning, Rank, rank_of
from flows.model.renames import find_renames


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
        self._next = counters
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
        self._ranks_before = self._ranks()
        self.plan = Plan()

    def look(self, seen: Sequence[Observation], *, gone: Sequence[bytes], missing: Sequence[bytes] = ()) -> None:
        """What settled or left since the last look.

        Args:
            seen: the settled files.
            gone: files that are no longer there.
            missing: files that are not there now, though perhaps not for good: they may have been renamed.
        """
        seen = in_order(seen)
        renames = find_renames(self._facts.paths, seen, {*gone, *missing})
        self._move(renames)
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
                    self._restate(each, State.UNLOADED, cause, reason=f"unloaded by {self._by}" if self._by else None)
                    self._decide(each.path, "unload", each.current.id, cause=cause, by=self._by)

    def finish(self) -> Plan:
        """Settle which of equal deliveries count, and say what the cube has to do."""
        if self._meaning.one_counts:
            self._settle_copies()
        after = self._ranks()
        plan = self.plan
        plan.left = self._ranks_before.keys() - after.keys()
        plan.ranks = {content: rank for content, rank in after.items() if self._ranks_before.get(content) != rank}
        plan.brought &= after.keys()
        return plan

    # What a look shows.

    def _move(self, renames: Mapping[bytes, bytes]) -> None:
        """All at once, so that in chains and swaps each file keeps what it had: its delivery, and its place unless the
        new path has one of its own."""
        givers = {old: self._facts.paths[old] for old in renames}
        for old, giver in givers.items():
            self._put(PathFacts(old, giver.id))
        for old, new in renames.items():
            giver, heir = givers[old], self._path(new)
            if heir.arrival is None:
                heir = replace(heir, arrival=giver.arrival, gave_up=giver.gave_up)
                self.plan.histories.append((old, new))
            else:
                self.plan.forgotten.append(old)
                heir = self._give_up(heir)
            accepted = giver.accepted
            if accepted is not None:
                self.plan.owners[accepted.id] = new
                heir = replace(heir, gave_up=heir.gave_up - {accepted.identity})
            refused = self._is_refused(new)
            if accepted is not None and not refused and accepted.identity.values != self._values_of(new):
                self._derive_anew(new, accepted)
                accepted = None
            if giver.judged is not None:
                self.plan.owners[giver.judged.id] = new
            judged = giver.judged if accepted is not None or refused else None
            self._put(replace(heir, accepted=accepted, judged=judged, mark=giver.mark, present=True))
            self._decide(new, "rename", giver.accepted.id if giver.accepted else None, other=old)

    def _is_refused(self, path: bytes) -> bool:
        verdict = self._verdicts.get(path)
        return verdict is not None and not verdict.accepted

    def _derive_anew(self, new: bytes, old: VersionFacts) -> None:
        """The new path gives other values, so that its rows are read again. Nobody gave the old ones up."""
        if old.cause == "request":
            self._held.add(new)
        self.plan.versions[old.id] = replace(old, state=State.SUPERSEDED, cause="renamed")

    def _show(self, file: Observation) -> None:
        path = replace(self._path(file.path), present=True, mark=file.mark)
        if path.arrival is None:
            path = replace(path, arrival=self._next.arrival)
            self._next.arrival += 1
        verdict = self._verdicts.get(file.path)
        if verdict is not None and not verdict.accepted:
            self._refuse(path, file, verdict)
        elif self._is_held(path, file):
            self._hold(path, file)
        elif file.mode in ("force", "reload") and verdict is not None:
            self._load(path, file, verdict)
        elif path.current is not None and path.current.identity == file.identity:
            self._put(replace(path, judged=path.current))
            self._decide(file.path, "unchanged", path.current.id)
        elif self._meaning.shared and file.identity in self._contents:
            self._share(path, file)
        elif verdict is not None:
            self._load(path, file, verdict)
        else:
            self.plan.unchecked.add(file.path)

    def _refuse(self, path: PathFacts, file: Observation, verdict: Verdict) -> None:
        shown = path.judged
        again = shown is not None and shown.state is State.QUARANTINED and shown.identity == file.identity
        if again and file.mode == "arrival" and shown is not None and shown.reason == verdict.reason:
            self._put(path)
            self._decide(path.path, "unchanged", shown.id)
            return
        version = self._version(path, file, State.QUARANTINED, verdict, reason=verdict.reason)
        self._put(replace(path, judged=version))
        self._decide(path.path, "refuse", version.id)

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
            out = self._restate(path, State.UNLOADED, "request", reason=here.reason)
            self._put(replace(self._facts.paths[path.path], judged=out))
        else:
            path = self._give_up(path, file.identity)
            like = next((each.accepted for each in self._facts.holders(file.identity) if each.accepted), None)
            like_id, reason = (like.id, like.reason) if like is not None else (None, None)
            out = self._version(path, file, State.UNLOADED, None, cause="request", reason=reason, like=like_id)
            self._put(replace(path, accepted=out, judged=out, gave_up=path.gave_up - {file.identity}))
        self._decide(path.path, "hold", out.id)

    def _share(self, path: PathFacts, file: Observation) -> None:
        """Its rows are in the cube already, or were at the last look."""
        content = self._contents[file.identity]
        other = next((p for p in self._facts.holders(file.identity) if p.path != path.path and p.current), None)
        path = self._give_up(path, file.identity)
        version = self._version(path, file, State.STAGED, None, content=content)
        self._put(replace(path, accepted=version, judged=version, gave_up=path.gave_up - {file.identity}))
        self._release(file)
        self._decide(path.path, "share", version.id, other=other.path if other else None, by=self._asker(file))

    def _load(self, path: PathFacts, file: Observation, verdict: Verdict) -> None:
        path = self._give_up(path, file.identity)
        version = self._version(path, file, State.STAGED, verdict)
        if verdict.rows:
            version = replace(version, content=version.id)
            self.plan.versions[version.id] = version
            self.plan.brought.add(version.id)
        self._put(replace(path, accepted=version, judged=version, gave_up=path.gave_up - {file.identity}))
        if verdict.rows and self._meaning.shared:
            self._contents[file.identity] = version.id
            for other in self._facts.holders(file.identity):
                if other.current is not None and other.current.content != version.id:
                    self._set(other, replace(other.current, content=version.id))
        self._release(file)
        self._decide(path.path, "load", version.id, by=self._asker(file))

    def _asker(self, file: Observation) -> str | None:
        return self._by if file.mode != "arrival" else None

    def _release(self, file: Observation) -> None:
        """Where somebody asks for bytes that were unloaded, they are not held at other paths either."""
        if not self._meaning.one_counts or file.mode not in ("load", "force"):
            return
        for other in self._facts.holders(file.identity):
            if other.accepted is not None and other.accepted.cause == "request":
                out = replace(other.accepted, state=State.DUPLICATE, cause=None, reason=None)
                self._set(other, replace(out, content=self._contents.get(file.identity)))

    def _leave(self, path: PathFacts) -> None:
        self._put(path := replace(path, present=False, mark=None))
        current, accepted = path.current, path.accepted
        if current is not None and self._meaning.unload_deleted:
            self._restate(path, State.UNLOADED, "deleted")
            self._decide(path.path, "unload", current.id, cause="deleted")
        elif accepted is not None:
            if accepted.cause == "request":
                self._restate(path, State.UNLOADED, "deleted", reason=accepted.reason)
            self._decide(path.path, "keep", accepted.id)

    def _settle_copies(self) -> None:
        """Of the paths with one delivery the first counts; it is the one that counted before, if there is one."""
        holders: dict[Identity, list[PathFacts]] = {}
        for path in sorted(self._facts.paths.values(), key=by_arrival):
            if path.current is not None and path.current.content is not None:
                holders.setdefault(path.current.identity, []).append(path)
        for paths in holders.values():
            counts = next((p for p in paths if p.current and p.current.state is not State.DUPLICATE), paths[0])
            for path in paths:
                self._count(path, counts)

    def _count(self, path: PathFacts, counts: PathFacts) -> None:
        current = path.current
        assert current is not None
        if path is counts and current.state is State.DUPLICATE:
            self._restate(path, State.STAGED)
            self._decide(path.path, "promote", current.id)
        elif path is not counts and current.state is not State.DUPLICATE:
            self._restate(path, State.DUPLICATE)
            self._decide(path.path, "duplicate", current.id, other=counts.path)

    # What changes.

    def _path(self, name: bytes) -> PathFacts:
        path = self._facts.paths.get(name, PathFacts(name))
        if path.id is None:
            path = replace(path, id=self._next.path)
            self._next.path += 1
            self._facts.put(path)
        return path

    def _put(self, path: PathFacts) -> None:
        self._facts.put(path)
        self.plan.paths[path.path] = path

    def _give_up(self, path: PathFacts, seen: Identity | None = None) -> PathFacts:
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
        self._put(path)
        return path

    def _restate(
        self, path: PathFacts, state: State, cause: Cause | None = None, *, reason: str | None = None
    ) -> VersionFacts:
        assert path.accepted is not None
        return self._set(path, replace(path.accepted, state=state, cause=cause, reason=reason))

    def _set(self, path: PathFacts, accepted: VersionFacts) -> VersionFacts:
        self.plan.versions[accepted.id] = accepted
        judged = accepted if path.judged is not None and path.judged.id == accepted.id else path.judged
        self._put(replace(path, accepted=accepted, judged=judged))
        return accepted

    def _version(
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
        number, self._next.version = self._next.version, self._next.version + 1
        version = VersionFacts(number, file.identity, state, content, cause, reason)
        self.plan.new.append(NewVersion(number, path.path, file, verdict, like or content))
        self.plan.versions[number] = version
        return version

    def _decide(
        self, path: bytes, action: Action, version: int | None = None, *, other: bytes | None = None,
        cause: Cause | None = None, by: str | None = None,
    ) -> None:  # fmt: skip
        self.plan.decisions.append(Decision(path, action, version, other, cause, by))
        for name in (path, other):
            if name is not None and (number := self._facts.paths[name].id) is not None:
                self.plan.path_ids[name] = number

    def _ranks(self) -> dict[int, Rank]:
        """Content → the highest rank of the paths that have it."""
        given_up = self._facts.given_up()
        found: dict[int, Rank] = {}
        for path in self._facts.paths.values():
            current = path.current
            if current is None or current.content is None:
                continue
            rank = rank_of(self._meaning.precedence, path.path, path.arrival or 0, given_up.get(current.identity))
            found[current.content] = max(found.get(current.content, rank), rank)
        return found
