"""A start at which `precedence` or `duplicates` is another: so is the merge, at once, and what that changes is said."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from flows.ingest.comparison import Expected
from flows.model.dataset import Dataset
from flows.model.files import first_names, shown
from flows.model.precedence import ByColumn, Meaning, Rank
from flows.model.tables import LINE, VERSION, Table
from flows.runtime.progress import show_progress
from flows.store.ledger import Ledger
from flows.store.meaning import (
    Copy,
    copies,
    judged_anew,
    let_one_count,
    look_at_duplicates_again,
    note_prepare,
    remember_meaning,
    remembered_meaning,
)
from flows.store.ranks import live_ranks
from flows.store.segment_rows import Part, legible, scan_segments
from flows.store.upkeep import horizon_of
from flows.text.plural import counted

log = logging.getLogger(__name__)

SHOWN = 20
LEAVE = "are duplicates now, and their rows leave the cube"
COUNT_TOO = "count too now: their files are read again"

type PartsOf = Callable[[dict[int, dict[int, Rank]]], list[Part]]
"""The parts of segments of which ranks are known."""


@dataclass
class MergeDifference:
    """The keys whose row is another one.

    Args:
        rows: how many.
        by_day: business day → how many of them.
        keys: the first of them.
    """

    rows: int = 0
    by_day: dict[str, int] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)

    def words(self) -> str:
        """What people should know."""
        days = ", ".join(f"{day}: {rows:,}" for day, rows in sorted(self.by_day.items())[:SHOWN])
        more = f" and {len(self.by_day) - SHOWN} days more" if len(self.by_day) > SHOWN else ""
        by_day = f" (by day {days}{more})" if days else ""
        keys = f"; the first keys: {', '.join(self.keys)}" if self.keys else ""
        others = "is another" if self.rows == 1 else "are others"
        return f"{counted(self.rows, 'row')} of the cube {others}{by_day}{keys}"


def adopt_meaning(dataset: Dataset, ledger: Ledger, parts_of: PartsOf) -> None:
    """Where the meaning of the deliveries is another than at the last start: make the ledger fit, and say what it
    changes. The cube is filled after this.

    Args:
        dataset: as it is declared now.
        ledger: what is known.
        parts_of: where the segments are.
    """
    before, now = remembered_meaning(ledger, dataset.name), replace(dataset.meaning, unload_deleted=False)
    if before == now:
        return
    if before is None:
        _say_what_is_judged_anew(dataset, ledger)
    if not now.keyed:
        _adopt_duplicates(dataset, ledger)
    elif before is not None and before.keyed:
        words = merge_words(dataset, before, merge_difference(dataset, before, ledger, parts_of))
        log.warning("%s: %s", dataset.name, words)
    remember_meaning(ledger, dataset.name, now)


def adopt_prepare(dataset: Dataset, ledger: Ledger) -> None:
    """Where `prepare` has come or gone since the last start, say so; its fingerprint is that of before."""
    prepared = dataset.prepare is not None
    if note_prepare(ledger, dataset.name, prepared=prepared):
        log.warning(
            "%s: prepare is %s: files that were refused are read again; what is loaded stays as it was read until "
            "cubefeed reload",
            dataset.name,
            "new" if prepared else "gone",
        )


def merge_words(dataset: Dataset, before: Meaning, found: MergeDifference | None) -> str:
    """What another precedence changes, in words."""
    words = "it cannot be said what that changes" if found is None else found.words()
    return f"precedence is {dataset.meaning.precedence}, and was {before.precedence}: {words}"


def _say_what_is_judged_anew(dataset: Dataset, ledger: Ledger) -> None:
    """At the first start over the state of an earlier edition."""
    found = [shown(path) for path in judged_anew(ledger, dataset.name)]
    if found:
        log.warning(
            "%s: %s that an earlier Cubefeed took for duplicates, or refused for their manifests: read again, and "
            "loaded where they are sound%s: %s",
            dataset.name,
            counted(len(found), "file"),
            "; their rows cover those of files that came before them" if dataset.meaning.keyed else "",
            first_names(found, SHOWN),
        )


def merge_difference(dataset: Dataset, before: Meaning, ledger: Ledger, parts_of: PartsOf) -> MergeDifference | None:
    """What the declared precedence makes of the rows that another one merged; None where the column that decided then
    is gone. No more than a part of the rows is held at once."""
    names = {column.name for column in dataset.table.columns}
    column = before.precedence.column if isinstance(before.precedence, ByColumn) else None
    if column is not None and column not in names:
        return None
    old = parts_of(live_ranks(ledger, dataset.name, before))
    new = parts_of(live_ranks(ledger, dataset.name, dataset.meaning))
    with legible(new):
        was = _expected(dataset, ledger, old, replace(dataset.table, greatest=column))
        becomes = _expected(dataset, ledger, new, dataset.table)
        found = MergeDifference()
        for number in range(becomes.count):
            _add(found, dataset, was.piece(number).drop(VERSION, LINE), becomes.piece(number).drop(VERSION, LINE))
            show_progress()
    return found


def _expected(dataset: Dataset, ledger: Ledger, parts: Sequence[Part], table: Table) -> Expected:
    ranks = {content: rank for part in parts for content, rank in part.ranks.items()}
    rows = sum(part.facts.rows for part in parts)
    return Expected(table, scan_segments(parts), ranks, rows, horizon_of(ledger, dataset), keys_repeat=True)


def _add(found: MergeDifference, dataset: Dataset, was: pl.DataFrame, becomes: pl.DataFrame) -> None:
    keys = list(dataset.table.keys)
    came = becomes.join(was, on=was.columns, how="anti", nulls_equal=True)
    left = was.join(becomes, on=was.columns, how="anti", nulls_equal=True)
    changed = pl.concat([came, left]).unique(subset=keys, keep="first", maintain_order=True)
    found.rows += changed.height
    if dataset.expect is not None:
        for day, rows in changed.group_by(dataset.expect.day).len().rows():
            found.by_day[str(day)] = found.by_day.get(str(day), 0) + rows
    for row in changed.select(keys).head(SHOWN - len(found.keys)).rows():
        found.keys.append("/".join(map(str, row)))


def _adopt_duplicates(dataset: Dataset, ledger: Ledger) -> None:
    groups = copies(ledger, dataset.name)
    if not groups:
        return
    if dataset.meaning.one_counts:
        _say(dataset, let_one_count(ledger, groups), LEAVE)
        return
    waiting = look_at_duplicates_again(ledger, groups)
    _say(dataset, [copy for copy in waiting if copy.present], COUNT_TOO)
    _say(dataset, [copy for copy in waiting if not copy.present], "do not count, for their files are gone")


def _say(dataset: Dataset, found: Sequence[Copy], what: str) -> None:
    if found:
        log.warning("%s: %s", dataset.name, duplicates_words(found, what))


def duplicates_words(found: Sequence[Copy], what: str) -> str:
    """What becomes of equal files where `duplicates` is another."""
    names = first_names([shown(copy.path) for copy in found], SHOWN)
    rows = counted(sum(copy.rows for copy in found), "row")
    return f"duplicates has changed: {counted(len(found), 'equal file')} with {rows} {what}: {names}"
