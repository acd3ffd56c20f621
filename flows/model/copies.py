"""Tables without a key: which of equal deliveries counts."""

from __future__ import annotations

from flows.model.lifecycle import Identity, PathFacts, State, by_arrival
from flows.model.plan_draft import PlanDraft


def settle_copies(draft: PlanDraft) -> None:
    """Of the paths with one delivery the first counts; it is the one that counted before, if there is one."""
    holders: dict[Identity, list[PathFacts]] = {}
    for path in sorted(draft.facts.paths.values(), key=by_arrival):
        if path.current is not None and path.current.content is not None:
            holders.setdefault(path.current.identity, []).append(path)
    for paths in holders.values():
        counts = next((p for p in paths if p.current and p.current.state is not State.DUPLICATE), paths[0])
        for path in paths:
            _count(draft, path, counts)


def _count(draft: PlanDraft, path: PathFacts, counts: PathFacts) -> None:
    current = path.current
    assert current is not None
    if path is counts and current.state is State.DUPLICATE:
        draft.restate(path, State.STAGED)
        draft.decide(path.path, "promote", current.id)
    elif path is not counts and current.state is not State.DUPLICATE:
        draft.restate(path, State.DUPLICATE)
        draft.decide(path.path, "duplicate", current.id, other=counts.path)
