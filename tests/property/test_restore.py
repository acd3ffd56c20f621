"""Random histories in which the ledger is lost, restored, and the history goes on."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.conftest import Note
from tests.property.histories import run_histories
from tests.property.test_invariant import Histories, settle_at_once  # noqa: F401  # a fixture that every history needs

EXAMPLES = 100
STEPS = 14
DEEP_EXAMPLES = 5_000
DEEP_PARTS = 10
DEEP_STEPS = 25

losses: Counter[str] = Counter()


class Losses(Histories):
    """The same histories, and now and then the ledger is backed up or lost."""

    @rule()
    def back_up(self) -> None:
        self.living.back_up()
        self.done("backup", step=False)

    @rule(pick=st.integers(0, 9))
    def lose(self, pick: int) -> None:
        self.living.lose(pick)
        losses["lost"] += 1
        self.done("loss", step=False)

    @rule(pick=st.integers(0, 9))
    def lose_again(self, pick: int) -> None:
        self.lose(pick)


def run(examples: int, *, steps: int, part: int = 0) -> None:
    """Run histories: the same ones every time, others in every part."""
    losses.clear()
    run_histories(Losses, examples, steps=steps, part=part)


def what_was_lost() -> str:
    """How often the ledger was lost."""
    assert losses["lost"] >= 50, losses
    return f"the ledger was lost {losses['lost']} times"


@pytest.mark.timeout(600)
def test_a_lost_ledger_is_restored_to_the_same_cube_whatever_comes_after(note: Note) -> None:
    run(EXAMPLES, steps=STEPS)
    note(what_was_lost())


@pytest.mark.deep
@pytest.mark.timeout(0)
@pytest.mark.parametrize("part", range(1, DEEP_PARTS + 1))
def test_very_many_lost_ledgers_are_restored_to_the_same_cube(note: Note, part: int) -> None:
    run(DEEP_EXAMPLES // DEEP_PARTS, steps=DEEP_STEPS, part=part)
    note(what_was_lost())
