"""The fold of whole segments, streamed: what a rebuild loads, without ever holding all rows in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import polars as pl

from flows.cube.port import LiveSegment
from flows.model.duplicates import repeated, row_hash
from flows.model.merge import Horizon, last_by_rank
from flows.model.precedence import Rank, dense
from flows.model.tables import LINE, VERSION, Table
from flows.runtime.progress import progress_here

BATCH_ROWS = 122_880
"""Rows handed over at once: one row group of DuckDB."""

LARGEST_FILES = 100
FEW_KEYS = 1_000_000
"""Keys that may be contested are looked up one by one as long as they are fewer than this."""

Ranges = Mapping[str, tuple[Any, Any]]
"""Key column → smallest and largest value."""

_PATH, _RANK, _TOP = "_path", "_rank", "_top"


def live_batches(
    table: Table, segments: Iterable[LiveSegment], horizon: Horizon | None = None, *, keys_differ: bool = False
) -> Iterator[pl.DataFrame]:
    """The live rows of segments: per key the row of the content with the highest rank, without keys all of them.

    Two passes: the first reads the keys alone, and only those of versions whose key ranges meet, to find the keys
    that several versions hold; the second streams the rows and leaves out the losers.

    Args:
        table: the table that the rows belong to.
        segments: files and the ranks of the contents in each that are in the cube; other rows are dead.
        horizon: rows of earlier days are left out, after the losers.
        keys_differ: no key is held twice; the first pass is left out.

    Returns:
        Frames with the table's columns, `_version` and `_line`, in no given order.
    """
    live = list(segments)
    if not any(segment.ranks for segment in live):
        return
    columns = [*(c.name for c in table.columns), VERSION, LINE]
    ranks = {content: rank for segment in live for content, rank in segment.ranks.items()}
    if table.greatest is not None or (table.keys and any(segment.keys_repeat for segment in live)):
        rows = _without_covered(table, live, columns, ranks)
    else:
        rows = _live_rows(live, columns)
        order = dense(ranks)
        contested = None if keys_differ else _contested(table, live, order)
        if contested is not None:
            rows = _ranked(rows, order).join(contested.lazy(), on=list(table.keys), how="left")
            rows = rows.filter(pl.col(_TOP).is_null() | (pl.col(_RANK) == pl.col(_TOP)))
    if horizon is not None:
        rows = rows.filter(horizon.kept())
    show_progress = progress_here()  # the engine may take the batches in threads of its own
    for batch in rows.select(columns).collect_batches(chunk_size=BATCH_ROWS, maintain_order=False):
        show_progress(batch.height)
        yield batch


def key_ranges(table: Table, rows: pl.DataFrame) -> Ranges:
    """The smallest and the largest value of each key; floats are left out, for a NaN has no place in an order."""
    edges = ((key, (rows[key].min(), rows[key].max())) for key in ordered_keys(table))
    return {key: edge for key, edge in edges if None not in edge}


def ordered_keys(table: Table) -> list[str]:
    """The keys whose values have one order in every engine."""
    return [c.name for c in table.columns if c.name in table.keys and c.type.ordered]


def may_meet(one: Ranges, other: Ranges) -> bool:
    """Whether two sets of rows with these ranges could share a key."""
    return all(one[key][0] <= other[key][1] and other[key][0] <= one[key][1] for key in one)


def widest(one: Ranges, other: Ranges) -> Ranges:
    """The ranges of both sets of rows together."""
    return {key: (min(one[key][0], other[key][0]), max(one[key][1], other[key][1])) for key in one}


def _live_rows(segments: Sequence[LiveSegment], columns: Sequence[str]) -> pl.LazyFrame:
    """All rows of current versions. The largest files are scanned one by one: to join their rows with the names of
    their files takes three times as long. Of small ones there may be too many for that."""
    by_size = sorted((s for s in segments if s.ranks), key=lambda segment: segment.path.stat().st_size, reverse=True)
    frames = [
        _scan(segment.path).filter(pl.col(VERSION).is_in(list(segment.ranks))).select(columns)
        for segment in by_size[:LARGEST_FILES]
    ]
    pairs = [(str(s.path), version) for s in by_size[LARGEST_FILES:] for version in s.ranks]
    if pairs:
        live = pl.LazyFrame(pairs, schema={_PATH: pl.String, VERSION: pl.Int64}, orient="row")
        rows = _scan([segment.path for segment in by_size[LARGEST_FILES:]], include_file_paths=_PATH)
        frames.append(rows.join(live, on=[_PATH, VERSION], how="semi").select(columns))
    return pl.concat(frames)


def _scan(source: Path | list[Path], **options: Any) -> pl.LazyFrame:
    return pl.scan_parquet(source, glob=False, hive_partitioning=False, extra_columns="ignore", **options)


def _without_covered(
    table: Table, segments: Sequence[LiveSegment], columns: Sequence[str], ranks: Mapping[int, Rank]
) -> pl.LazyFrame:
    """The rows that no other one covers, in whatever content, that of their own too."""
    at = [*table.keys, VERSION, LINE]  # `prepare` may make rows of several keys of one line
    needed = list(dict.fromkeys([*at, table.greatest or VERSION]))
    held = _live_rows(segments, needed)
    key = row_hash(table.keys)
    twice = repeated(held.select(key.alias("key")).collect(engine="streaming").to_series())
    rows = _live_rows(segments, columns)
    if twice.is_empty():
        return rows
    competing = held.filter(key.is_in(twice.implode())).collect(engine="streaming")
    covered = competing.join(last_by_rank(table, competing, ranks), on=at, how="anti")
    return rows.join(covered.select(at).lazy(), on=at, how="anti")


def _only(ranks: Mapping[int, Rank], contents: Set[int]) -> dict[int, Rank]:
    return {content: rank for content, rank in ranks.items() if content in contents}


def _ranked(rows: pl.LazyFrame, order: Mapping[int, int]) -> pl.LazyFrame:
    """Rows with the ranks of their contents, as numbers."""
    known = {VERSION: list(order), _RANK: list(order.values())}
    return rows.join(pl.LazyFrame(known, schema={VERSION: pl.Int64, _RANK: pl.Int64}), on=VERSION, how="inner")


def _contested(table: Table, segments: Sequence[LiveSegment], order: Mapping[int, int]) -> pl.DataFrame | None:
    """The keys that several contents hold, each with the highest rank; None if there are none."""
    if not table.keys or len(order) < 2:
        return None
    columns = [*table.keys, VERSION]
    suspects = _meeting_versions(table, _live_rows(segments, columns))
    if not suspects:
        return None
    held = _live_rows([LiveSegment(s.path, _only(s.ranks, suspects)) for s in segments], columns)
    key = row_hash(table.keys)
    twice = repeated(held.select(key.alias("key")).collect(engine="streaming").to_series())
    if twice.is_empty():
        return None
    if twice.len() < FEW_KEYS:
        held = held.filter(key.is_in(twice.implode()))
    groups = _ranked(held, order).group_by(list(table.keys))
    found = groups.agg(pl.col(_RANK).max().alias(_TOP), pl.len().alias("_holders"))
    contested = found.filter(pl.col("_holders") > 1).drop("_holders").collect(engine="streaming")
    return None if contested.is_empty() else contested


def _meeting_versions(table: Table, rows: pl.LazyFrame) -> set[int]:
    """The versions whose range meets that of another version, in every key."""
    keys = ordered_keys(table)
    edges = [pl.col(key).min().alias(f"{i}low") for i, key in enumerate(keys)]
    edges += [pl.col(key).max().alias(f"{i}high") for i, key in enumerate(keys)]
    ranges = rows.group_by(VERSION).agg(edges).collect(engine="streaming")
    meeting = set(ranges[VERSION])
    for i in range(len(keys)):
        meeting &= _overlapping(ranges.select(f"{i}low", f"{i}high", VERSION).drop_nulls().rows())
    return meeting


def _overlapping(ranges: Iterable[tuple[Any, Any, int]]) -> set[int]:
    overlapping: set[int] = set()
    reach: tuple[Any, int] | None = None
    for low, high, version in sorted(ranges):
        if reach is not None and low <= reach[0]:
            overlapping |= {version, reach[1]}
        if reach is None or high > reach[0]:
            reach = (high, version)
    return overlapping
