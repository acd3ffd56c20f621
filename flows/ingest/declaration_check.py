"""What a declaration would do to what is loaded, said beforehand; nothing is changed by it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flows.ingest.derivation import derive_contents, hidden_words, overruling
from flows.ingest.meaning_change import COUNT_TOO, LEAVE, duplicates_words, merge_difference, merge_words
from flows.model.dataset import Dataset
from flows.model.files import shown
from flows.model.precedence import Rank
from flows.runtime.progress import show_progress
from flows.store.accepted_keys import key_change
from flows.store.ledger import Ledger, SegmentFacts
from flows.store.meaning import beyond_first, copies, remembered_meaning, waiting_copies
from flows.store.path_values import paths_with_other_values
from flows.store.segment_rows import Part
from flows.store.segments import Segments
from flows.store.upkeep import Content, contents_in
from flows.validation.derived_rows import DerivedRows


@dataclass(frozen=True)
class Effect:
    """What would become of one file, or of the whole dataset.

    Args:
        file: the file; empty where it is about the dataset.
        what: what becomes of it.
        first_finding: the first thing that the declaration would find in it.
        loses: whether something would be lost from sight, or refused.
    """

    file: str
    what: str
    first_finding: str = ""
    loses: bool = True


def check_declaration(dataset: Dataset, ledger: Ledger, segments: Segments, scratch: Path) -> list[Effect]:
    """What is others than it was: the key, the files that the declaration would refuse, the values that are not shown,
    those that a path gives, and the rows that another precedence or rule for duplicates chooses.

    Args:
        dataset: as it may be declared.
        ledger: what is known.
        segments: what is loaded.
        scratch: a directory for what is made of it.

    Raises:
        OSError, polars.exceptions.PolarsError: a segment cannot be read.
        RequestFailed: likewise.
    """
    check = _Check(dataset, ledger, segments, scratch)
    with segments.reading():
        return [*check.key(), *check.segments(), *check.path_values(), *check.meaning()]


class _Check:
    def __init__(self, dataset: Dataset, ledger: Ledger, segments: Segments, scratch: Path) -> None:
        self._dataset = dataset
        self._ledger = ledger
        self._segments = segments
        self._scratch = scratch
        self._known = ledger.segments(dataset.name)
        self._key_changes = key_change(ledger, dataset) is not None
        self._before = remembered_meaning(ledger, dataset.name)

    def key(self) -> Iterator[Effect]:
        if self._key_changes:
            yield Effect("", "the key changes: the dataset waits for cubefeed rebuild --accept-keys")

    def segments(self) -> Iterator[Effect]:
        hidden: Counter[str] = Counter()
        for segment in [self._known[id] for id in self._ledger.live(self._dataset.name)]:
            if segment.fingerprint == self._dataset.fingerprint:
                continue
            contents = contents_in(self._ledger, [segment.id])
            made = derive_contents(self._dataset, self._segments, segment, contents)
            hidden.update(made.hidden)
            yield from self._stale(contents, made)
            if self._precedence_changes():  # which is about rows as the declaration has them
                made.rows.write_parquet(self._made(segment), compression="lz4")
            show_progress()
        yield from (Effect("", words) for words in hidden_words(self._dataset, hidden))

    def path_values(self) -> Iterator[Effect]:
        for path in paths_with_other_values(self._ledger, self._dataset.name, self._dataset.path_values):
            values = f"from_path gives {path.now}, and gave {path.before}"
            what = "it is read again" if path.present else "its file is gone: what was loaded of it has these then"
            yield Effect(shown(path.path), f"{values}: {what}", loses=False)

    def meaning(self) -> Iterator[Effect]:
        if self._precedence_changes() and self._before is not None:
            found = merge_difference(self._dataset, self._before, self._ledger, self._parts)
            yield Effect("", merge_words(self._dataset, self._before, found), loses=found is None or found.rows > 0)
        elif self._before is not None and not self._before.keyed and not self._dataset.meaning.keyed:
            yield from self._duplicates()

    def _duplicates(self) -> Iterator[Effect]:
        if self._before is None or self._before.copies_count == self._dataset.meaning.copies_count:
            return
        groups = copies(self._ledger, self._dataset.name)
        one = self._dataset.meaning.one_counts
        found = [each for group in groups for each in beyond_first(group)] if one else waiting_copies(groups)
        there = [each for each in found if one or each.present]
        if there:
            yield Effect("", duplicates_words(there, LEAVE if one else COUNT_TOO), loses=one)

    def _precedence_changes(self) -> bool:
        before, now = self._before, self._dataset.meaning
        if before is None or self._key_changes or not (before.keyed and now.keyed):
            return False
        return before.precedence != now.precedence

    def _stale(self, contents: Sequence[Content], made: DerivedRows) -> Iterator[Effect]:
        for content in contents:
            why = overruling(self._dataset, content, made.found[content.id])
            if why is not None:
                first = why.findings[0].words if why.findings else ""
                yield from (Effect(shown(path), f"stale: {why.reason}", first) for path in content.paths)

    def _parts(self, live: Mapping[int, Mapping[int, Rank]]) -> list[Part]:
        return [self._part(self._known[id], ranks) for id, ranks in live.items()]

    def _part(self, segment: SegmentFacts, ranks: Mapping[int, Rank]) -> Part:
        if segment.fingerprint == self._dataset.fingerprint:
            return Part(segment, self._segments.path(segment), ranks)
        return Part(replace(segment, fingerprint=self._dataset.fingerprint), self._made(segment), ranks)

    def _made(self, segment: SegmentFacts) -> Path:
        return self._scratch / f"{segment.id}.parquet"
