"""What a planned batch changes in the cube: the contents whose rows leave it, and the rows that win."""

from __future__ import annotations

import polars as pl

from flows.ingest.live_segments import LiveSegments
from flows.model.dataset import Dataset
from flows.model.files import shown
from flows.model.merge import ChangeSet, RowSource, Sources, winners
from flows.model.plan import Plan
from flows.model.precedence import Rank
from flows.store.key_range import may_hold
from flows.store.ledger import Ledger
from flows.store.row_files import loaded_day, row_sources
from flows.store.segment_rows import Part, keys_of, rows_with_keys
from flows.store.upkeep import horizon_of


def change_set(
    dataset: Dataset,
    plan: Plan,
    rows: pl.DataFrame,
    *,
    ledger: Ledger,
    segments: LiveSegments,
    staged_utc: str,
    at_stake: pl.DataFrame | None = None,
) -> ChangeSet:
    """What the cube has to drop and to take, once the batch is staged.

    Args:
        dataset: whose batch it is.
        plan: what was decided.
        rows: the rows that the batch brings, with `_version` and `_line`.
        ledger: what is live.
        segments: where the rows of earlier versions are.
        staged_utc: when it was staged.
        at_stake: what `keys_at_stake` has found, if it could be read then.

    Raises:
        Exception: a segment that has to be read was damaged since the start.
    """
    table = dataset.table
    new, ranks = rows, {id: plan.ranks[id] for id in plan.brought}
    replaces, keys_repeat = True, False
    if table.keys and (plan.left or plan.ranks) and not _is_on_top(dataset, plan, segments):
        brought = new.height
        at_stake = keys_at_stake(dataset, plan, segments) if at_stake is None else at_stake
        new, ranks = _candidates(dataset, plan, new, segments, at_stake)
        replaces = new.height > brought  # all rows of these keys are known now
        keys_repeat = any(segment.keys_repeat for segment in segments.of(dataset.name).values())
    changed = bool(plan.left) or not new.is_empty()
    horizon = horizon_of(ledger, dataset) if changed else None
    upserts = winners(table, new, ranks, keys_repeat=keys_repeat)
    sources = _sources(dataset, plan, ledger, staged_utc)
    return ChangeSet(table.name, frozenset(plan.left), upserts, horizon, replaces, sources)


def _sources(dataset: Dataset, plan: Plan, ledger: Ledger, staged_utc: str) -> Sources:
    """The files of the contents that the batch brings, and of those whose paths it changes."""
    day = loaded_day(staged_utc, dataset.expect)
    brought = {version.id: RowSource(shown(version.path), day) for version in plan.staged}
    held = [*plan.versions.values(), *(path.accepted for path in plan.paths.values() if path.accepted is not None)]
    shared = {facts.content for facts in held if facts.content is not None and facts.id not in brought} - plan.left
    return brought | row_sources(ledger, shared, dataset.expect) if shared else brought


def keys_at_stake(dataset: Dataset, plan: Plan, segments: LiveSegments) -> pl.DataFrame:
    """The keys, with `_version`, of the contents that leave, get another rank, or take the place of others.

    Raises:
        Exception: a segment that has to be read was damaged since the start.
    """
    takers = {path.accepted.content for name in plan.replaced if (path := plan.paths[name]).accepted is not None}
    wanted = (plan.left | plan.ranks.keys() | {content for content in takers if content is not None}) - plan.brought
    return keys_of(segments.with_contents(dataset.name, wanted), dataset.table, wanted)


def _is_on_top(dataset: Dataset, plan: Plan, segments: LiveSegments) -> bool:
    """Whether what comes covers all that is there, and nothing else changes: the usual case."""
    on_top = segments.covers_all(dataset, plan.ranks.values())
    return on_top and not plan.left and plan.ranks.keys() == plan.brought and dataset.table.greatest is None


def _candidates(
    dataset: Dataset, plan: Plan, new: pl.DataFrame, segments: LiveSegments, at_stake: pl.DataFrame
) -> tuple[pl.DataFrame, dict[int, Rank]]:
    """All live rows that compete for a key which this batch brings, takes away, or gives another rank."""
    table, keys = dataset.table, list(dataset.table.keys)
    touched = pl.concat([at_stake.select(keys), new.select(keys)], how="vertical_relaxed")
    near = {segment.id for segment in segments.of(dataset.name).values() if may_hold(segment, touched[keys[0]])}
    live = segments.near(dataset, near)
    others = [Part(p.facts, p.path, {id: rank for id, rank in p.ranks.items() if id not in plan.brought}) for p in live]
    others = [part for part in others if part.ranks]
    if not others:
        return new, dict(plan.ranks)  # as of a list whose one file is corrected
    older = rows_with_keys(others, table, touched.unique())
    ranks = {id: rank for part in others for id, rank in part.ranks.items()} | plan.ranks
    return pl.concat([older, new.select(older.columns)], how="vertical_relaxed"), ranks
