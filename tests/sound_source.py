"""What is shown where nothing is known to be wrong with it."""

from __future__ import annotations

from flows.model.caveats import AnswerContext
from flows.model.query import Query


class SoundSource:
    """The part of a `Source` that says what is wrong with answers."""

    def context(self, _: Query) -> AnswerContext:
        """Nothing is."""
        return AnswerContext()

    def state_mark(self) -> str | None:
        """It is not said whether it changes."""
        return None
