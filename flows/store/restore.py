"""How a lost ledger is made again: from the newest whole backup, and from the decisions that the segments carry.

Nothing is judged anew. What neither has is named, and the next start reads its files where they still lie.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from sqlalchemy import select

from flows.errors import DiskFull, StateError
from flows.model.files import first_names, shown
from flows.model.tables import VERSION, Table
from flows.runtime.shortages import is_full
from flows.store.alerts import note_restore
from flows.store.atomic_write import sync_directory
from flows.store.backup import (
    backups_in,
    copy_database,
    defect,
    last_numbers,
    ledger_bytes,
    make_backup,
    open_still,
    sync_file,
)
from flows.store.disk import room_for
from flows.store.exchange import building_place, complete_place, exchange, finish_exchange, remove_building
from flows.store.ledger import ROOM_BYTES, Ledger, SegmentFacts
from flows.store.ledger_file import open_ledger
from flows.store.migrations import OLDEST, version_of
from flows.store.replay import SHOWN, replay_segments
from flows.store.schema import SCHEMA_VERSION, segments
from flows.store.segments import Segments
from flows.store.state_directory import StateDirectory
from flows.store.upkeep import Content, contents_in


@dataclass(frozen=True)
class RestoreResult:
    """What a restore found.

    Args:
        backup: what it began with: a backup, or the ledger itself where that is whole; None where nothing was.
        segments: segments that the backup did not know.
        versions: versions that the backup did not know.
        aside: where the old ledger was put, if there was one.
        undecided: what cannot be recovered, or is not as it was, in words; the next start sees in the landing directory
            what lies there.
    """

    backup: str | None
    segments: int
    versions: int
    aside: str | None
    undecided: list[str] = field(default_factory=list)


def restore_ledger(state: StateDirectory, tables: Iterable[Table]) -> RestoreResult:
    """Make the ledger again. It is built beside the old one, checked, and takes its place in one step; killed at any
    moment, the next start finds the old state or the new one. The old ledger is kept beside.

    To be called by who owns the state directory.

    Raises:
        StateError: segments are of a dataset that is not among the tables, or the segments do not fit what was found.
        DiskFull: there is no room for it; everything is as it was.
    """
    known = {table.name: table for table in tables}
    store = Segments(state.segments)
    _require_all_datasets(state, store, known)
    finish_exchange(state.ledger)
    building = building_place(state.ledger)
    try:
        with room_for("the restored ledger", state.root, 2 * ledger_bytes(state.ledger) + ROOM_BYTES):
            begun_with = _begin(state, building)
            with _opened(building) as ledger:
                found = replay_segments(ledger, store, known)
                words = [*found.words, *_check_rows(ledger, store)]
                begun = f"from {begun_with} and its segments" if begun_with else "from its segments alone"
                note_restore(ledger, f"the ledger was restored {begun}", "\n".join(words[:SHOWN]))
            _seal(building)
    except BaseException:
        remove_building(state.ledger)
        raise
    building.rename(complete_place(state.ledger))
    sync_directory(state.root)
    aside = exchange(state.ledger)
    for file in found.orphans:
        store.set_aside(file)
    words += _back_up(state)
    return RestoreResult(begun_with, found.segments, found.versions, aside, words)


def _back_up(state: StateDirectory) -> list[str]:
    """Make a backup, so that the next restore begins with what this one has found, and does not find it missing again.
    Returns why there is none."""
    try:
        make_backup(state.ledger, state.backups)
    except (OSError, DiskFull, sqlite3.DatabaseError) as error:
        return [f"no backup of the restored ledger could be made, the next close-day makes one: {error}"]
    return []


def _require_all_datasets(state: StateDirectory, store: Segments, known: Mapping[str, Table]) -> None:
    strange = sorted(store.datasets() - known.keys())
    if strange:
        raise StateError(
            f"There are segments of {', '.join(strange)}, which would be forgotten",
            next_step="name every dataset of this state directory with --dataset",
            state=state.root,
        )


def _begin(state: StateDirectory, building: Path) -> str | None:
    """Copy what there is to begin with. Returns its name."""
    backup = newest_backup(state.backups)
    if _copied(state.ledger, building):
        if backup is None or last_numbers(building) >= last_numbers(backup):
            return state.ledger.name
        remove_building(state.ledger)
    if backup is not None:
        copy_database(backup, building, still=True)
    return backup.name if backup else None


def newest_backup(directory: Path) -> Path | None:
    """The newest backup that is whole; None where there is none."""
    return next((backup.file for backup in backups_in(directory)[::-1] if _usable(backup.file)), None)


def _copied(ledger: Path, target: Path) -> bool:
    """Copy the ledger with what is in its log, if it is whole and has any content."""
    if not ledger.is_file() or not ledger.stat().st_size:
        return False
    try:
        copy_database(ledger, target)
    except sqlite3.DatabaseError as error:
        if is_full(error):
            raise  # it is whole as far as is known: an older one must not take its place
        usable = False
    else:
        usable = _usable(target)
    if not usable:
        target.unlink(missing_ok=True)
    return usable


def _usable(file: Path) -> bool:
    if defect(file) is not None:
        return False
    with closing(open_still(file)) as ledger:
        return OLDEST <= version_of(ledger) <= SCHEMA_VERSION


@contextmanager
def _opened(building: Path) -> Iterator[Ledger]:
    ledger = open_ledger(building)
    try:
        yield ledger
    finally:
        ledger.close()


def _seal(building: Path) -> None:
    """Make one whole file of a ledger that nobody uses, durably, and check it."""
    with closing(sqlite3.connect(building)) as ledger:
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        ledger.execute("PRAGMA journal_mode=DELETE")
    found = defect(building)
    if found is not None:
        raise StateError(
            f"The restored ledger is not whole ({found}), so the old state was kept",
            next_step="move the newest backup away and try again",
            file=building,
        )
    sync_file(building)


def _check_rows(ledger: Ledger, store: Segments) -> list[str]:
    """Compare what the ledger says of each living segment with its file. Returns which are damaged.

    Raises:
        StateError: a file that is whole holds other rows than the ledger says.
    """
    damaged = []
    for facts, contents in _living_segments(ledger):
        if _holds(store.path(facts), {content.id: content.rows for content in contents}):
            continue
        what = store.damaged(facts)
        if what is None:
            raise StateError(
                "A segment holds other rows than its footer says, so the old state was kept",
                next_step="move the segment away and try again: its files are loaded again where they lie",
                segment=store.path(facts),
            )
        names = first_names([shown(path) for content in contents for path in content.paths], SHOWN)
        damaged.append(f"{facts.file} cannot be used: {what}; its files are read again at the next start: {names}")
    return damaged


def _living_segments(ledger: Ledger) -> Iterator[tuple[SegmentFacts, list[Content]]]:
    """Each segment, and what of it is in the cube."""
    with ledger.reading() as connection:
        found = [SegmentFacts(**row._mapping) for row in connection.execute(select(segments))]
    for facts in found:
        contents = contents_in(ledger, [facts.id])
        if contents:
            yield facts, contents


def _holds(file: Path, expected: Mapping[int, int]) -> bool:
    try:
        found = dict(pl.read_parquet(file, columns=[VERSION], glob=False)[VERSION].value_counts().iter_rows())
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return False
    return all(found.get(version, 0) == rows for version, rows in expected.items())
