"""How a lost ledger is made again: from the newest whole backup, and from what the segments' footers know beyond it.

What neither can decide is decided by the landing directory at the next start, and said.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from flows.core.clock import now_utc
from flows.core.files import Signature, shown
from flows.core.lifecycle import LIVE, State
from flows.core.model import VERSION, Table
from flows.core.surroundings import is_full
from flows.errors import StateError
from flows.store.atomic import sync_directory
from flows.store.backup import backups_in, copy_database, defect, last_numbers, ledger_bytes, sync_file
from flows.store.disk import room_for
from flows.store.exchange import building_place, complete_place, exchange, finish_exchange, remove_building
from flows.store.footer import Footer, UnknownFooter, read_footer
from flows.store.ledger import ROOM_BYTES, Ledger, SegmentFacts, among, open_ledger
from flows.store.migrations import OLDEST, version_of
from flows.store.replay import KnownPath, KnownVersion, Replay
from flows.store.schema import SCHEMA_VERSION, batches, datasets, paths, requests, segments, versions
from flows.store.segments import Segments, number_of, read_segment
from flows.store.state import State as StateDirectory
from flows.store.upkeep import NEVER, DatasetFacts

SHOWN = 20
_COUNTED = ("rows", "refused", "collapsed", "findings", "first_finding")
_LOST_REQUEST = json.dumps(
    {
        "error": "The ledger was restored from a backup in which this request was open: it may have been done since",
        "next_step": "look at cubefeed files, and ask again",
    }
)


@dataclass(frozen=True)
class Restored:
    """What a restore found.

    Args:
        backup: what it began with: a backup, or the ledger itself where that is whole; None where nothing was.
        segments: segments that the backup did not know.
        versions: versions that the backup did not know.
        aside: where the old ledger was put, if there was one.
        undecided: what the next start has to decide from the landing directory, and what is not as it was, in words.
    """

    backup: str | None
    segments: int
    versions: int
    aside: str | None
    undecided: list[str] = field(default_factory=list)


def restore_ledger(state: StateDirectory, tables: Iterable[Table]) -> Restored:
    """Make the ledger again. It is built beside the old one, checked, and takes its place in one step; killed at any
    moment, the next start finds the old state or the new one. The old ledger is kept beside.

    To be called by who owns the state directory.

    Raises:
        StateError: segments are of a dataset that is not among the tables, or the segments do not fit what was found.
        DiskFull: there is no room for it; everything is as it was.
    """
    known = {table.name: table for table in tables}
    store = Segments(state.segments)
    strange = sorted(store.datasets() - known.keys())
    if strange:
        raise StateError(
            f"There are segments of {', '.join(strange)}, which would be forgotten",
            next_step="name every dataset of this state directory with --dataset",
            state=state.root,
        )
    finish_exchange(state.ledger)
    building = building_place(state.ledger)
    try:
        with room_for("the restored ledger", state.root, 2 * ledger_bytes(state.ledger) + ROOM_BYTES):
            begun_with = _begin(state, building)
            with _opened(building) as ledger:
                found = _Restore(ledger, store, known)
                found.take_in()
                undecided = [*found.undecided(), *_check_rows(ledger, store)]
            _seal(building)
    except BaseException:
        remove_building(state.ledger)
        raise
    building.rename(complete_place(state.ledger))
    sync_directory(state.root)
    aside = exchange(state.ledger)
    for file in found.orphans:
        store.set_aside(file)
    return Restored(begun_with, found.segments, found.versions, aside, undecided)


def _begin(state: StateDirectory, building: Path) -> str | None:
    """Copy what there is to begin with. Returns its name."""
    backup = next((b.file for b in backups_in(state.backups)[::-1] if _usable(b.file)), None)
    if _copied(state.ledger, building):
        if backup is None or last_numbers(building) >= last_numbers(backup):
            return state.ledger.name
        remove_building(state.ledger)
    if backup is not None:
        copy_database(backup, building, still=True)
    return backup.name if backup else None


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
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as ledger:
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


@dataclass(frozen=True)
class _Found:
    """A segment that lies on the disk and is not in the backup."""

    file: Path
    footer: Footer


class _Restore:
    """Writes into a ledger what the footers know and it does not."""

    def __init__(self, ledger: Ledger, store: Segments, tables: Mapping[str, Table]) -> None:
        self._ledger = ledger
        self._store = store
        self._tables = tables
        self._last_batch = ledger.last_batch()
        self._replays: dict[str, Replay] = {}
        self._not_understood: list[str] = []
        self._rows_gone: list[bytes] = []
        self._requests = 0
        self.segments = 0
        self.versions = 0
        self.orphans: list[Path] = []

    def undecided(self) -> list[str]:
        """What is not as it was, or is for the next start to decide, in words."""
        words = []
        if self.versions:
            words.append(
                f"{self.versions} versions are known from segments alone: whether their files were renamed, deleted or "
                "unloaded since, the landing directory says at the next start"
            )
        homeless = [name for replay in self._replays.values() for name in replay.homeless]
        if homeless:
            words.append(
                f"{len(homeless)} files were renamed before the loss, to names that are not known: {_some(homeless)}"
            )
        if self._rows_gone:
            words.append(
                f"the rows of {len(self._rows_gone)} versions are in no segment any more; files that still lie there "
                f"are loaded again: {_some(self._rows_gone)}"
            )
        if self.orphans:
            words.append(
                f"{len(self.orphans)} segments were written and never recorded: they are set aside, and their files "
                f"are loaded again where they lie: {_named(self.orphans)}"
            )
        if self._requests:
            words.append(f"{self._requests} requests that were open in the backup are not carried out: ask again")
        return [*words, *self._not_understood]

    def take_in(self) -> None:
        """All footers, the oldest segment first, in one transaction."""
        with self._ledger.writing() as connection:
            unknown = self._unknown(connection)
            self._load(connection, {found.footer.dataset for found in unknown})
            chosen = self._without_orphans(connection, unknown)
            self._replay(connection, chosen)
            self._write(connection, unknown)
            self._write_datasets(connection, chosen)
            self._requests = connection.execute(
                update(requests)
                .where(requests.c.state.in_(("open", "running")))
                .values(state="failed", ended_utc=now_utc(), outcome=_LOST_REQUEST)
            ).rowcount

    def _unknown(self, connection: Connection) -> list[_Found]:
        """The segments that the backup does not know, in the order in which they were written."""
        known = {row.file: row for row in connection.execute(select(segments))}
        found = []
        for file in sorted(self._store.files(), key=lambda file: (number_of(file), file.stat().st_mtime_ns)):
            try:
                footer = read_footer(file)
            except (UnknownFooter, OSError) as error:
                if file.name not in known:
                    self._not_understood.append(f"{file.name} is left alone: {error}")
                continue
            if file.name not in known:
                found.append(_Found(file, footer))
            elif not _is_same(connection, known[file.name], footer):
                self._forget(connection, known[file.name].id)
                found.append(_Found(file, footer))
        return found

    def _forget(self, connection: Connection, segment: int) -> None:
        """A segment whose number another one has now: it was given up after the backup was made."""
        connection.execute(update(versions).where(versions.c.segment == segment).values(segment=None))
        connection.execute(delete(segments).where(segments.c.id == segment))

    def _load(self, connection: Connection, names: Iterable[str]) -> None:
        """What the backup knows of the paths and versions of these datasets."""
        for name in names:
            found = connection.execute(select(paths).where(paths.c.dataset == name))
            known = {row.path: KnownPath(row.id, row.path, row.place, row.accepted) for row in found}
            accepted = select(versions).where(versions.c.dataset == name, versions.c.place.is_not(None))
            held = {
                row.id: KnownVersion(row.id, row.path_id, row.place, State(row.state), row.segment)
                for row in connection.execute(accepted)
            }
            self._replays[name] = Replay(known, held)

    def _without_orphans(self, connection: Connection, unknown: list[_Found]) -> list[_Found]:
        """Leave out the segments that were written and never staged, and those that the backup knew to be dead."""
        last_of_number = {number_of(found.file): found for found in unknown}
        backup = _Identities(connection, unknown)
        least_after: int | None = None
        chosen: list[_Found] = []
        for found in reversed(unknown):
            footer = found.footer
            if footer.after is None:  # format 1: a number is given out again only where the first was not staged
                staged = last_of_number[number_of(found.file)] is found
            elif footer.batch is None:
                staged = footer.after >= self._last_batch
            else:  # whoever wrote later knew of every batch that was staged
                refuted = least_after is not None and footer.batch > least_after
                staged = footer.batch > self._last_batch and not refuted
            if footer.after is not None:
                least_after = min(footer.after, least_after if least_after is not None else footer.after)
            if staged and backup.fits(footer):
                chosen.insert(0, found)
            else:
                self.orphans.insert(0, found.file)
        return chosen

    def _replay(self, connection: Connection, chosen: list[_Found]) -> None:
        free_path = int(connection.scalar(select(func.coalesce(func.max(paths.c.id), 0))) or 0) + 1
        highest_place = int(connection.scalar(select(func.coalesce(func.max(versions.c.place), 0))) or 0)
        taken = set(connection.scalars(select(segments.c.id)))
        highest_file = max((number_of(file) for file in self._store.files()), default=0)
        for found in chosen:
            number = number_of(found.file)
            if number in taken:
                number = max(*taken, highest_file) + 1
            facts = self._described(found, number)
            if facts is None:
                continue
            taken.add(number)
            connection.execute(insert(segments), vars(facts))
            self.segments += 1
            replay = self._replays[found.footer.dataset]
            replay.highest_place = highest_place
            free_path = replay.take_in(found.footer, number, free_path)
            highest_place = replay.highest_place

    def _described(self, found: _Found, number: int) -> SegmentFacts | None:
        footer = found.footer
        try:
            counts = dict(read_segment(found.file)[VERSION].value_counts().iter_rows())
            facts = self._store.describe(found.file, footer, self._tables[footer.dataset], id=number)
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            what = str(error)
        else:
            if all(counts.get(row.id, 0) == row.rows for row in footer.versions):
                return facts
            what = "it does not hold the rows that it says"
        self._not_understood.append(
            f"{found.file.name} cannot be used ({what}); its files are loaded again where they lie"
        )
        self.orphans.append(found.file)
        return None

    def _write(self, connection: Connection, unknown: list[_Found]) -> None:
        numbers = [self._last_batch, *(n for f in unknown for n in (f.footer.batch, f.footer.after) if n is not None)]
        own = max(numbers) + 1
        self._write_batches(connection, own)
        for name, replay in self._replays.items():
            lost = [version for version in replay.versions.values() if version.live and version.segment is None]
            for version in lost:
                version.state, version.touched = State.UNLOADED, True
            gone = {version.id for version in lost}
            _write_paths(connection, name, replay, gone)
            _write_versions(connection, name, replay, gone, own)
            self._rows_gone += [path.name for path in replay.paths.values() if path.accepted in gone]
            self.versions += sum(version.is_new for version in replay.versions.values())

    def _write_batches(self, connection: Connection, own: int) -> None:
        """The batches that the new versions came with, and one for the restore itself, which is the last."""
        now = now_utc()
        rows: dict[int, dict[str, Any]] = {own: _batch_row(own, "", now)}
        known = set(connection.scalars(select(batches.c.id)))
        for name, replay in self._replays.items():
            for version in replay.versions.values():
                if version.is_new and version.batch is not None and version.batch not in known and version.facts:
                    row = rows.setdefault(version.batch, _batch_row(version.batch, name, now))
                    row["files"] += 1
                    row["rows"] += version.facts.rows
        connection.execute(insert(batches), list(rows.values()))

    def _write_datasets(self, connection: Connection, chosen: list[_Found]) -> None:
        """What the ledger knew of the datasets when the last segment was written."""
        for found in chosen:
            footer = found.footer
            row: dict[str, Any] = {"name": footer.dataset, "fingerprint": footer.fingerprint}
            new = {} if footer.format == 1 else {name: getattr(footer, name) for name in DatasetFacts._fields}
            statement = upsert(datasets).values({**row, **new})
            kept = {**new, "name": footer.dataset}
            connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=kept))
        connection.execute(update(datasets).values(held=None))


class _Identities:
    """Which version has which number, so that no segment is taken for one that holds another's rows."""

    def __init__(self, connection: Connection, unknown: Iterable[_Found]) -> None:
        ids = {row.id for found in unknown for row in found.footer.versions}
        columns = (versions.c.id, versions.c.dataset, versions.c.digest)
        found = connection.execute(select(*columns).where(versions.c.id.in_(among(ids))))
        self._known = {row.id: (row.dataset, row.digest) for row in found}
        self._highest = int(connection.scalar(select(func.coalesce(func.max(versions.c.id), 0))) or 0)
        self._backup = set(self._known)

    def fits(self, footer: Footer) -> bool:
        """Whether the versions of a segment are those of the backup and of later segments; then they are known."""
        own = {row.id: (footer.dataset, row.digest) for row in footer.versions}
        if any(self._known.get(id, identity) != identity for id, identity in own.items()):
            return False
        if footer.format == 1 and any(id <= self._highest and id not in self._backup for id in own):
            return False  # the backup knows of every version that was staged until then
        self._known |= own
        return True


