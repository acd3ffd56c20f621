"""The invariant's test catches what it must catch: each of these mutants fails it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

import flows.model.plan as planning
import flows.store.ledger as ledger
from flows.ingest import cube_change
from flows.model.lifecycle import Decision, Facts, State, judge
from flows.model.plan import Planner
from tests.property.test_invariant import run, settle_at_once  # noqa: F401  # a fixture that every history needs

EXAMPLES = 800
"""At most; the first history that fails ends the search."""


def a_correction_moves_the_place(patch: pytest.MonkeyPatch) -> None:
    accept = Planner._accept

    def mutant(self: Planner, path: Any, seen: Any, decision: Decision) -> None:
        path.place = None
        accept(self, path, seen, decision)

    patch.setattr(Planner, "_accept", mutant)


def a_covered_row_is_not_restored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cube_change, "_candidates", lambda dataset, plan, new, places, segments: (new, places))


def a_stale_copy_wins(patch: pytest.MonkeyPatch) -> None:

    def mutant(facts: Facts, seen: Any) -> Decision:
        decision = judge(facts, seen)
        if decision.action != "duplicate":
            return decision
        current = facts.path(seen.path).current
        return Decision("accept", seen.path, drops=current.id if current else None, place=decision.place)

    patch.setattr(planning, "judge", mutant)


def a_refused_correction_clears_the_rows(patch: pytest.MonkeyPatch) -> None:
    accept = Planner._accept

    def mutant(self: Planner, path: Any, seen: Any, decision: Decision) -> None:
        accept(self, path, seen, decision)
        if path.judged.state is State.QUARANTINED and path.current:
            self._unload(path, "request")

    patch.setattr(Planner, "_accept", mutant)


def staged_is_not_rolled_forward(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ledger, "LIVE", (State.LOADED,))


def a_rename_moves_the_place(patch: pytest.MonkeyPatch) -> None:
    inherit, places = Facts.inherit, count(1_000)

    def mutant(self: Facts, giver: Any, heir: Any) -> None:
        inherit(self, giver, heir)
        heir.place = next(places)

    patch.setattr(Facts, "inherit", mutant)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "mutate",
    [
        a_correction_moves_the_place,
        a_covered_row_is_not_restored,
        a_stale_copy_wins,
        a_refused_correction_clears_the_rows,
        staged_is_not_rolled_forward,
        a_rename_moves_the_place,
    ],
    ids=lambda mutate: mutate.__name__,
)
def test_a_mutant_is_caught(mutate: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    mutate(monkeypatch)
    with pytest.raises(AssertionError, match=r"model|rebuilt"):
        run(EXAMPLES)
