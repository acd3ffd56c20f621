"""Append a validated piece of work: decide, write the segment, stage, change the cube, record."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import polars as pl

from flows.cube.port import Cube
from flows.ingest.checks import check_files, observation
from flows.ingest.compaction import compact, is_crowded
from flows.ingest.work import CheckedFiles, FileOutcome, Outcome, Validated
from flows.model.dataset import Dataset
from flows.model.files import shown
from flows.model.findings import Verdict
from flows.model.lifecycle import Cause, Decision, Facts, Observation, PathFacts, State, VersionFacts
from flows.model.merge import ChangeSet, winners
from flows.model.plan import Counters, NewVersion, Plan, Planner
from flows.model.policies import unloads
from flows.model.tables import FILE, LINE, VERSION
from flows.runtime.boundaries import DatasetFailed, Scope, boundary
from flows.store.footer import Footer, VersionRow
from flows.store.key_range import may_hold
from flows.store.ledger import Ledger, SegmentFacts
from flows.store.path_facts import path_facts
from flows.store.quarantine import Quarantine, cut_lines
from flows.store.segment_rows import Part, rows_of, rows_with_keys
from flows.store.segments import Segments
from flows.store.staging import mark_loaded, stage_batch
from flows.store.upkeep import dataset_facts, horizon_of

log = logging.getLogger(__name__)

_STATES = {
    "take_over": State.LOADED.value,
    "kept_out": State.UNLOADED.value,
    "unload": State.UNLOADED.value,
    "gone": "gone",
}


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
        self._counters: Counters = ledger.counters()
        self._known: dict[str, dict[int, SegmentFacts]] = {}
        self.touched: Sequence[PathFacts] = ()
        """The paths whose facts the last batch has changed."""
        self.unapplied: set[str] = set()
        """Datasets of which the ledger holds what the cube does not: their tables have to be filled again."""

    def append(self, dataset: Dataset, validated: Validated) -> Outcome:
        """Bring a piece of work into the cube. Returns what became of each file.

        Raises:
            DatasetFailed: it cannot be written now. Either nothing has changed, or the dataset is `unapplied`.
            SessionFailed: the cube or the ledger failed; the next start rolls forward what was staged.
        """
        with boundary(Scope.CUBE):
            return self._append(dataset, validated)

    def _append(self, dataset: Dataset, validated: Validated) -> Outcome:
        started = time.monotonic()
        work = validated.work
        batch = _Batch(dataset, validated, (self._counters.version, self._counters.place))
        plan = self._plan(dataset, batch)
        dry_run = work.request is not None and work.request.payload.dry_run
        batch_id = None
        self.touched = ()
        if not dry_run and (plan.versions or plan.paths):
            batch_id = self._commit(dataset, batch, plan)
            self.touched = list(plan.paths.values())
        return Outcome(
            dataset.name,
            files=tuple(_outcomes(plan, batch)),
            rows=sum(version.verdict.rows for version in plan.staged),
            batch=batch_id,
            took_s=time.monotonic() - started,
            detection_s=() if work.request else work.detection_s,
            request=work.request.id if work.request else None,
            dry_run=dry_run,
        )

    @contextmanager
    def ahead(self, name: str) -> Iterator[None]:
        """The ledger of a dataset is ahead of the cube until the block has ended; it stays so where that fails."""
        self.unapplied.add(name)
        yield
        self.unapplied.discard(name)

    def parts(self, dataset: Dataset, live: Mapping[int, Mapping[int, int]]) -> list[Part]:
        """The live parts of the segments in `live` (segment id → version → place)."""
        if not live.keys() <= self._segments_of(dataset).keys():
            self._known.pop(dataset.name)
        known = self._segments_of(dataset)
        return [Part(known[id], self._segments.path(known[id]), places) for id, places in live.items()]

    def compact(self, dataset: Dataset) -> None:
        """Compact the dataset's segments."""
        self._known.pop(dataset.name, None)  # even when it fails half way
        compact(dataset, self._ledger, self._segments)

    def compact_if_crowded(self, dataset: Dataset) -> None:
        """Compact where there are many small segments; what hinders it can wait until the next time."""
        if not is_crowded(self._segments_of(dataset).values()):
            return
        try:
            with boundary(Scope.DATASET):
                self.compact(dataset)
        except DatasetFailed as failed:
            log.warning("%s: its segments could not be compacted, which is tried again: %s", dataset.name, failed)

    def _plan(self, dataset: Dataset, batch: _Batch) -> Plan:
        work = batch.validated.work
        observations = [observation(read) for read in batch.validated.reads.values()]
        facts = self._facts(dataset, observations, (*work.gone, *work.missing, *work.unload))
        planner = Planner(facts, self._counters, batch.verdict)
        planner.mark_absent((*work.missing, *work.gone))
        planner.observe(observations)
        planner.unload(work.unload, "request")
        planner.leave(work.gone)
        return planner.plan

    def _facts(self, dataset: Dataset, observations: Sequence[Observation], others: Sequence[bytes]) -> Facts:
        return path_facts(
            self._ledger,
            dataset.name,
            seen=[*(seen.path for seen in observations), *others],
            digests=[seen.digest for seen in observations],
            unload_deleted=unloads(dataset.when_deleted),
        )

    def _commit(self, dataset: Dataset, batch: _Batch, plan: Plan) -> int:
        rows = batch.rows_of(plan.staged)
        batch_id = self._stage(dataset, batch, plan, rows)
        with self.ahead(dataset.name):
            with boundary(Scope.DATASET):  # it may read other segments, one of which was damaged since the start
                change = self._change(dataset, plan, rows)
            if not change.empty:
                self._cube.apply(change)
        try:
            with boundary(Scope.CUBE):
                mark_loaded(self._ledger, {dataset.name: self._cube.row_count(dataset.table.name)})
        except DatasetFailed as failed:
            log.warning("%s: the batch is in the cube but still staged in the ledger: %s", dataset.name, failed)
        return batch_id

    def _stage(self, dataset: Dataset, batch: _Batch, plan: Plan, rows: pl.DataFrame) -> int:
        number, after = self._ledger.next_batch()
        segment = None
        with boundary(Scope.DATASET):
            self._write_quarantine(dataset, batch, plan)  # before the segment, which nobody would know if this fails
            if plan.staged:
                segment = self._write_segment(dataset, rows, batch, plan, number=number, after=after)
        with self._segments.until_staged(segment):
            stage_batch(
                self._ledger,
                dataset.name,
                plan,
                batch=number,
                segment=segment,
                signatures=batch.validated.signatures,
                detected_utc=batch.validated.work.detected_utc,
            )
        if segment is not None:
            self._segments_of(dataset)[segment.id] = segment
        return number

    def _write_segment(
        self, dataset: Dataset, rows: pl.DataFrame, batch: _Batch, plan: Plan, *, number: int, after: int
    ) -> SegmentFacts:
        signatures = batch.validated.signatures
        footer = Footer(
            dataset=dataset.name,
            fingerprint=dataset.fingerprint,
            versions=tuple(_footer(version, signatures[version.path].size_bytes) for version in plan.staged),
            batch=number,
            after=after,
            detected_utc=batch.validated.work.detected_utc,
            first_free=batch.first_free,
            **dataset_facts(self._ledger, dataset.name)._asdict(),
        )
        return self._segments.write(self._ledger.next_segment(), dataset.table, rows, footer)

    def _write_quarantine(self, dataset: Dataset, batch: _Batch, plan: Plan) -> None:
        for version in plan.versions:
            if version.verdict.findings:
                whole = batch.validated.reads[version.path].body
                lines = version.verdict.refused_lines if version.verdict.accepted else None
                text = batch.text(version.path)
                refused = cut_lines(text, lines) if text is not None and lines is not None else whole
                self._quarantine.write(dataset.name, version.id, version.path, version.verdict, refused)

    def _change(self, dataset: Dataset, plan: Plan, rows: pl.DataFrame) -> ChangeSet:
        table = dataset.table
        columns = [*(c.name for c in table.columns), VERSION]
        new, places = rows.select(columns), {v.id: v.place for v in plan.staged if v.place is not None}
        replaces = True
        if table.keys and not (plan.tops and not plan.retired):
            brought = new.height
            new, places = self._candidates(dataset, plan, new, places)
            replaces = new.height > brought  # all rows of these keys are known now
        changed = bool(plan.retired) or not new.is_empty()
        horizon = horizon_of(self._ledger, dataset) if changed else None
        return ChangeSet(table.name, frozenset(plan.retired), winners(table, new, places), horizon, replaces)

    def _candidates(
        self, dataset: Dataset, plan: Plan, new: pl.DataFrame, places: dict[int, int]
    ) -> tuple[pl.DataFrame, dict[int, int]]:
        """All live rows that compete for a key which this batch brings or takes away."""
        table, keys = dataset.table, list(dataset.table.keys)
        leaving = self.parts(dataset, self._ledger.segments_with(plan.retired))
        touched = pl.concat(
            [rows_of(leaving, table, plan.retired).select(keys), new.select(keys)], how="vertical_relaxed"
        ).unique()
        known = self._segments_of(dataset)
        near = [segment.id for segment in known.values() if may_hold(segment, touched[keys[0]])]
        living = self._ledger.live(dataset.name, segment_ids=near)
        live = self.parts(dataset, living)
        for dead in set(near) - living.keys():  # or corrections would take longer each time
            known.pop(dead, None)
        others = [Part(p.facts, p.path, {v: at for v, at in p.places.items() if v not in places}) for p in live]
        older = rows_with_keys([part for part in others if part.places], table, touched)
        all_places = {version: place for part in others for version, place in part.places.items()} | places
        return pl.concat([older, new], how="vertical_relaxed"), all_places

    def _segments_of(self, dataset: Dataset) -> dict[int, SegmentFacts]:
        if dataset.name not in self._known:
            self._known[dataset.name] = self._ledger.segments(dataset.name)
        return self._known[dataset.name]


