"""How random histories are run."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

PHASES = [Phase.explicit, Phase.generate]
"""Without shrinking, which takes minutes here: add Phase.shrink to look at a failure."""


def run_histories(machine: type[RuleBasedStateMachine], examples: int, *, steps: int, part: int) -> None:
    """Run histories: the same ones every time, others in every part.

    Args:
        machine: what may happen.
        examples: how many histories.
        steps: how many steps each has at most.
        part: each has a seed of its own, so that several processes can share the work.
    """
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
        phases=PHASES,
        database=None,
    )
    run_state_machine_as_test(seed(part)(machine), settings=chosen)
