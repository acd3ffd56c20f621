"""What the present declaration makes of segments that an earlier one has written, as the ledger knows it: a cache, of
which the segments themselves stay. And which contents it would refuse."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from flows.model.findings import Finding
from flows.model.lifecycle import LIVE
from flows.store.ledger import SEGMENTS_OF, Ledger, SegmentFacts
from flows.store.schema import datasets, derived, overruled, segments, versions
from flows.store.statements import OF, among

KEPT_FINDINGS = 100
"""Findings that are kept of a content that the present declaration would refuse; the counts are complete."""
_VALID = (
    select(derived)
    .join(segments, (segments.c.id == derived.c.id) & (segments.c.sha256 == derived.c.source))
    .join(datasets, datasets.c.name == derived.c.dataset)
    .where(derived.c.dataset == OF, derived.c.fingerprint == datasets.c.fingerprint)
    .where(segments.c.fingerprint != derived.c.fingerprint)
)
"""What was derived for the declaration of the last start, from segments that are there and of another one."""


@dataclass(frozen=True)
class Overruled:
    """Why the present declaration would refuse a content that is in the cube, and stays."""

    reason: str
    counts: Mapping[str, int]
    findings: tuple[Finding, ...]


def shown_segments(ledger: Ledger, dataset: str) -> dict[int, SegmentFacts]:
    """Segment id → the file that is read for it: what was derived from it where an earlier declaration has written
    it."""
    with ledger.reading() as connection:
        first = connection.execute(SEGMENTS_OF, {"of": dataset})
        found = {row.id: SegmentFacts(**row._mapping) for row in first}
        return found | {row.id: _facts(row) for row in connection.execute(_VALID, {"of": dataset})}


def derived_segments(ledger: Ledger, dataset: str) -> dict[int, SegmentFacts]:
    """Segment id → what was derived from it for the present declaration."""
    with ledger.reading() as connection:
        return {row.id: _facts(row) for row in connection.execute(_VALID, {"of": dataset})}


def add_derived(
    ledger: Ledger, source: SegmentFacts, facts: SegmentFacts, refused: Mapping[int, Overruled], *, of: Collection[int]
) -> None:
    """Note what was derived from a segment.

    Args:
        ledger: the ledger.
        source: the segment.
        facts: what was derived.
        refused: the contents of it that the present declaration would refuse.
        of: all of its contents.
    """
    row = {**asdict(facts), "source": source.sha256}
    notes = [
        {
            "content": content,
            "dataset": source.dataset,
            "reason": why.reason,
            "counts": json.dumps(dict(why.counts)),
            "findings": json.dumps([asdict(finding) for finding in why.findings[:KEPT_FINDINGS]]),
        }
        for content, why in refused.items()
    ]
    with ledger.writing() as connection:
        connection.execute(delete(derived).where(derived.c.id == source.id))
        connection.execute(insert(derived), row)
        connection.execute(delete(overruled).where(overruled.c.content.in_(among(of))))
        if notes:
            connection.execute(insert(overruled), notes)


def forget_useless(ledger: Ledger, dataset: str) -> set[str]:
    """Forget what was derived for another declaration, or from a segment that is not there any more, and what is known
    of their contents. Returns the files that are still of use."""
    with ledger.writing() as connection:
        useful = {row.id: row.file for row in connection.execute(_VALID, {"of": dataset})}
        theirs = derived.c.dataset == dataset
        if connection.scalar(select(derived.c.id).where(theirs, derived.c.id.not_in(among(useful))).limit(1)):
            connection.execute(delete(derived).where(theirs, derived.c.id.not_in(among(useful))))
        _forget_contents(connection, dataset, useful)
    return set(useful.values())


def overruled_versions(ledger: Ledger, dataset: str | None = None) -> dict[int, Overruled]:
    """The versions in the cube whose content the present declaration would refuse, of a dataset or of all."""
    query = (
        select(versions.c.id, overruled)
        .join(overruled, overruled.c.content == versions.c.content)
        .where(versions.c.state.in_(LIVE))
    )
    if dataset is not None:
        query = query.where(versions.c.dataset == dataset)
    with ledger.reading() as connection:
        return {row.id: _overruled(row) for row in connection.execute(query)}


def _overruled(row: Any) -> Overruled:
    findings = tuple(Finding(**each) for each in json.loads(row.findings))
    return Overruled(row.reason, json.loads(row.counts), findings)


def _forget_contents(connection: Connection, dataset: str, useful: Collection[int]) -> None:
    if connection.scalar(select(overruled.c.content).where(overruled.c.dataset == dataset).limit(1)) is None:
        return
    inside = select(versions.c.id).where(versions.c.segment.in_(among(useful)))
    connection.execute(delete(overruled).where(overruled.c.dataset == dataset, overruled.c.content.not_in(inside)))


def _facts(row: Any) -> SegmentFacts:
    facts = dict(row._mapping)
    facts.pop("source")
    return SegmentFacts(**facts)
