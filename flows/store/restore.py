"""How a lost ledger is restored, from its backups and from the segments' footers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select, text, update

from flows.core.clock import now_utc
from flows.core.lifecycle import LIVE, State
from flows.core.model import Table
from flows.errors import StateError
from flows.store.backup import backups_in, defect
from flows.store.ledger import Ledger, open_ledger
from flows.store.schema import batches, datasets, paths, segments, versions
from flows.store.segments import Segments
from flows.store.state import State as StateDirectory


@dataclass(frozen=True)
class Restored:
    """What a restore found.

    Args:
        backup: the backup it began with, or None where none was whole.
        segments: segments that the backup did not know.
        versions: versions that the backup did not know.
        aside: where the old ledger was put, if there was one.
    """

    backup: str | None
    segments: int
    versions: int
    aside: str | None


def restore_ledger(state: StateDirectory, tables: Iterable[Table]) -> Restored:
    """Make the ledger again: the newest whole backup, then what the segments' footers know beyond it.

    What a start finds in the landing directories completes it. The old ledger is kept beside.

    Raises:
        StateError: segments are of a dataset that is not among the tables.
    """
    known = {table.name: table for table in tables}
    strange = sorted(Segments(state.segments).datasets() - known.keys())
    if strange:
        raise StateError(
            f"There are segments of {', '.join(strange)}, which would be forgotten",
            next_step="name every dataset of this state directory with --dataset",
            state=state.root,
        )
    aside = _put_aside(state.ledger)
    whole = (backup.file for backup in backups_in(state.backups)[::-1] if defect(backup.file) is None)
    backup = next(whole, None)
    if backup is not None:
        state.ledger.write_bytes(backup.read_bytes())
    ledger = open_ledger(state.ledger)
    try:
        found = _Footers(ledger, Segments(state.segments), known)
        found.take_in()
        return Restored(backup.name if backup else None, found.segments, found.versions, aside)
    finally:
        ledger.close()


def _put_aside(ledger: Path) -> str | None:
    if not ledger.exists():
        return None
    aside = ledger.with_name(f"ledger.db.before-restore-{now_utc().replace(':', '')}")
    ledger.rename(aside)
    for suffix in ("-wal", "-shm"):
        beside = ledger.with_name(ledger.name + suffix)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + suffix))
    return aside.name


class _Footers:
    """Writes into the ledger what the segments' footers know and it does not."""

    def __init__(self, ledger: Ledger, store: Segments, tables: dict[str, Table]) -> None:
        self._ledger = ledger
        self._store = store
        self._tables = tables
        self.segments = 0
        self.versions = 0

    def take_in(self) -> None:
        """All footers, the oldest segment first, in one transaction."""
        with self._ledger.writing() as connection:
            known = set(connection.scalars(select(segments.c.file)))
            batch = int(connection.scalar(text("SELECT coalesce(max(id), 0) + 1 FROM batches")) or 1)
            row = {
                "id": batch,
                "dataset": "",
                "state": State.LOADED.value,
                "files": 0,
                "rows": 0,
                "staged_utc": now_utc(),
            }
            connection.execute(insert(batches), row)
            for file in sorted(self._store.directory.glob("*.parquet"), key=lambda file: file.stem.rsplit("-", 1)[-1]):
                if file.name not in known:
                    self._take_in_segment(connection, file, batch)
            _supersede_older(connection)
            connection.execute(update(datasets).values(held=None))

    def _take_in_segment(self, connection: Connection, file: Path, batch: int) -> None:
        facts, footer = self._store.describe(file, self._tables)
        if facts is None or footer is None:
            return
        connection.execute(insert(segments), asdict(facts))
        self.segments += 1
        for version in footer["versions"]:
            known = connection.scalar(select(versions.c.state).where(versions.c.id == version["id"]))
            if known in LIVE:
                connection.execute(update(versions).where(versions.c.id == version["id"]).values(segment=facts.id))
            elif known is None:
                self._add_version(connection, facts.dataset, facts.id, version, batch)
                self.versions += 1

    def _add_version(
        self, connection: Connection, dataset: str, segment: int, version: dict[str, Any], batch: int
    ) -> None:
        name, now = bytes.fromhex(version["path"]), now_utc()
        found = connection.scalar(select(paths.c.id).where(paths.c.dataset == dataset, paths.c.path == name))
        if found is None:
            row = {"dataset": dataset, "path": name, "present": True}
            key = connection.execute(insert(paths), row).inserted_primary_key
            assert key is not None
            found = key[0]
        copied = {
            name: version[name] for name in ("id", "mtime_ns", "size_bytes", "place", "rows", "refused", "collapsed")
        }
        connection.execute(
            insert(versions),
            {
                **copied,
                "dataset": dataset,
                "path_id": found,
                "digest": bytes.fromhex(version["digest"]),
                "state": State.LOADED.value,
                "findings": 0,
                "segment": segment,
                "batch": batch,
                "detected_utc": now,
                "loaded_utc": now,
            },
        )
        forget = dict.fromkeys(("size_bytes", "mtime_ns", "ctime_ns", "inode"))
        change = {"place": version["place"], "accepted": version["id"], "judged": version["id"], **forget}
        connection.execute(update(paths).where(paths.c.id == found).values(change))


def _supersede_older(connection: Connection) -> None:
    """Of live versions of one path, or at one place (a renamed file), only the newest stays."""
    live = f"state IN ('{LIVE[0].value}', '{LIVE[1].value}')"
    for same in ("path_id", "place"):
        connection.execute(
            text(
                f"UPDATE versions SET state = 'superseded', ended_utc = :now WHERE {live} AND EXISTS ("
                f"SELECT 1 FROM versions AS newer WHERE newer.dataset = versions.dataset "
                f"AND newer.{same} = versions.{same} AND newer.id > versions.id AND newer.{live})"
            ),
            {"now": now_utc()},
        )
    connection.execute(
        text(
            "UPDATE paths SET place = NULL, accepted = NULL, judged = NULL WHERE EXISTS ("
            "SELECT 1 FROM paths AS heir WHERE heir.dataset = paths.dataset AND heir.place = paths.place "
            "AND heir.accepted > paths.accepted)"
        )
    )
