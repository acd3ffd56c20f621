"""Compaction: small and mostly dead segments of one declaration become one; dead ones go.

close-day does it, and the feed whenever there are many small ones: a start reads every segment, and corrections may.
It runs in the thread that writes the cube, so never beside a rebuild. The new segment is durable before the
ledger points to it, and the old files go last, so that a crash leaves at most files that nobody needs.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from flows.ingest.derivation import derive_segments
from flows.model.dataset import Dataset
from flows.model.tables import VERSION
from flows.runtime.chunks import group_by_size
from flows.runtime.progress import show_progress
from flows.store.carried import footer_in_place_of
from flows.store.ledger import Ledger, SegmentFacts
from flows.store.orphans import set_aside_orphans
from flows.store.segment_rows import Part, scan_segments
from flows.store.segments import Segments
from flows.store.upkeep import Replacement, drop_segments, replace_segments, rows_alive

log = logging.getLogger(__name__)

SMALL_ROWS = 100_000
"""Segments below this are merged once there are FEW of them."""
FEW = 8
CROWDED = 1_000
"""So many small segments do not wait for the end of the day. To merge them takes a third of a second."""
DEAD_SHARE = 0.5
"""A segment with a larger share of dead rows is written again."""
ROWLESS_BYTES = 4_000_000
"""Decisions that take more are not written again and again."""
MERGED_ROWS = 1_000_000
"""A merged segment has about so many rows at most."""


@dataclass(frozen=True)
class Compacted:
    """What a compaction did."""

    merged: int
    into: int
    removed: int


def is_crowded(known: Iterable[SegmentFacts]) -> bool:
    """Whether there are so many small segments that they should be merged now."""
    return sum(segment.rows < SMALL_ROWS for segment in known) >= CROWDED


def compact(dataset: Dataset, ledger: Ledger, segments: Segments) -> Compacted:
    """Merge what is small or mostly dead, and remove what nobody needs."""
    chosen = _chosen(dataset, ledger)
    removed = 0
    for group in chosen:
        _merge(dataset, ledger, segments, group)
        dead = drop_segments(ledger, [segment.id for segment in group])
        segments.remove(dead)
        removed += len(dead)
        show_progress()
    removed += len(set_aside_orphans(ledger, segments, dataset=dataset.name))
    segments.remove_aged()
    done = Compacted(sum(map(len, chosen)), len(chosen), removed)
    log.info("%s: %s segments merged into %s, %s removed", dataset.name, done.merged, done.into, done.removed)
    return done


def _chosen(dataset: Dataset, ledger: Ledger) -> list[list[SegmentFacts]]:
    """The segments that are better written again, each group as one: all of them of one declaration, as which they
    stay."""
    known = ledger.segments(dataset.name)
    rows = dict.fromkeys(known, 0) | rows_alive(ledger, dataset.name)
    by_declaration: dict[str, list[SegmentFacts]] = {}
    for segment in known.values():
        by_declaration.setdefault(segment.fingerprint, []).append(segment)
    return [group for alike in by_declaration.values() for group in _groups(alike, rows)]


def _groups(alike: Sequence[SegmentFacts], rows: Mapping[int, int]) -> list[list[SegmentFacts]]:
    known = {segment.id: segment for segment in alike}
    dead = {id for id in known if rows[id] < known[id].rows * (1 - DEAD_SHARE)}
    small = {id for id in known if _is_small(known[id])} - dead
    chosen = sorted(dead | small if len(small) >= FEW else dead)
    together = group_by_size(chosen, rows.__getitem__, MERGED_ROWS)
    return [[known[id] for id in group] for group in together if len(group) > 1 or group[0] in dead]


def _is_small(segment: SegmentFacts) -> bool:
    """Whether it is cheaper to write it again than to keep it: a segment without rows has decisions all the same."""
    return segment.rows < SMALL_ROWS and (segment.rows > 0 or segment.size_bytes < ROWLESS_BYTES)


def _merge(dataset: Dataset, ledger: Ledger, segments: Segments, group: list[SegmentFacts]) -> None:
    ids = [segment.id for segment in group]
    contents = {content for held in ledger.live(dataset.name, segment_ids=ids).values() for content in held}
    replacement = Replacement(ids, None)
    footer = footer_in_place_of(ledger, segments, dataset, replacement, contents=contents, origin="compaction")
    is_earlier = group[0].fingerprint != dataset.fingerprint
    footer = replace(footer, fingerprint=group[0].fingerprint)
    rows = _rows(dataset, segments, group, contents)
    new = segments.write(ledger.next_segment(), dataset.table, rows, footer, is_earlier=is_earlier)
    replacement.new = new
    with segments.until_staged(new):
        replace_segments(ledger, replacement)
    if is_earlier:
        derive_segments(dataset, ledger, segments)


def _rows(
    dataset: Dataset, segments: Segments, group: Iterable[SegmentFacts], contents: Collection[int]
) -> pl.DataFrame:
    """The rows of these contents; none where there are none."""
    live = pl.col(VERSION).is_in(pl.Series(list(contents), dtype=pl.Int64).implode())
    parts = [Part(segment, segments.path(segment), {}) for segment in group if segment.rows]
    frames = pl.collect_all([rows.filter(live) for rows in scan_segments(parts)]) if contents else []
    return pl.concat(frames, how="vertical_relaxed") if frames else dataset.no_rows
