"""The segments as the ledger knows them, remembered from batch to batch."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from flows.model.dataset import Dataset
from flows.model.precedence import Rank, highest
from flows.store.derived import shown_segments
from flows.store.ledger import Ledger, SegmentFacts
from flows.store.ranks import live_ranks
from flows.store.segment_rows import Part
from flows.store.segments import Segments


class LiveSegments:
    """The segments of each dataset, as the present declaration has them. Only the thread that writes the cube uses
    it."""

    def __init__(self, ledger: Ledger, segments: Segments) -> None:
        self._ledger = ledger
        self._segments = segments
        self._known: dict[str, dict[int, SegmentFacts]] = {}
        self._highest: dict[str, Rank | None] = {}

    def of(self, dataset: str) -> dict[int, SegmentFacts]:
        """Segment id → its facts; some of them may be dead by now."""
        if dataset not in self._known:
            self._known[dataset] = shown_segments(self._ledger, dataset)
        return self._known[dataset]

    def add(self, dataset: str, segment: SegmentFacts) -> None:
        """A batch has staged this one."""
        self.of(dataset)[segment.id] = segment

    def forget(self, dataset: str) -> None:
        """Ask the ledger again: segments are about to be merged or made again."""
        self._known.pop(dataset, None)

    def parts(self, dataset: str, live: Mapping[int, Mapping[int, Rank]]) -> list[Part]:
        """The live parts of the segments in `live` (segment id → content → rank)."""
        if not live.keys() <= self.of(dataset).keys():
            self.forget(dataset)
        known = self.of(dataset)
        return [Part(known[id], self._segments.path(known[id]), ranks) for id, ranks in live.items()]

    def all(self, dataset: Dataset) -> list[Part]:
        """All live parts."""
        live = live_ranks(self._ledger, dataset.name, dataset.meaning)
        self._highest[dataset.name] = highest(rank for ranks in live.values() for rank in ranks.values())
        return self.parts(dataset.name, live)

    def covers_all(self, dataset: Dataset, ranks: Collection[Rank]) -> bool:
        """Whether these ranks, which come now, are above all that were there before."""
        if dataset.name not in self._highest:
            self.all(dataset)
        before = self._highest[dataset.name]
        self._highest[dataset.name] = highest([*ranks, *([before] if before is not None else [])])
        return before is None or all(before < rank for rank in ranks)

    def near(self, dataset: Dataset, may_hold: set[int]) -> list[Part]:
        """The live parts of those of the segments; what is dead of them is forgotten."""
        living = live_ranks(self._ledger, dataset.name, dataset.meaning, segment_ids=list(may_hold))
        found = self.parts(dataset.name, living)
        for dead in may_hold - living.keys():  # or corrections would take longer each time
            self.of(dataset.name).pop(dead, None)
        return found

    def with_contents(self, dataset: str, contents: Collection[int]) -> list[Part]:
        """The parts that hold these contents, whether they are in the cube or not."""
        found = self._ledger.segments_with(contents)
        return self.parts(dataset, {id: dict.fromkeys(those, 0) for id, those in found.items()})