class _Batch:
    """The rows and verdicts of one piece of work, and of files that turn out to be needed after all."""

    def __init__(self, dataset: Dataset, validated: Validated, first_free: tuple[int, int]) -> None:
        self.validated = validated
        self.first_free = first_free
        self._dataset = dataset
        self._checked = [validated.checked]

    def verdict(self, seen: Observation) -> Verdict:
        """The verdict on a file; its content is checked now if it was known and not checked before."""
        for checked in self._checked:
            if seen.path in checked.verdicts:
                return checked.verdicts[seen.path]
        self._checked.append(check_files(self._dataset, [self.validated.reads[seen.path]]))
        return self._checked[-1].verdicts[seen.path]

    def text(self, path: bytes) -> bytes | None:
        """A file's bytes, decompressed; None where it was too large to be read."""
        return next((checked.texts[path] for checked in self._checked if path in checked.texts), None)

    def rows_of(self, versions: Iterable[NewVersion]) -> pl.DataFrame:
        """The rows of these versions with `_version` and `_line`, in the order of the versions' places."""
        ids = {version.path: version.id for version in versions}
        columns = [*self._dataset.schema.columns(), VERSION, LINE]
        frames = [_with_version(checked, ids).select(columns) for checked in self._checked if checked.rows.height]
        return pl.concat(frames) if frames else self._dataset.no_rows.select(columns)


