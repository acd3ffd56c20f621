"""Batches decided on facts alone, where a history on disk would seldom come by."""

from __future__ import annotations

from flows.model.lifecycle import Facts, PathFacts, State, VersionFacts
from flows.model.plan import Counters, Planner

DIGEST = b"d"


def path(name: bytes, id: int, state: State, *, place: int | None = None) -> PathFacts:
    version = VersionFacts(id, DIGEST, state)
    accepted = version if place is not None else None
    return PathFacts(name, id, place, accepted, version, history=frozenset({DIGEST} if accepted else ()))


def test_one_copy_takes_over_from_one_of_two_files_that_go_together() -> None:
    there = [path(b"a", 1, State.LOADED, place=1), path(b"b", 2, State.LOADED, place=2), path(b"c", 3, State.DUPLICATE)]
    planner = Planner(Facts({one.path: one for one in there}, unload_deleted=True), Counters(4, 4, 3), {})
    planner.mark_absent([b"a", b"b"])
    planner.leave([b"a", b"b"])
    decided = [(decision.action, decision.path, decision.other) for decision in planner.plan.decisions]
    assert decided == [("take_over", b"c", b"a"), ("unload", b"b", None)]
    assert planner.plan.retired == {2: (State.UNLOADED, "deleted")}
    assert planner.plan.paths[b"c"].place == 1
