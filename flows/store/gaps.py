"""Batches that were staged and that no segment knows any more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from flows.store.evidence import Evidence

type Gaps = list[tuple[int, int]]


def missing_batches(found: Evidence) -> dict[str, Gaps]:
    """Dataset → the first and the last of batches that are missing together; under no name those of which it is not
    known whose they were."""
    covers: dict[str, list[tuple[int, int]]] = defaultdict(list)
    former: set[str] = set()
    for segment in found.staged:
        covers[segment.footer.dataset] += segment.footer.covers
        if segment.footer.is_former:
            former.add(segment.footer.dataset)
    gaps = {name: _gaps(pairs, found.known_batch, first=name in former) for name, pairs in covers.items()}
    known = max([found.known_batch, *(last for pairs in covers.values() for _, last in pairs)])
    if found.last_batch > known and not former:
        gaps["unknown dataset"] = [(known + 1, found.last_batch)]
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