def _is_same(connection: Connection, known: Any, footer: Footer) -> bool:
    """Whether a file is the segment that the backup knows by its name."""
    if known.uuid is not None or footer.uuid is not None:
        return bool(known.uuid == footer.uuid)
    digests = {row.id: row.digest for row in footer.versions}
    found = connection.execute(select(versions.c.id, versions.c.digest).where(versions.c.id.in_(among(digests))))
    return not digests or any(digests[row.id] == row.digest for row in found)


def _write_paths(connection: Connection, dataset: str, replay: Replay, gone: set[int]) -> None:
    touched = [path for path in replay.paths.values() if path.touched or path.accepted in gone]
    rows = [_path_row(dataset, path, replay, gone) for path in touched]
    if rows:
        statement = upsert(paths)
        changed = {name: statement.excluded[name] for name in rows[0] if name not in ("id", "dataset", "path")}
        connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changed), rows)


def _path_row(dataset: str, path: KnownPath, replay: Replay, gone: set[int]) -> dict[str, Any]:
    version = replay.versions.get(path.accepted) if path.accepted is not None else None
    facts = version.facts if version else None
    row = {
        "id": path.id,
        "dataset": dataset,
        "path": path.name,
        "place": path.place,
        "accepted": path.accepted,
        "judged": path.accepted,
        "present": True,
        "size_bytes": facts.size_bytes if facts else 0,
        "mtime_ns": facts.mtime_ns if facts else 0,
        **NEVER,
    }
    if path.accepted in gone:
        return {**row, "present": False, **dict.fromkeys(Signature._fields)}
    return row


