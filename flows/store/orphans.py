"""Segments that lie on the disk and that the ledger does not know: what a crash has left, or what a ledger that is
older than its segments has forgotten. Their footers tell them apart."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from flows.errors import StateError
from flows.store.footer import Footer, UnknownFooter, read_footer
from flows.store.ledger import Ledger, Numbers
from flows.store.segments import Segments, number_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Orphan:
    """A file that the ledger does not know, and what it says of itself."""

    file: Path
    footer: Footer


def settle_orphans(ledger: Ledger, segments: Segments) -> list[Path]:
    """At a start: refuse a ledger that is older than its segments, and set aside those that were never staged; no
    number of theirs is given out again.

    Returns:
        The files that were moved.

    Raises:
        StateError: a segment was written after batches that the ledger does not know.
    """
    orphans = _orphans(ledger, segments)
    for orphan in orphans:
        _refuse_older(ledger, orphan)
    return _set_aside(ledger, segments, orphans)


def set_aside_orphans(ledger: Ledger, segments: Segments, *, dataset: str | None = None) -> list[Path]:
    """Move segments that were written and never staged, or that the ledger has given up, into the quarantine. What
    cannot be understood is left alone, and the log says so.

    Args:
        ledger: which segments are known.
        segments: where they are.
        dataset: whose; of all by default.

    Returns:
        The files that were moved.
    """
    orphans = [orphan for orphan in _orphans(ledger, segments) if dataset in (None, orphan.footer.dataset)]
    return _set_aside(ledger, segments, [orphan for orphan in orphans if not _proves_batches(ledger, orphan)])


def _set_aside(ledger: Ledger, segments: Segments, orphans: list[Orphan]) -> list[Path]:
    for orphan in orphans:
        ledger.reserve(_numbers(orphan.footer))
    moved = [orphan.file for orphan in orphans if segments.set_aside(orphan.file) is not None]
    for file in moved:
        log.warning("%s was written and is not in the ledger: it is set aside in %s", file.name, segments.aside)
    return moved


def _orphans(ledger: Ledger, segments: Segments) -> list[Orphan]:
    known = ledger.segment_files()
    unknown = [file for file in segments.files() if file.name not in known]
    ledger.reserve(Numbers(segment=max(map(number_of, unknown), default=0)))
    return [orphan for file in unknown if (orphan := _orphan(file))]


def _orphan(file: Path) -> Orphan | None:
    try:
        return Orphan(file, read_footer(file))
    except (UnknownFooter, OSError) as error:
        log.warning("%s is not in the ledger and is left alone: %s", file, error)
        return None


def _refuse_older(ledger: Ledger, orphan: Orphan) -> None:
    if _proves_batches(ledger, orphan):
        raise StateError(
            "The ledger is older than its segments: it has forgotten batches, as a copy of an earlier day has",
            next_step="make it again with: cubefeed ledger restore",
            segment=orphan.file.name,
            file=ledger.file,
        )


def _proves_batches(ledger: Ledger, orphan: Orphan) -> bool:
    """Whether batches were staged, when it was written, that the ledger does not know."""
    if orphan.footer.after is not None:
        return orphan.footer.after > ledger.last_batch()
    return number_of(orphan.file) > ledger.last_segment() + 1  # of format 1, an orphan has the next number


def _numbers(footer: Footer) -> Numbers:
    places = {row.place for row in footer.versions} | footer.decisions.arrivals()
    return Numbers(version=max(footer.digests, default=0), arrival=max(places, default=0), batch=footer.batch or 0)
