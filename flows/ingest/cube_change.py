"""What a planned batch changes in the cube: the versions whose rows leave it, and the rows that win."""

from __future__ import annotations

import polars as pl

from flows.ingest.live_segments import LiveSegments
from flows.model.dataset import Dataset
from flows.model.merge import ChangeSet, winners
from flows.model.plan import Plan
from flows.model.tables import VERSION
from flows.store.key_range import may_hold
from flows.store.ledger import Ledger
from flows.store.segment_rows import Part, rows_of, rows_with_keys
from flows.store.upkeep import horizon_of


def change_set(
    dataset: Dataset, plan: Plan, rows: pl.DataFrame, *, ledger: Ledger, segments: LiveSegments
) -> ChangeSet:
    """What the cube has to drop and to take, once the batch is staged.

    Args:
        dataset: whose batch it is.
        plan: what was decided.
        rows: the rows that the batch brings, with `_version`.
        ledger: what is live.
        segments: where the rows of earlier versions are.

    Raises:
        Exception: a segment that has to be read was damaged since the start.
    """
    table = dataset.table
    columns = [*(c.name for c in table.columns), VERSION]
    new, places = rows.select(columns), {v.id: v.place for v in plan.staged if v.place is not None}
    replaces = True
    if table.keys and not (plan.tops and not plan.retired):
        brought = new.height
        new, places = _candidates(dataset, plan, new, places, segments)
        replaces = new.height > brought  # all rows of these keys are known now
    changed = bool(plan.retired) or not new.is_empty()
    horizon = horizon_of(ledger, dataset) if changed else None
    return ChangeSet(table.name, frozenset(plan.retired), winners(table, new, places), horizon, replaces)


def _candidates(
    dataset: Dataset, plan: Plan, new: pl.DataFrame, places: dict[int, int], segments: LiveSegments
) -> tuple[pl.DataFrame, dict[int, int]]:
    """All live rows that compete for a key which this batch brings or takes away."""
    table, keys = dataset.table, list(dataset.table.keys)
    leaving = segments.with_versions(dataset.name, plan.retired)
    touched = pl.concat(
        [rows_of(leaving, table, plan.retired).select(keys), new.select(keys)], how="vertical_relaxed"
    ).unique()
    near = {segment.id for segment in segments.of(dataset.name).values() if may_hold(segment, touched[keys[0]])}
    live = segments.near(dataset.name, near)
    others = [Part(p.facts, p.path, {v: at for v, at in p.places.items() if v not in places}) for p in live]
    older = rows_with_keys([part for part in others if part.places], table, touched)
    all_places = {version: place for part in others for version, place in part.places.items()} | places
    return pl.concat([older, new], how="vertical_relaxed"), all_places