def _write_versions(connection: Connection, dataset: str, replay: Replay, gone: set[int], own_batch: int) -> None:
    now = now_utc()
    new = [_version_row(dataset, version, own_batch, now) for version in replay.versions.values() if version.is_new]
    if new:
        connection.execute(insert(versions), new)
    old = [version for version in replay.versions.values() if version.touched and not version.is_new]
    if not old:
        return
    changed = update(versions).where(versions.c.id == bindparam("version"))
    connection.execute(
        changed.values(
            path_id=bindparam("at"),
            state=bindparam("becomes"),
            segment=bindparam("lies_in"),
            ended_utc=func.coalesce(versions.c.ended_utc, bindparam("end")),
        ),
        [
            {"version": v.id, "at": v.path, "becomes": v.state.value, "lies_in": v.segment, "end": _ended(v, now)}
            for v in old
        ],
    )
    counted = [version.facts for version in old if version.facts is not None and version.live]
    if counted:
        connection.execute(
            changed.values({name: bindparam(f"new_{name}") for name in _COUNTED}),
            [{"version": row.id, **{f"new_{name}": getattr(row, name) for name in _COUNTED}} for row in counted],
        )
    if gone:
        lost = {"cause": "lost", "reason": "its rows are in no segment any more"}
        connection.execute(update(versions).where(versions.c.id.in_(among(gone))).values(lost))


