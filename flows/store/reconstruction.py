"""The part of a lost ledger that no backup knows, made again from what the segments say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from flows.model.files import first_names, shown
from flows.model.lifecycle import State
from flows.model.tables import VERSION, Table
from flows.runtime.clock import now_utc
from flows.store.evidence import FoundSegment, evidence_of
from flows.store.ledger import Ledger, SegmentFacts
from flows.store.reconstruction_rows import batch_row, write_paths, write_versions
from flows.store.replay import KnownPath, KnownVersion, Replay
from flows.store.schema import batches, datasets, paths, requests, segments, versions
from flows.store.segment_rows import read_segment
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


class Reconstruction:
    """Writes into a ledger what the segments know and it does not."""

    def __init__(self, ledger: Ledger, store: Segments, tables: Mapping[str, Table]) -> None:
        self._ledger = ledger
        self._store = store
        self._tables = tables
        self._replays: dict[str, Replay] = {}
        self._not_understood: list[str] = []
        self._rows_gone: list[bytes] = []
        self._from_segments: list[bytes] = []
        self._requests = 0
        self.segments = 0
        self.versions = 0
        self.orphans: list[Path] = []

    def undecided(self) -> list[str]:
        """What is not as it was, or is for the next start to decide, in words."""
        homeless = [name for replay in self._replays.values() for name in replay.homeless]
        counts = (
            (
                self.versions,
                "version",
                "known from segments alone: the next start sees in the landing directory which of their files were "
                "renamed or deleted; what was unloaded since the backup comes back and has to be unloaded again: "
                f"{_some(self._from_segments)}",
            ),
            (len(homeless), "file", f"renamed before the loss, to names that are not known: {_some(homeless)}"),
            (
                len(self._rows_gone),
                "version",
                f"without rows in any segment; files that still lie there are loaded again: {_some(self._rows_gone)}",
            ),
            (
                len(self.orphans),
                "segment",
                "written and never recorded: set aside; their files are loaded again where they lie: "
                f"{first_names([file.name for file in self.orphans], SHOWN)}",
            ),
            (
                self._requests,
                "request",
                "open in the backup, and not carried out again; where something is missing in cubefeed files, "
                "ask again",
            ),
        )
        return [*(f"{counted(count, what)} {words}" for count, what, words in counts if count), *self._not_understood]

    def take_in(self) -> None:
        """All footers, the oldest segment first, in one transaction."""
        with self._ledger.writing() as connection:
            found = evidence_of(connection, self._store)
            self._not_understood += found.unreadable
            self.orphans = [orphan.file for orphan in found.orphans]
            self._load(connection, {segment.footer.dataset for segment in found.staged})
            self._replay(connection, found.staged)
            self._write(connection, found.last_batch + 1)
            self._write_datasets(connection, found.staged)
            self._requests = connection.execute(
                update(requests)
                .where(requests.c.state.in_(("open", "running")))
                .values(state="failed", ended_utc=now_utc(), outcome=_LOST_REQUEST)
            ).rowcount

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

    def _replay(self, connection: Connection, staged: list[FoundSegment]) -> None:
        free_path = int(connection.scalar(select(func.coalesce(func.max(paths.c.id), 0))) or 0) + 1
        highest_place = int(connection.scalar(select(func.coalesce(func.max(versions.c.place), 0))) or 0)
        taken = set(connection.scalars(select(segments.c.id)))
        highest_file = max((number_of(file) for file in self._store.files()), default=0)
        for found in staged:
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

    def _described(self, found: FoundSegment, number: int) -> SegmentFacts | None:
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
            f"{found.file.name} cannot be used ({what}); its files are loaded again where they lie: "
            f"{_some(row.path for row in footer.versions)}"
        )
        self.orphans.append(found.file)
        return None

    def _write(self, connection: Connection, own: int) -> None:
        self._write_batches(connection, own)
        for name, replay in self._replays.items():
            lost = [version for version in replay.versions.values() if version.live and version.segment is None]
            for version in lost:
                version.state, version.touched = State.UNLOADED, True
            gone = {version.id for version in lost}
            write_paths(connection, name, replay, gone)
            write_versions(connection, name, replay, gone, own)
            self._rows_gone += [path.name for path in replay.paths.values() if path.accepted in gone]
            new = {version.path for version in replay.versions.values() if version.is_new}
            self.versions += sum(version.is_new for version in replay.versions.values())
            self._from_segments += [path.name for path in replay.paths.values() if path.id in new]

    def _write_batches(self, connection: Connection, own: int) -> None:
        """The batches that the new versions came with, and one for the restore itself, which is the last."""
        now = now_utc()
        rows: dict[int, dict[str, Any]] = {own: batch_row(own, "", now)}
        known = set(connection.scalars(select(batches.c.id)))
        for name, replay in self._replays.items():
            for version in replay.versions.values():
                if version.is_new and version.batch is not None and version.batch not in known and version.facts:
                    row = rows.setdefault(version.batch, batch_row(version.batch, name, now))
                    row["files"] += 1
                    row["rows"] += version.facts.rows
        connection.execute(insert(batches), list(rows.values()))

    def _write_datasets(self, connection: Connection, staged: list[FoundSegment]) -> None:
        """What the ledger knew of the datasets when the last segment was written."""
        for found in staged:
            footer = found.footer
            row: dict[str, Any] = {"name": footer.dataset, "fingerprint": footer.fingerprint}
            new = {} if footer.format == 1 else {name: getattr(footer, name) for name in DatasetFacts._fields}
            statement = upsert(datasets).values({**row, **new})
            kept = {**new, "name": footer.dataset}
            connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=kept))
        connection.execute(update(datasets).values(held=None))


def _some(paths: Iterable[bytes]) -> str:
    return first_names([shown(path) for path in paths], SHOWN)
