"""Segments that an earlier declaration has written, as the present one has them: what was first written stays, and
beside it lies what is made of it.

Nothing leaves the cube by that. What the present declaration would refuse is noted, and people see it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from flows.model.dataset import Dataset
from flows.model.files import shown
from flows.model.finding_frame import shorten
from flows.model.findings import NO_FINDINGS, FileFindings, Finding
from flows.model.policies import RejectFile
from flows.runtime.boundaries import FileFailed, Scope, boundary, describe
from flows.runtime.progress import show_progress
from flows.store.derived import Overruled, add_derived, derived_segments, forget_useless
from flows.store.footer import Footer
from flows.store.ledger import Ledger, SegmentFacts
from flows.store.segment_rows import read_segment
from flows.store.segments import Segments
from flows.store.upkeep import Content, contents_in
from flows.text.plural import counted
from flows.validation.derived_rows import DerivedRows, Source, derive_rows


@dataclass
class Derivation:
    """What was derived of one dataset.

    Args:
        versions: how many contents.
        stale: the files that the present declaration would refuse, each with the reason.
        hidden: column → how many of its values are not shown any more.
    """

    versions: int = 0
    stale: list[str] = field(default_factory=list)
    hidden: Counter[str] = field(default_factory=Counter)


def derive_segments(dataset: Dataset, ledger: Ledger, segments: Segments) -> Derivation:
    """Derive what is missing, and remove what is of no use any more.

    Raises:
        OSError, polars.exceptions.PolarsError: a segment cannot be read, or what is made of it not be written.
    """
    done = Derivation()
    known, live = ledger.segments(dataset.name), ledger.live(dataset.name)
    earlier = [known[id] for id in live if known[id].fingerprint != dataset.fingerprint]
    have = derived_segments(ledger, dataset.name) if earlier else {}
    for segment in earlier:
        if segment.id not in have or segments.damaged(have[segment.id]) is not None:
            _derive(dataset, ledger, segments, segment, done)
        show_progress()
    _sweep(dataset, ledger, segments)
    return done


def _sweep(dataset: Dataset, ledger: Ledger, segments: Segments) -> None:
    files = segments.derived_files(dataset.name)
    if files:
        useful = {segments.directory / name for name in forget_useless(ledger, dataset.name)}
        segments.remove_files(file for file in files if file not in useful)
    elif derived_segments(ledger, dataset.name):
        forget_useless(ledger, dataset.name)


def _derive(dataset: Dataset, ledger: Ledger, segments: Segments, segment: SegmentFacts, done: Derivation) -> None:
    contents = contents_in(ledger, [segment.id])
    made = derive_contents(dataset, segments, segment, contents)
    refused = {}
    for content in contents:
        why = overruling(dataset, content, made.found[content.id])
        if why is not None:
            refused[content.id] = why
            done.stale += [f"{shown(path)} ({why.reason})" for path in content.paths]
    footer = Footer(dataset.name, dataset.fingerprint, origin="derived", after=ledger.last_batch())
    facts = segments.write_derived(segment, dataset.table, made.rows, footer)
    add_derived(ledger, segment, facts, refused, of=[content.id for content in contents])
    done.versions += len(contents)
    done.hidden.update(made.hidden)


def derive_contents(
    dataset: Dataset, segments: Segments, segment: SegmentFacts, contents: Sequence[Content]
) -> DerivedRows:
    """The rows of some contents of a segment, as the present declaration has them."""
    sources = [Source(content.id, content.paths[0]) for content in contents]
    rows = read_segment(segments.path(segment))
    try:
        with boundary(Scope.FILE):
            return derive_rows(dataset, rows, sources)
    except FileFailed:  # a rule that raises: the values are what they are
        made = derive_rows(dataset, rows, sources, judged=False)
        return replace(made, found={source.content: _judged_alone(dataset, rows, source) for source in sources})


def _judged_alone(dataset: Dataset, rows: pl.DataFrame, source: Source) -> FileFindings:
    try:
        with boundary(Scope.FILE):
            return derive_rows(dataset, rows, [source]).found[source.content]
    except FileFailed as failed:
        raised = Finding("rule", raw=shorten(describe(failed.cause)), expected="no exception")
        return NO_FINDINGS.with_findings([raised], {"rule": 1})


def hidden_words(dataset: Dataset, hidden: Mapping[str, int]) -> list[str]:
    """What people should know of values that are not shown, one sentence for each column."""
    columns = dataset.row_schema.columns()
    return [
        f"{name}: {counted(number, 'value')} not shown: "
        + (f"no place in {columns[name].dtype}" if name in columns else "the column is not declared any more")
        for name, number in sorted(hidden.items())
    ]


def overruling(dataset: Dataset, content: Content, found: FileFindings) -> Overruled | None:
    """Why the present declaration would refuse a content; None where it would take all of it."""
    found = _with_counts(dataset, content, found)
    if not found.counts:
        return None
    named = ", ".join(f"{rule} {count}" for rule, count in sorted(found.counts.items()))
    return Overruled(f"as it is declared now it has findings: {named}", found.counts, found.findings)


def _with_counts(dataset: Dataset, content: Content, found: FileFindings) -> FileFindings:
    """What is asked of the number of rows."""
    rows = content.rows + content.refused + content.collapsed
    allowed = dataset.completeness.rows
    if allowed is not None and not allowed[0] <= rows <= allowed[1]:
        expected = f"{allowed[0]} to {allowed[1]} data rows"
        found = found.with_findings([Finding("rows", raw=str(rows), expected=expected)], {"rows": 1})
    if content.refused and isinstance(dataset.bad_rows, RejectFile):
        refused = Finding("bad_rows", raw=f"{content.refused} rows refused", expected="none")
        found = found.with_findings([refused], {"bad_rows": content.refused})
    return found
