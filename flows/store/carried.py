"""The decisions that a segment takes over from those which give way to it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from sqlalchemy import Connection, select

from flows.model.dataset import Dataset
from flows.store.decisions import HERE, Decisions, current_rows
from flows.store.footer import Footer, UnknownFooter, read_footer
from flows.store.ledger import Ledger
from flows.store.schema import batches, paths, versions
from flows.store.segments import Segments
from flows.store.statements import among
from flows.store.upkeep import Replacement, apply_replacement, dataset_facts

type Covers = tuple[tuple[int, int], ...]


@dataclass
class _Named:
    """What footers name."""

    paths: set[int] = field(default_factory=set)
    versions: set[int] = field(default_factory=set)
    covers: Covers = ()


def footer_in_place_of(
    ledger: Ledger,
    store: Segments,
    dataset: Dataset,
    replacement: Replacement,
    *,
    contents: Collection[int],
    origin: Literal["compaction", "repair"],
) -> Footer:
    """What a segment says of itself that takes the place of others: the rows that the ledger will have, of all the
    paths and versions that their footers name. Where one of the footers cannot be read, of all that the dataset has.

    Args:
        ledger: no batch is staged between this and the writing of the segment.
        store: where the segments are.
        dataset: whose.
        replacement: the segments that give way, and what becomes of their versions.
        contents: those whose rows the new segment has.
        origin: what writes it.
    """
    named = _named(ledger, store, dataset.name, replacement.old)
    known = ledger.segments(dataset.name)
    return Footer(
        dataset=dataset.name,
        fingerprint=dataset.fingerprint,
        decisions=_rows_to_be(ledger, dataset.name, named, replacement, set(contents)),
        covers=named.covers,
        origin=origin,
        after=ledger.last_batch(),
        replaces=tuple(replacement.old),
        keys_repeat=any(known[id].keys_repeat for id in replacement.old if id in known),
        **dataset_facts(ledger, dataset.name)._asdict(),
    )


def _rows_to_be(
    ledger: Ledger, dataset: str, named: _Named, replacement: Replacement, contents: Collection[int]
) -> Decisions:
    with ledger.writing() as connection:
        connection.exec_driver_sql("SAVEPOINT as_it_is")
        apply_replacement(connection, replacement)
        _add_holders(connection, named, {*replacement.checked, *replacement.lost})
        covered = _covered(connection, dataset, named.covers)
        rows = current_rows(connection, path_ids=named.paths, version_ids=named.versions, batch_ids=covered)
        connection.exec_driver_sql("ROLLBACK TO as_it_is")
    old = set(replacement.old)
    moved = [
        row._replace(segment=HERE) if row.id in contents else row._replace(segment=None) if row.segment in old else row
        for row in rows.versions
    ]
    return replace(rows, versions=moved)


def _add_holders(connection: Connection, named: _Named, contents: Collection[int]) -> None:
    """What becomes of rows becomes of all versions that have them, wherever those are recorded."""
    if contents:
        holders = select(versions.c.id, versions.c.path_id).where(versions.c.content.in_(among(contents)))
        for row in connection.execute(holders):
            named.versions.add(row.id)
            named.paths.add(row.path_id)


def _covered(connection: Connection, dataset: str, covers: Covers) -> set[int]:
    if not covers:
        return set()
    mine = select(batches.c.id).where(batches.c.dataset == dataset, batches.c.id > covers[0][0])
    numbers = connection.scalars(mine.where(batches.c.id <= covers[-1][1]))
    ends = [last for _, last in covers]
    return {number for number in numbers if covers[bisect_left(ends, number)][0] < number}


def merge_covers(covers: Iterable[tuple[int, int]]) -> Covers:
    """Pairs of which one ends where the next begins, as one."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(covers):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def _named(ledger: Ledger, store: Segments, dataset: str, ids: Sequence[int]) -> _Named:
    known = ledger.segments(dataset)
    try:
        footers = [read_footer(store.path(known[id])) for id in ids]
    except (UnknownFooter, OSError):
        return _all(ledger, dataset)
    named = _Named(covers=merge_covers(pair for footer in footers for pair in footer.covers))
    former: set[bytes] = set()
    for footer in footers:
        named.paths |= footer.decisions.path_ids()
        named.versions |= footer.decisions.version_ids() | {row.id for row in footer.versions}
        former |= {row.path for row in footer.versions}
    if former:
        _add_former(ledger, dataset, named, former)
    return named


def _add_former(ledger: Ledger, dataset: str, named: _Named, names: Iterable[bytes]) -> None:
    """Footers of earlier formats name paths by their names, say nothing of the versions that were replaced, and not
    which batches were before."""
    named.covers = ((0, ledger.last_batch(dataset)),)
    wanted = set(names)
    with ledger.reading() as connection:
        known = connection.execute(select(paths.c.id, paths.c.path).where(paths.c.dataset == dataset))
        named.paths |= {row.id for row in known if row.path in wanted}
        named.paths |= set(
            connection.scalars(select(versions.c.path_id).where(versions.c.id.in_(among(named.versions))))
        )
        named.versions |= set(
            connection.scalars(select(versions.c.id).where(versions.c.path_id.in_(among(named.paths))))
        )


def _all(ledger: Ledger, dataset: str) -> _Named:
    with ledger.reading() as connection:
        return _Named(
            set(connection.scalars(select(paths.c.id).where(paths.c.dataset == dataset))),
            set(connection.scalars(select(versions.c.id).where(versions.c.dataset == dataset))),
            ((0, ledger.last_batch(dataset)),),
        )