def _version_row(dataset: str, version: KnownVersion, own_batch: int, now: str) -> dict[str, Any]:
    facts = version.facts
    assert facts is not None
    names = ("id", "digest", "size_bytes", "mtime_ns", "place", *_COUNTED)
    detected = version.detected_utc or now
    return {
        **{name: getattr(facts, name) for name in names},
        "dataset": dataset,
        "path_id": version.path,
        "state": version.state.value,
        "segment": version.segment,
        "batch": version.batch if version.batch is not None else own_batch,
        "detected_utc": detected,
        "staged_utc": detected,
        "loaded_utc": now,
        "ended_utc": _ended(version, now),
    }


def _ended(version: KnownVersion, now: str) -> str | None:
    return None if version.live else now


def _batch_row(number: int, dataset: str, now: str) -> dict[str, Any]:
    return {
        "id": number,
        "dataset": dataset,
        "state": State.LOADED.value,
        "files": 0,
        "rows": 0,
        "staged_utc": now,
        "loaded_utc": now,
    }


def _check_rows(ledger: Ledger, store: Segments) -> list[str]:
    """Compare what the ledger says of each living segment with its file. Returns which are damaged.

    Raises:
        StateError: a file that is whole holds other rows than the ledger says.
    """
    damaged = []
    for facts, expected in _living_segments(ledger):
        if _holds(store.path(facts), expected):
            continue
        what = store.damaged(facts)
        if what is None:
            raise StateError(
                "A segment holds other rows than its footer says, so the old state was kept",
                next_step="move the segment away and try again: its files are loaded again where they lie",
                segment=store.path(facts),
            )
        damaged.append(f"{facts.file} cannot be used: {what}; its files are read again at the next start")
    return damaged


def _living_segments(ledger: Ledger) -> Iterator[tuple[SegmentFacts, dict[int, int]]]:
    """Each segment, and the rows of its live versions."""
    live = select(versions.c.segment, versions.c.id, versions.c.rows).where(
        versions.c.state.in_(LIVE), versions.c.segment.is_not(None)
    )
    with ledger.reading() as connection:
        expected: dict[int, dict[int, int]] = {}
        for segment, version, rows in connection.execute(live):
            expected.setdefault(segment, {})[version] = rows
        found = [SegmentFacts(**row._mapping) for row in connection.execute(select(segments))]
    yield from ((facts, expected[facts.id]) for facts in found if facts.id in expected)


def _holds(file: Path, expected: Mapping[int, int]) -> bool:
    try:
        found = dict(pl.read_parquet(file, columns=[VERSION], glob=False)[VERSION].value_counts().iter_rows())
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return False
    return all(found.get(version, 0) == rows for version, rows in expected.items())


def _some(names: list[bytes]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(shown(name) for name in names[:SHOWN]) + more


def _named(files: list[Path]) -> str:
    return _some([file.name.encode() for file in files])
