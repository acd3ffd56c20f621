"""Batches that were staged and that no segment knows any more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from flows.store.evidence import Evidence

type Gaps = list[tuple[int, int]]
OF_NO_NAME = "a dataset that is not known any more"


def missing_batches(found: Evidence) -> dict[str, Gaps]:
    """Dataset → the first and the last of batches that are missing together."""
    covers: dict[str, list[tuple[int, int]]] = defaultdict(list)
    former: set[str] = set()
    for segment in found.staged:
        covers[segment.footer.dataset] += segment.footer.covers
        if segment.footer.is_former:
            former.add(segment.footer.dataset)
    gaps = {name: _gaps(pairs, found.known_batch, first=name in former) for name, pairs in covers.items()}
    if not former:
        gaps[OF_NO_NAME] = _unknown(found, [gap for each in gaps.values() for gap in each])
    return {name: each for name, each in gaps.items() if each}


def _gaps(covers: Iterable[tuple[int, int]], known: int, *, first: bool) -> Gaps:
    """Between what is known and what is covered; `first` where it is not known what was before the first."""
    gaps, reached = [], known
    for before, last in sorted(covers):
        if before > reached and not first:
            gaps.append((reached + 1, before))
        first = False
        reached = max(reached, last)
    return gaps


def _unknown(found: Evidence, gaps: Gaps) -> Gaps:
    """Batches after which others came, though no segment has them or those after them in their dataset."""
    known, merged, before = {found.known_batch}, list(gaps), set[int]()
    for segment in found.staged:
        footer = segment.footer
        known |= segment.batch_ids
        before |= {number for number in (footer.after,) if number is not None and number > found.known_batch}
        if footer.batch is None:
            merged += [(first + 1, last) for first, last in footer.covers]
    return [(n, n) for n in sorted(before - known) if not any(first <= n <= last for first, last in merged)]
