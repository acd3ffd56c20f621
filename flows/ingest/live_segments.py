"""The segments as the ledger knows them, remembered from batch to batch."""

from __future__ import annotations

from collections.abc import Mapping

from flows.store.ledger import Ledger, SegmentFacts
from flows.store.segment_rows import Part
from flows.store.segments import Segments


class LiveSegments:
    """The segments of each dataset. Only the thread that writes the cube uses it."""

    def __init__(self, ledger: Ledger, segments: Segments) -> None:
        self._ledger = ledger
        self._segments = segments
        self._known: dict[str, dict[int, SegmentFacts]] = {}

    def of(self, dataset: str) -> dict[int, SegmentFacts]:
        """Segment id → its facts; some of them may be dead by now."""
        if dataset not in self._known:
            self._known[dataset] = self._ledger.segments(dataset)
        return self._known[dataset]

    def add(self, dataset: str, segment: SegmentFacts) -> None:
        """A batch has staged this one."""
        self.of(dataset)[segment.id] = segment

    def forget(self, dataset: str) -> None:
        """Ask the ledger again: segments are about to be merged or made again."""
        self._known.pop(dataset, None)

    def parts(self, dataset: str, live: Mapping[int, Mapping[int, int]]) -> list[Part]:
        """The live parts of the segments in `live` (segment id → version → place)."""
        if not live.keys() <= self.of(dataset).keys():
            self.forget(dataset)
        known = self.of(dataset)
        return [Part(known[id], self._segments.path(known[id]), places) for id, places in live.items()]

    def near(self, dataset: str, may_hold: set[int]) -> list[Part]:
        """The live parts of those of the segments; what is dead of them is forgotten."""
        living = self._ledger.live(dataset, segment_ids=list(may_hold))
        found = self.parts(dataset, living)
        for dead in may_hold - living.keys():  # or corrections would take longer each time
            self.of(dataset).pop(dead, None)
        return found

    def with_versions(self, dataset: str, versions: Mapping[int, object]) -> list[Part]:
        """The parts that hold these versions, whatever their state."""
        return self.parts(dataset, self._ledger.segments_with(versions))
