"""What segments have decided beyond a backup, written into a ledger in the order in which it was decided."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from flows.model.files import first_names, shown
from flows.model.lifecycle import State
from flows.model.tables import Table
from flows.runtime.clock import now_utc
from flows.store.decisions import BatchRow, write_decisions
from flows.store.evidence import Evidence, FoundSegment, evidence_of
from flows.store.former import FormerHistory
from flows.store.gaps import missing_batches
from flows.store.ledger import Ledger
from flows.store.loose_ends import tie_up
from flows.store.schema import batches, datasets, requests, segments, versions
from flows.store.segments import Segments, number_of
from flows.store.upkeep import DatasetFacts
from flows.text.plural import counted

SHOWN = 20
_LOST_REQUEST = json.dumps(
    {
        "error": "The ledger was restored from a backup in which this request was open: it may have been done since",
        "next_step": "look at cubefeed files, and ask again",
    }
)


@dataclass
class Replayed:
    """What a replay found.

    Args:
        segments: how many the ledger did not know.
        versions: likewise.
        orphans: files of segments that were never staged, or given up.
        words: what is not as it was, or cannot be recovered, in words.
    """

    segments: int = 0
    versions: int = 0
    orphans: list[Path] = field(default_factory=list)
    words: list[str] = field(default_factory=list)


def replay_segments(ledger: Ledger, store: Segments, tables: Mapping[str, Table]) -> Replayed:
    """Write into a ledger what the segments have decided and it does not know, in one transaction.

    Args:
        ledger: a backup, the ledger itself, or an empty one.
        store: the segments.
        tables: of all datasets.
    """
    with ledger.writing(checking_references=False) as connection:
        found = evidence_of(connection, store)
        before = _count(connection)
        replayed = Replayed(len(found.staged), 0, [orphan.file for orphan in found.orphans], list(found.unreadable))
        numbered = _describe(connection, store, tables, found.staged)
        own_batch = found.last_batch + 1
        _replay_former(connection, numbered, own_batch)
        for number, segment in numbered.items():
            write_decisions(connection, segment.footer.dataset, segment.decisions(), segment=number, again=True)
        _write_datasets(connection, found.staged)
        replayed.words += [*_gap_words(found), *_former_words(numbered.values())]
        lost = tie_up(connection, {file.name for file in store.files()})
        replayed.versions = _count(connection) - before
        _finish(connection, found, own_batch)
        replayed.words += [*_loss_words(lost, found), *_request_words(connection)]
    return replayed


def _count(connection: Connection) -> int:
    return int(connection.scalar(select(func.count()).select_from(versions)) or 0)


def _describe(
    connection: Connection, store: Segments, tables: Mapping[str, Table], staged: Iterable[FoundSegment]
) -> dict[int, FoundSegment]:
    """Write the segments into the ledger. Returns them by their numbers, in the order in which they were written."""
    taken = set(connection.scalars(select(segments.c.id)))
    highest = max((number_of(file) for file in store.files()), default=0)
    numbered: dict[int, FoundSegment] = {}
    for found in staged:
        number = number_of(found.file)
        if number in taken:
            number = max(*taken, highest) + 1
        taken.add(number)
        facts = store.describe(found.file, found.footer, tables[found.footer.dataset], id=number)
        connection.execute(insert(segments), vars(facts))
        numbered[number] = found
    return numbered


def _replay_former(connection: Connection, numbered: Mapping[int, FoundSegment], own_batch: int) -> None:
    """Those of earlier formats come first, since a ledger is never used by an earlier Cubefeed again."""
    former = {number: found for number, found in numbered.items() if found.footer.is_former}
    for name in {found.footer.dataset for found in former.values()}:
        ids: dict[bytes, int] = {}
        for found in numbered.values():
            if found.footer.dataset == name:
                ids |= found.decisions().named_paths()
        history = FormerHistory(connection, name, ids, own_batch=own_batch, now=now_utc())
        for number, found in former.items():
            if found.footer.dataset == name:
                history.take_in(found.footer, number)
        write_decisions(connection, name, history.decisions(), segment=None, again=True)


def _write_datasets(connection: Connection, staged: Iterable[FoundSegment]) -> None:
    """What the ledger knew of the datasets when the last segment was written."""
    for found in staged:
        footer = found.footer
        row: dict[str, Any] = {"name": footer.dataset, "fingerprint": footer.fingerprint}
        new = {} if footer.format == 1 else {name: getattr(footer, name) for name in DatasetFacts._fields}
        statement = upsert(datasets).values({**row, **new})
        kept = {**new, "name": footer.dataset}
        connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=kept))
    connection.execute(update(datasets).values(held=None, day_column=None))


def _finish(connection: Connection, found: Evidence, own_batch: int) -> None:
    """All of it is in the cube from the next start on; no number is given out again that a segment has."""
    now, staged = now_utc(), State.STAGED.value
    for table in (versions, batches):
        loaded = {"state": State.LOADED.value, "loaded_utc": func.coalesce(table.c.loaded_utc, now)}
        connection.execute(update(table).where(table.c.state == staged).values(loaded))
    last = int(connection.scalar(select(func.max(batches.c.id))) or 0)
    used = connection.scalar(select(versions.c.id).where(versions.c.batch == own_batch).limit(1))
    if last < found.last_batch or (used is not None and last < own_batch):
        own = BatchRow(own_batch, State.LOADED.value, 0, 0, now, now)
        connection.execute(insert(batches), own._asdict() | {"dataset": ""})


def _gap_words(found: Evidence) -> list[str]:
    words = []
    for dataset, gaps in missing_batches(found).items():
        named = ", ".join(f"batch {first}" if first == last else f"batches {first}–{last}" for first, last in gaps)
        words.append(
            f"{dataset}: {named} in no segment any more; the files that still lie there are read again, and what was "
            "unloaded then has to be unloaded again"
        )
    return words


def _former_words(staged: Iterable[FoundSegment]) -> list[str]:
    former = [row.path for found in staged for row in found.footer.versions]
    if not former:
        return []
    return [
        f"{counted(len(former), 'version')} known from segments of an earlier Cubefeed, which do not say which of them "
        f"were deleted or unloaded since: {_some(former)}"
    ]


def _loss_words(lost: Iterable[bytes], found: Evidence) -> list[str]:
    names, words = sorted(set(lost)), []
    if names:
        words.append(
            f"{counted(len(names), 'file')} without rows in any segment, loaded again where they still lie: "
            f"{_some(names)}"
        )
    if found.orphans:
        files = [orphan.file.name for orphan in found.orphans]
        words.append(
            f"{counted(len(files), 'segment')} written and never recorded: set aside; their files are loaded again "
            f"where they lie: {first_names(files, SHOWN)}"
        )
    return words


def _request_words(connection: Connection) -> list[str]:
    is_open = requests.c.state.in_(("open", "running"))
    ended = {"state": "failed", "ended_utc": now_utc(), "outcome": _LOST_REQUEST}
    count = connection.execute(update(requests).where(is_open).values(ended)).rowcount
    if not count:
        return []
    return [
        f"{counted(count, 'request')} open in the backup, and not carried out again; where something is missing in "
        "cubefeed files, ask again"
    ]


def _some(names: Iterable[bytes]) -> str:
    return first_names([shown(name) for name in names], SHOWN)
