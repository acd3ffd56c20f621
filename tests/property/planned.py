"""The planner over a directory that exists in memory only, beside the rules."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from flows.model.findings import Verdict
from flows.model.lifecycle import Facts, Identity, Mark, Mode, Observation, PathFacts
from flows.model.plan import Counters, Plan
from flows.model.planner import Planner
from flows.model.precedence import ByColumn, Meaning, Rank, rank_of
from tests.property.rules import Content, File, moment


def values_of(path: bytes) -> str:
    """The folder is a value."""
    folder, _, name = path.decode().rpartition("/")
    return folder if name else ""


def identity_of(path: bytes, content: Content) -> Identity:
    """Of what lies at a path."""
    return Identity(hashlib.sha1(repr(content).encode()).digest(), values_of(path))


class Planned:
    """A ledger in memory that plans change, and the cube that follows from what the plans say."""

    def __init__(self, meaning: Meaning) -> None:
        self.meaning = meaning
        self.paths: dict[bytes, PathFacts] = {}
        self.counters = Counters(1, 1, 1)
        self.live: dict[int, Rank] = {}
        self.rows: dict[int, tuple[Content, str]] = {}
        self._contents: dict[Identity, Content] = {}

    def look(self, files: dict[str, File], gone: Sequence[str], *, mode: Mode = "arrival") -> None:
        """These files settled, those are gone."""
        seen = [self._observation(name.encode(), file, mode) for name, file in files.items()]
        self._contents |= {each.identity: file.content for each, file in zip(seen, files.values(), strict=True)}
        verdicts = {
            each.path: Verdict(accepted=file.content.sound, rows=len(file.content.rows), reason=None)
            for each, file in zip(seen, files.values(), strict=True)
            if not self._is_known(each)
        }
        self._plan(seen, [name.encode() for name in gone], verdicts, unload=())

    def unload(self, name: str) -> None:
        """A person wants its rows out."""
        self._plan([], [], {}, unload=[name.encode()])

    def ranks(self) -> dict[int, Rank]:
        """What the paths as a whole say of the contents and their ranks."""
        found: dict[int, Rank] = {}
        given_up = Facts(self.paths.values()).given_up()
        for path in self.paths.values():
            has = path.current
            if has is not None and has.content is not None:
                rank = rank_of(self.meaning.precedence, path.path, path.arrival or 0, given_up.get(has.identity))
                found[has.content] = max(found.get(has.content, rank), rank)
        return found

    def cube(self) -> list[tuple[int, int, str]]:
        """The rows: key, value, folder."""
        in_order = sorted(self.live, key=self.live.__getitem__)
        rows = [(*row, self.rows[content][1]) for content in in_order for row in self.rows[content][0].rows]
        if not self.meaning.keyed:
            return sorted(rows)
        if isinstance(self.meaning.precedence, ByColumn):
            rows.sort(key=lambda row: (moment(row[1]) is not None, moment(row[1])))
        return sorted({row[0]: row for row in rows}.values())

    def _observation(self, path: bytes, file: File, mode: Mode) -> Observation:
        return Observation(path, identity_of(path, file.content), Mark(*file.mark), mode)

    def _is_known(self, seen: Observation) -> bool:
        return (
            seen.mode == "arrival"
            and self.meaning.shared
            and any(
                (has := path.current) and has.content is not None and has.identity == seen.identity
                for path in self.paths.values()
            )
        )

    def _plan(
        self,
        seen: Sequence[Observation],
        gone: Sequence[bytes],
        verdicts: dict[bytes, Verdict],
        unload: Sequence[bytes],
    ) -> None:
        names = [*(each.path for each in seen), *gone, *unload]
        facts, wanted = self._facts(names, {each.identity for each in seen})
        planner = Planner(facts, self.counters, self.meaning, verdicts=verdicts, values_of=values_of)
        planner.look(seen, gone=gone)
        planner.unload(unload)
        plan = planner.finish()
        assert not plan.unchecked
        self._write(plan, wanted)
        for version in plan.new:
            if version.id in plan.brought:
                content = self._contents[version.seen.identity]
                self.rows[version.id] = (content, version.seen.identity.values)

    def _facts(self, names: Sequence[bytes], identities: set[Identity]) -> tuple[Facts, set[Identity]]:
        """As a ledger gives them: of the paths named, and of those that have or gave up what is concerned."""
        named = [self.paths[name] for name in names if name in self.paths]
        wanted = identities.union(*(path.gave_up for path in named))
        wanted |= {path.accepted.identity for path in named if path.accepted}
        related = [
            path
            for path in self.paths.values()
            if path.gave_up & wanted or (path.accepted and path.accepted.identity in wanted) or path in named
        ]
        return Facts(replace(path, gave_up=path.gave_up & wanted) for path in related), wanted

    def _write(self, plan: Plan, wanted: set[Identity]) -> None:
        before = dict(self.paths)
        heirs = {heir: giver for giver, heir in plan.histories}
        for name, path in plan.paths.items():
            known = before.get(heirs.get(name, name))
            kept = known.gave_up - wanted if known and path.arrival is not None else frozenset[Identity]()
            self.paths[name] = replace(path, gave_up=path.gave_up | kept)
        for content in plan.left:
            del self.live[content]
        self.live |= plan.ranks