def _with_version(checked: CheckedFiles, ids: Mapping[bytes, int]) -> pl.DataFrame:
    """The rows of the files that have a version, with its id."""
    versions = pl.Series([ids.get(file) for file in checked.files], dtype=pl.Int64)
    rows = checked.rows.with_columns(versions.gather(checked.rows[FILE]).alias(VERSION))
    return rows.filter(pl.col(VERSION).is_not_null()) if versions.has_nulls() else rows


def _footer(version: NewVersion, size_bytes: int) -> VersionRow:
    assert version.place is not None
    return VersionRow(
        id=version.id,
        path=version.path,
        digest=version.digest,
        mtime_ns=version.mtime_ns,
        size_bytes=size_bytes,
        place=version.place,
        **version.verdict.summary,
    )


def _outcomes(plan: Plan, batch: _Batch) -> Iterable[FileOutcome]:
    written = {version.path: version for version in plan.versions}
    for decision in plan.decisions:
        version = written.get(decision.path) if decision.action in ("accept", "duplicate") else None
        judged = plan.paths[decision.path].judged if decision.path in plan.paths else None
        yield _version_outcome(version) if version else _decision_outcome(decision, judged)
    for path, why in batch.validated.unread.items():
        yield FileOutcome(shown(path), State.DETECTED.value, reason=why)


def _version_outcome(version: NewVersion) -> FileOutcome:
    verdict = version.verdict
    state = State.LOADED.value if version.state is State.STAGED else version.state.value
    return FileOutcome(
        shown(version.path),
        state,
        rows=verdict.rows if version.state is State.STAGED else 0,
        refused=verdict.refused,
        findings=verdict.counts.total(),
        first_finding=verdict.findings[0] if verdict.findings else None,
        reason=version.reason,
        version=version.id,
    )


_WHY_UNLOADED: dict[Cause, str] = {
    "deleted": "the file was deleted",
    "request": "on request",
    "retention": "its day is over `retain_days` ago",
    "lost": "its segment was damaged and its file is gone",
}


def _decision_outcome(decision: Decision, judged: VersionFacts | None) -> FileOutcome:
    reasons = {
        "unchanged": "nothing new",
        "kept_out": "it was unloaded; cubefeed load brings it back",
        "duplicate": "the same bytes were loaded already",
        "unload": _WHY_UNLOADED[decision.cause] if decision.cause else None,
        "gone": "the file is gone; its rows stay",
    }
    reason = reasons.get(decision.action)
    if decision.action == "take_over" and decision.other is not None:
        reason = f"takes over from {shown(decision.other)}"
    known = judged.state.value if judged else decision.action
    return FileOutcome(shown(decision.path), _STATES.get(decision.action, known), reason=reason)
