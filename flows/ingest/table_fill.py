"""Filling a table of the cube from the segments, which are repaired before."""

from __future__ import annotations

import logging
from collections.abc import Callable

from flows.cube.port import LiveSegment
from flows.ingest.availability import Availability
from flows.ingest.commit import Appender
from flows.ingest.dataset_state import DatasetState
from flows.ingest.day_derivation import derive_days
from flows.ingest.meaning_change import adopt_meaning, adopt_prepare
from flows.ingest.path_values import derive_values_anew
from flows.ingest.repair import SegmentRepair
from flows.ingest.resources import Resources
from flows.ingest.work import Outcome, Work
from flows.model.dataset import Dataset
from flows.runtime.boundaries import DatasetFailed, Scope, boundary
from flows.runtime.progress import Show, progress_here, progress_shown_by
from flows.store.archive_members import file_signatures
from flows.store.batches import mark_loaded
from flows.store.row_files import row_sources
from flows.store.upkeep import horizon_of, keys_differ, live_rows
from flows.text.plural import counted

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Called with a dataset's name, how much is done, and of how much."""


class TableFill:
    """Fills tables. All of it runs in the thread that writes the cube."""

    def __init__(self, resources: Resources, appender: Appender, availability: Availability) -> None:
        self._resources = resources
        self._appender = appender
        self._availability = availability
        self._repair = SegmentRepair(resources.ledger, resources.segments, resources.quarantine, resources.crashes)

    def fill(self, state: DatasetState, progress: Progress | None = None) -> Outcome:
        """Repair a dataset's segments and fill its table; where that fails the dataset is degraded."""
        name, ledger = state.dataset.name, self._resources.ledger
        try:
            with boundary(Scope.DATASET):
                derive_values_anew(state.dataset, ledger)
                state.repairs = self._repair.repair(state.dataset, state.monitor.read_thread)
                self._appender.live.forget(name)
                adopt_meaning(state.dataset, ledger, lambda live: self._appender.live.parts(name, live))
                adopt_prepare(state.dataset, ledger)
                state.monitor.inbox.reset(file_signatures(ledger, state.dataset))
                rows = live_rows(ledger, name)
                differ = keys_differ(ledger, name, rows)
            with progress_shown_by(_counted(name, rows, progress)):
                held = self.rebuild(state.dataset, keys_differ=differ)
            with boundary(Scope.CUBE):
                mark_loaded(ledger, {name: held})
        except DatasetFailed as failed:
            return self._availability.degrade(state, Work(name), failed)
        derive_days(state.dataset, ledger, lambda: self._appender.live.all(state.dataset))
        state.filled = True
        self._appender.unapplied.discard(name)
        return self._availability.recover(state)

    def rebuild(self, dataset: Dataset, *, keys_differ: bool = False) -> int:
        """Fill one table from the live rows of its segments. Returns its rows.

        Args:
            dataset: whose table.
            keys_differ: whether no live row covers another.
        """
        resources, name = self._resources, dataset.name
        with resources.segments.reading():
            parts = self._appender.live.all(dataset)
            live = [LiveSegment(part.path, part.ranks, part.facts.keys_repeat) for part in parts]
            horizon = horizon_of(resources.ledger, dataset)
            contents = [content for part in parts for content in part.ranks]
            sources = row_sources(resources.ledger, contents, dataset.expect)
            with boundary(Scope.CUBE):
                rows = resources.cube.rebuild(
                    dataset.table.name, live, horizon, keys_differ=keys_differ, sources=sources
                )
        log.info("%s: %s rebuilt from %s", name, counted(rows, "row"), counted(len(parts), "segment"))
        return rows

    def repair_damaged(self, state: DatasetState) -> list[str]:
        """Repair the segments that were damaged since the start, and fill the table again where there are any.

        Returns what was done, in sentences.
        """
        name = state.dataset.name
        with self._appender.ahead(name):
            with boundary(Scope.DATASET):
                done = self._repair.repair_damaged(state.dataset, state.monitor.read_thread)
                self._appender.live.forget(name)
                if done.damaged:
                    state.add_repairs(done)
                    state.monitor.inbox.reset(file_signatures(self._resources.ledger, state.dataset))
            if done.damaged:
                self.rebuild(state.dataset)
        return done.words()


def _counted(name: str, total: int, progress: Progress | None) -> Show:
    """Shows how many of a table's rows are done, and what its work showed before."""
    before, done = progress_here(), 0

    def show(rows: int) -> None:
        nonlocal done
        done += rows
        before(rows)
        if progress:
            progress(name, done, total)

    if progress:
        progress(name, 0, total)
    return show
