"""The invariant's test catches what it must catch: each of these mutants of a rule fails it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl
import pytest

import flows.model.planner as planning
import flows.store.ledger as ledger
import flows.store.ranks as ranks
from flows.ingest import cube_change
from flows.model import merge, precedence, renames
from flows.model.lifecycle import PathFacts, State
from flows.model.merge import last_by_rank
from flows.model.planner import Planner
from flows.model.precedence import Meaning, Rank
from flows.model.tables import LINE, Table
from flows.store.schema import versions
from tests.property.test_invariant import run, settle_at_once  # noqa: F401  # a fixture that every history needs

EXAMPLES = 800
"""At most; the first history that fails ends the search."""


def a_late_copy_covers_its_correction(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(precedence, "_arrival_rank", lambda arrival, given_up_at: (arrival, 1, 0))


def names_are_in_the_order_of_their_bytes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(precedence, "_name_rank", lambda path: path)


def a_covered_row_is_not_restored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cube_change, "_candidates", lambda dataset, plan, new, segments, at_stake: (new, plan.ranks))


def a_renamed_file_is_a_new_one(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(planning, "find_renames", lambda known, seen, away: {})


def what_was_moved_away_takes_the_place_along(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(renames, "_without_corrected", lambda found, away: found)


def equal_files_count_twice(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Meaning, "shared", property(lambda meaning: meaning.keyed))


def a_refused_correction_clears_the_rows(patch: pytest.MonkeyPatch) -> None:
    refuse = Planner._refuse

    def mutant(self: Planner, path: PathFacts, *others: Any) -> None:
        refuse(self, path, *others)
        if path.current is not None:
            self._draft.restate(self._facts.paths[path.path], State.UNLOADED, "deleted")

    patch.setattr(Planner, "_refuse", mutant)


def what_was_unloaded_comes_back_by_itself(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Planner, "_is_held", lambda self, path, file: False)


def staged_is_not_rolled_forward(patch: pytest.MonkeyPatch) -> None:
    loaded = versions.c.state != State.STAGED.value
    for module, names in ((ledger, ("_LIVE_IN_SEGMENTS", "_LIVE_IN_SOME_SEGMENTS")), (ranks, ("_PLACES",))):
        for name in names:
            patch.setattr(module, name, getattr(module, name).where(loaded))


def the_first_line_of_a_key_wins(patch: pytest.MonkeyPatch) -> None:
    def mutant(table: Table, rows: pl.DataFrame, ranks: Mapping[int, Rank]) -> pl.DataFrame:
        return last_by_rank(table, rows.with_columns(-pl.col(LINE).cast(pl.Int64)), ranks)

    patch.setattr(merge, "last_by_rank", mutant)


def null_is_the_greatest_value(patch: pytest.MonkeyPatch) -> None:
    def mutant(table: Table, rows: pl.DataFrame, ranks: Mapping[int, Rank]) -> pl.DataFrame:
        greatest = pl.col(table.greatest or LINE)
        return last_by_rank(table, rows.with_columns(greatest.fill_null(99)), ranks)

    patch.setattr(merge, "last_by_rank", mutant)


@pytest.mark.deep
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "mutate",
    [
        a_late_copy_covers_its_correction,
        names_are_in_the_order_of_their_bytes,
        a_covered_row_is_not_restored,
        a_renamed_file_is_a_new_one,
        what_was_moved_away_takes_the_place_along,
        equal_files_count_twice,
        a_refused_correction_clears_the_rows,
        what_was_unloaded_comes_back_by_itself,
        staged_is_not_rolled_forward,
        the_first_line_of_a_key_wins,
        null_is_the_greatest_value,
    ],
    ids=lambda mutate: mutate.__name__,
)
def test_a_mutant_is_caught(mutate: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    mutate(monkeypatch)
    with pytest.raises(AssertionError, match=r"rules|rebuilt"):
        run(EXAMPLES)
