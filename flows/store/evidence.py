"""The segments that a backup does not know: which of them were staged, and which nobody has ever counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from flows.store.decisions import Decisions
from flows.store.footer import Footer, UnknownFooter, read_footer
from flows.store.migrations import OLD_VALUES
from flows.store.schema import batches, segments, versions
from flows.store.segments import Segments, number_of
from flows.store.statements import among


@dataclass(frozen=True)
class FoundSegment:
    """A segment that lies on the disk and is not in the backup.

    Args:
        file: where it is.
        footer: without its decisions, of which there are too many to hold those of all segments at once.
        digests: version → digest, of all versions that it says anything of.
        batch_ids: the batches that its decisions name.
    """

    file: Path
    footer: Footer
    digests: Mapping[int, bytes]
    batch_ids: frozenset[int]

    def decisions(self) -> Decisions:
        """Its decisions, read anew."""
        return read_footer(self.file).decisions


def found_segment(file: Path) -> FoundSegment:
    """Look at a segment that is not in the backup.

    Raises:
        UnknownFooter, OSError: see `read_footer`.
    """
    footer = read_footer(file)
    named = frozenset(row.id for row in footer.decisions.batches)
    return FoundSegment(file, replace(footer, decisions=Decisions()), footer.digests, named)


@dataclass
class Evidence:
    """What the segments say beyond a backup.

    Args:
        staged: the segments to believe, in the order in which they were written.
        orphans: those that were written and never staged, and those that the backup knows to be dead.
        unreadable: files that are not understood, and why, in words.
        known_batch: the last batch in the backup.
        last_batch: the last batch that any of them knows of.
    """

    staged: list[FoundSegment]
    orphans: list[FoundSegment]
    unreadable: list[str]
    known_batch: int
    last_batch: int


def evidence_of(connection: Connection, store: Segments) -> Evidence:
    """Look at all segments beside what a backup knows. It forgets those whose number another one has now."""
    unknown, unreadable = _unknown(connection, store)
    last = int(connection.scalar(select(func.coalesce(func.max(batches.c.id), 0))) or 0)
    numbers = [last, *(n for f in unknown for n in (f.footer.batch, f.footer.after) if n is not None)]
    staged, orphans = _apart(connection, unknown, last)
    return Evidence(staged, orphans, unreadable, last, max(numbers))


def _unknown(connection: Connection, store: Segments) -> tuple[list[FoundSegment], list[str]]:
    """The segments that the backup does not know, in the order in which they were written, and what is unreadable."""
    known = {row.file: row for row in connection.execute(select(segments))}
    found: list[FoundSegment] = []
    unreadable = []
    for file in sorted(store.files(), key=lambda file: (number_of(file), file.stat().st_mtime_ns)):
        try:
            segment = found_segment(file)
        except (UnknownFooter, OSError) as error:
            if file.name not in known:
                unreadable.append(f"{file.name} is left alone: {error}")
            continue
        if file.name in known:
            if _is_same(connection, known[file.name], segment):
                continue
            _forget(connection, known[file.name].id)
        found.append(segment)
    return found, unreadable


def _apart(
    connection: Connection, unknown: list[FoundSegment], last_batch: int
) -> tuple[list[FoundSegment], list[FoundSegment]]:
    """Those that were staged, and the others."""
    last_of_number = {number_of(found.file): found for found in unknown}
    backup = _Identities(connection, unknown)
    least_after: int | None = None
    staged: list[FoundSegment] = []
    orphans: list[FoundSegment] = []
    for found in reversed(unknown):
        footer = found.footer
        if footer.after is None:  # format 1: a number is given out again only where the first was not staged
            counts = last_of_number[number_of(found.file)] is found
        elif footer.batch is None:
            counts = footer.after >= last_batch
        else:  # whoever wrote later knew of every batch that was staged
            refuted = least_after is not None and footer.batch > least_after
            counts = footer.batch > last_batch and not refuted
        if footer.after is not None:
            least_after = min(footer.after, least_after if least_after is not None else footer.after)
        chosen = staged if counts and backup.fits(found) else orphans
        chosen.insert(0, found)
    return staged, orphans


def _forget(connection: Connection, segment: int) -> None:
    """A segment whose number another one has now: it was given up after the backup was made."""
    connection.execute(update(versions).where(versions.c.segment == segment).values(segment=None))
    connection.execute(delete(segments).where(segments.c.id == segment))


class _Identities:
    """Which version has which number, so that no segment is taken for one that holds another's rows. Digests of earlier
    formats are of other things, and only compared with their like."""

    def __init__(self, connection: Connection, unknown: Iterable[FoundSegment]) -> None:
        ids = {id for found in unknown for id in found.digests}
        columns = (versions.c.id, versions.c.dataset, versions.c.digest, versions.c.path_values)
        found = connection.execute(select(*columns).where(versions.c.id.in_(among(ids)))).all()
        self._known: dict[tuple[int, bool], tuple[str, bytes]] = {
            (row.id, row.path_values == OLD_VALUES): (row.dataset, row.digest) for row in found
        }
        self._highest = int(connection.scalar(select(func.coalesce(func.max(versions.c.id), 0))) or 0)
        self._backup = {row.id for row in found}

    def fits(self, segment: FoundSegment) -> bool:
        """Whether the versions of a segment are those of the backup and of later segments; then they are known."""
        footer = segment.footer
        own = {(id, footer.is_former): (footer.dataset, digest) for id, digest in segment.digests.items()}
        if any(self._known.get(id, identity) != identity for id, identity in own.items()):
            return False
        if footer.format == 1 and any(id <= self._highest and id not in self._backup for id, _ in own):
            return False  # the backup knows of every version that was staged until then
        self._known |= own
        return True


def _is_same(connection: Connection, known: Any, segment: FoundSegment) -> bool:
    """Whether a file is the segment that the backup knows by its name."""
    if known.uuid is not None or segment.footer.uuid is not None:
        return bool(known.uuid == segment.footer.uuid)
    digests = segment.digests
    found = connection.execute(select(versions.c.id, versions.c.digest).where(versions.c.id.in_(among(digests))))
    return not digests or any(digests[row.id] == row.digest for row in found)
