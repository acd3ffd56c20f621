"""Append a checked batch: decide, write the segment, stage, change the cube, record."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from flows.cube.port import Cube
from flows.ingest.archive_paths import away_of, signatures_of, unsure_archives
from flows.ingest.checked_files import CheckedFiles
from flows.ingest.checks import observation
from flows.ingest.compaction import compact, is_crowded
from flows.ingest.cube_change import change_set, keys_at_stake
from flows.ingest.day_changes import BatchDays, arrived_days, rows_by_day
from flows.ingest.file_outcomes import file_outcomes
from flows.ingest.live_segments import LiveSegments
from flows.ingest.lost_keys import warn_of_lost_keys
from flows.ingest.open_days import OpenDays
from flows.ingest.restatements import restate
from flows.ingest.work import CheckedBatch, Outcome, Work
from flows.model.business_day import BusinessDay
from flows.model.dataset import Dataset
from flows.model.lifecycle import PathFacts
from flows.model.plan import Plan
from flows.model.planner import Planner
from flows.model.tables import FILE, LINE, VERSION
from flows.reading.readers import reader_of
from flows.runtime.boundaries import DatasetFailed, Scope, boundary
from flows.store.batches import mark_loaded, prepare_batch, stage_batch
from flows.store.ledger import Ledger
from flows.store.path_facts import batch_facts
from flows.store.quarantine import Quarantine
from flows.store.segments import Segments

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Commit:
    """What a batch has done.

    Args:
        batch: what was committed.
        outcome: what became of each file.
        touched: the paths whose facts it has changed.
        further: files that it has left as they were: what was committed since they were read has changed what is to
            become of them, so that they have to be checked after all.
    """

    batch: CheckedBatch
    outcome: Outcome
    touched: Sequence[PathFacts] = ()
    further: Work | None = None


@dataclass(frozen=True)
class _Batch:
    """A batch with what was decided of it."""

    dataset: Dataset
    checked: CheckedBatch
    plan: Plan


class _Staged(NamedTuple):
    """The number of a batch, and when it was staged."""

    batch: int
    staged_utc: str


class Appender:
    """Writes batches: one at a time, from one thread.

    The order of a commit: segment durable → ledger staged → cube changed → ledger loaded. A crash at any
    point rolls forward, since every start rebuilds the cube from the ledger.
    """

    def __init__(self, ledger: Ledger, segments: Segments, quarantine: Quarantine, cube: Cube) -> None:
        self._ledger = ledger
        self._segments = segments
        self._quarantine = quarantine
        self._cube = cube
        self._counters = ledger.counters()
        self.live = LiveSegments(ledger, segments)
        self.open_days = OpenDays(ledger)
        self.unapplied: set[str] = set()
        """Datasets of which the ledger holds what the cube does not: their tables have to be filled again."""

    def append(self, dataset: Dataset, checked: CheckedBatch) -> Commit:
        """Bring a piece of work into the cube.

        Raises:
            DatasetFailed: it cannot be written now. Either nothing has changed, or the dataset is `unapplied`.
            SessionFailed: the cube or the ledger failed; the next start rolls forward what was staged.
        """
        with boundary(Scope.CUBE):
            return self._append(dataset, checked)

    def _append(self, dataset: Dataset, checked: CheckedBatch) -> Commit:
        started = time.monotonic()
        batch = self._decide(dataset, checked)
        work, plan = batch.checked.work, batch.plan
        dry_run = work.request is not None and work.request.payload.dry_run
        changes = not dry_run and not plan.empty
        batch_id, days = self._commit(batch) if changes else (None, [])
        outcome = Outcome(
            dataset.name,
            files=tuple(file_outcomes(plan, batch.checked)),
            rows=sum(version.verdict.rows for version in plan.staged if version.verdict),
            batch=batch_id,
            took_s=time.monotonic() - started,
            detection_s=() if work.request else work.detection_s,
            request=work.request.id if work.request else None,
            dry_run=dry_run,
            days=tuple(day.change for day in days if day.change is not None),
        )
        touched = list(plan.paths.values()) if changes else ()
        return Commit(batch.checked, outcome, touched, checked.work.again(plan.unchecked) if plan.unchecked else None)

    @contextmanager
    def ahead(self, name: str) -> Iterator[None]:
        """The ledger of a dataset is ahead of the cube until the block has ended; it stays so where that fails."""
        self.unapplied.add(name)
        yield
        self.unapplied.discard(name)

    def compact(self, dataset: Dataset) -> None:
        """Compact the dataset's segments."""
        self.live.forget(dataset.name)  # even when it fails half way
        compact(dataset, self._ledger, self._segments)

    def compact_if_crowded(self, dataset: Dataset) -> None:
        """Compact where there are many small segments."""
        if is_crowded(self.live.of(dataset.name).values()):
            self.compact_if_possible(dataset)

    def compact_if_possible(self, dataset: Dataset) -> None:
        """Compact; what hinders it can wait until the next time."""
        try:
            with boundary(Scope.DATASET):
                self.compact(dataset)
        except DatasetFailed as failed:
            log.warning("%s: its segments could not be compacted, which is tried again: %s", dataset.name, failed)

    def _decide(self, dataset: Dataset, checked: CheckedBatch) -> _Batch:
        """What becomes of each path, by what the ledger says now that the batch before is in it."""
        work = checked.work
        observations = [observation(read) for read in checked.reads.values()]
        away = away_of(dataset, self._ledger, checked)
        others = {*away.gone, *away.missing, *work.unload, *away.in_refused}
        facts = batch_facts(self._ledger, dataset.name, seen=observations, others=others)
        if unsure := unsure_archives(dataset, checked, facts):
            whole = {path for path in checked.reads if path in unsure or dataset.archive_of(path) in unsure}
            batch = self._decide(dataset, checked.without(whole))
            batch.plan.unchecked.update(unsure)
            return batch
        planner = Planner(
            facts,
            self._counters,
            dataset.meaning,
            verdicts=checked.checked.verdicts,
            values_of=dataset.path_values,
            by=work.request.who if work.request is not None else None,
        )
        planner.look(observations, gone=away.gone, missing=away.missing, archive_of=dataset.archive_of)
        planner.unload(work.unload)
        plan = planner.finish()
        return _Batch(dataset, checked.without(plan.unchecked), plan)

    def _commit(self, batch: _Batch) -> tuple[int, list[BusinessDay]]:
        """Returns the number of the batch, and the days that it has changed."""
        dataset, rows = batch.dataset, _rows_of(batch)
        at_stake = self._keys_at_stake(batch, rows)
        days = self._days_of(batch, rows)
        staged = self._stage(batch, rows, days.changed)
        self.open_days.note(dataset.name, days.after)
        with self.ahead(dataset.name):
            with boundary(Scope.DATASET):  # it may read other segments, one of which was damaged since the start
                change = change_set(
                    dataset,
                    batch.plan,
                    rows,
                    ledger=self._ledger,
                    segments=self.live,
                    staged_utc=staged.staged_utc,
                    at_stake=at_stake,
                )
            if not change.empty:
                self._cube.apply(change)
        try:
            with boundary(Scope.CUBE):
                mark_loaded(self._ledger, {dataset.name: self._cube.row_count(dataset.table.name)})
        except DatasetFailed as failed:
            log.warning("%s: the batch is in the cube but still staged in the ledger: %s", dataset.name, failed)
        left = batch.plan.left if self.open_days.has_closed(dataset.name) else set()
        corrected = restate(dataset, self._ledger, self._cube, self.live, came=days.after, left=left)
        return staged.batch, [*days.changed, *corrected]

    def _days_of(self, batch: _Batch, rows: pl.DataFrame) -> BatchDays:
        """The days that a batch may change; none, usually: they have come before."""
        came, name = rows_by_day(batch.dataset, rows), batch.dataset.name
        news = {day: came[day] for day in self.open_days.others(name, came)}
        return arrived_days(batch.dataset, self._ledger, batch.plan, batch.checked, news)

    def _keys_at_stake(self, batch: _Batch, rows: pl.DataFrame) -> pl.DataFrame | None:
        """They are read before the batch is staged, so that its warnings are written with it. Where a segment cannot be
        read, that comes out once it is staged, and the table is filled again."""
        dataset, plan = batch.dataset, batch.plan
        if not dataset.table.keys or not plan.left:
            return None
        try:
            with boundary(Scope.DATASET):
                at_stake = keys_at_stake(dataset, plan, self.live)
                warn_of_lost_keys(dataset.table, plan, rows, at_stake)
        except DatasetFailed:
            return None
        return at_stake

    def _stage(self, batch: _Batch, rows: pl.DataFrame, days: Iterable[BusinessDay]) -> _Staged:
        dataset = batch.dataset
        footer = prepare_batch(
            self._ledger,
            dataset.name,
            dataset.fingerprint,
            batch.plan,
            signatures=signatures_of(batch.checked, batch.plan),
            detected_utc=batch.checked.work.detected_utc,
        )
        with boundary(Scope.DATASET):
            self._write_quarantine(batch)  # before the segment, which nobody would know if this fails
            segment = self._segments.write(self._ledger.next_segment(), dataset.table, rows, footer)
        with self._segments.until_staged(segment):
            stage_batch(self._ledger, footer, segment, days)
        self.live.add(dataset.name, segment)
        assert footer.batch is not None and footer.written_utc is not None
        return _Staged(footer.batch, footer.written_utc)

    def _write_quarantine(self, batch: _Batch) -> None:
        texts = batch.checked.checked.texts
        for version in batch.plan.new:
            if version.verdict is not None and version.verdict.findings:
                whole = batch.checked.reads[version.path].body
                lines = version.verdict.refused_lines if version.verdict.accepted else None
                text = texts.get(version.path)  # none where it was too large to be read
                reader = reader_of(batch.dataset.of_file(version.path))
                refused = reader.cut(text, lines) if text is not None and lines is not None else whole
                self._quarantine.write(batch.dataset.name, version.id, version.path, version.verdict, refused)


def _rows_of(batch: _Batch) -> pl.DataFrame:
    """The rows that the batch brings, with `_version` and `_line`, in the order of the files."""
    ids = {version.path: version.id for version in batch.plan.staged}
    columns = [*batch.dataset.row_schema.columns(), VERSION, LINE]
    checked = batch.checked.checked
    return (_with_version(checked, ids) if checked.rows.height else batch.dataset.no_rows).select(columns)


def _with_version(checked: CheckedFiles, ids: Mapping[bytes, int]) -> pl.DataFrame:
    """The rows of the files that have a version, with its id."""
    versions = pl.Series([ids.get(file) for file in checked.files], dtype=pl.Int64)
    rows = checked.rows.with_columns(versions.gather(checked.rows[FILE]).alias(VERSION))
    return rows.filter(pl.col(VERSION).is_not_null()) if versions.has_nulls() else rows
