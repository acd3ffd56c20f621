"""A ledger with its segments, as random looks at a directory that exists in memory only make them."""

from __future__ import annotations

import hashlib
import random
import shutil
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dataframely as dy
import polars as pl
from sqlalchemy import Table, select

from flows.ingest import compaction
from flows.model.dataset import Dataset
from flows.model.files import Signature
from flows.model.findings import Verdict
from flows.model.lifecycle import LIVE, Identity, Mark, Observation
from flows.model.plan import Plan
from flows.model.planner import Planner
from flows.model.precedence import Meaning
from flows.model.tables import LINE, VERSION
from flows.store.backup import make_backup
from flows.store.batches import mark_loaded, prepare_batch, stage_batch
from flows.store.ledger import Ledger
from flows.store.ledger_file import open_ledger
from flows.store.path_facts import batch_facts, known_identities
from flows.store.restore import RestoreResult, restore_ledger
from flows.store.schema import batches, datasets, decisions, paths, segments, versions
from flows.store.segments import Segments
from flows.store.state_directory import StateDirectory
from flows.store.upkeep import note_fingerprint

NAMES = [b"a.csv", b"b.csv", b"c.csv", b"n/a.csv", b"\xff.csv"]
_TABLES = (datasets, paths, versions, segments, batches, decisions)
_TIMES = {"loaded_utc", "held"}
type Rows = dict[str, list[dict[str, Any]]]


class Keyed(dy.Schema):
    Key = dy.Integer(primary_key=True)
    Value = dy.Integer()


class Keyless(dy.Schema):
    Key = dy.Integer()
    Value = dy.Integer()


@dataclass(frozen=True)
class LaidFile:
    """What lies at a path: its rows, whether they are sound, and what tells the file from others."""

    value: int
    rows: int
    sound: bool
    inode: int
    mtime_ns: int

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(f"{self.value}|{self.rows}|{self.sound}".encode()).digest()


GONE = LaidFile(0, 0, False, 0, 0)


@dataclass
class Directory:
    """A dataset, what lies in its directory, and what of it was seen."""

    dataset: Dataset
    meaning: Meaning
    files: dict[bytes, LaidFile] = field(default_factory=dict)
    seen: dict[bytes, LaidFile] = field(default_factory=dict)


class Decided:
    """Random histories of two datasets in one state directory."""

    def __init__(self, root: Path, seed: int) -> None:
        self.state = StateDirectory(root)
        root.mkdir(mode=0o700, exist_ok=True)
        self.random = random.Random(seed)
        self.clock = 1_764_000_000_000_000_000
        unload = bool(seed % 3)
        self.directories = [
            Directory(
                Dataset(schema=schema, landing=root / name, name=name),
                Meaning(keyed, copies_count=copies, unload_deleted=unload),
            )
            for schema, name, keyed, copies in (
                (Keyed, "keyed", True, False),
                (Keyless, "less", False, bool(seed % 2)),
            )
        ]
        self.open()

    def open(self) -> None:
        """Open the ledger as a start does."""
        self.ledger: Ledger = open_ledger(self.state.ledger)
        self.segments = Segments(self.state.segments)
        self.counters = self.ledger.counters()
        for directory in self.directories:
            note_fingerprint(self.ledger, directory.dataset.name, directory.dataset.fingerprint)

    def close(self) -> None:
        self.ledger.close()

    def step(self) -> None:
        """Something happens to a dataset's files, and is seen; or somebody unloads a path."""
        directory = self.random.choice(self.directories)
        for _ in range(self.random.randint(1, 3)):
            self._change(directory)
        if self.random.random() < 0.15 and directory.seen:
            self._batch(directory, {}, [], unload=[self.random.choice(sorted(directory.seen))])
        self.look(directory)

    def look(self, directory: Directory) -> None:
        """What lies there now is seen."""
        changed = {name: file for name, file in directory.files.items() if directory.seen.get(name) != file}
        gone = [name for name in directory.seen if name not in directory.files]
        directory.seen = dict(directory.files)
        self._batch(directory, changed, gone)

    def look_anew(self) -> None:
        """What lies there is seen as a start sees it, beside what the ledger knows."""
        for directory in self.directories:
            known = self.ledger.signatures(directory.dataset.name)
            directory.seen = {
                name: file for name, file in directory.files.items() if known.get(name) == _signature(file)
            } | {name: GONE for name in known if name not in directory.files}
            self.look(directory)

    def compact_all(self) -> None:
        """Merge what can be merged of all datasets."""
        for directory in self.directories:
            compaction.compact(directory.dataset, self.ledger, self.segments)

    def current(self, dataset: str) -> list[dict[str, Any]]:
        """The versions that are in the cube, with their paths."""
        query = (
            select(paths.c.path, versions.c.digest)
            .join(versions, versions.c.id == paths.c.accepted)
            .where(versions.c.dataset == dataset, versions.c.state.in_(LIVE))
        )
        with self.ledger.reading() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def compact(self) -> None:
        """Merge what can be merged of one dataset."""
        compaction.compact(self.random.choice(self.directories).dataset, self.ledger, self.segments)

    def back_up(self) -> Path:
        return make_backup(self.state.ledger, self.state.backups)

    def rows(self) -> Rows:
        """All rows of the ledger, but for when they were loaded."""
        with self.ledger.reading() as connection:
            return {table.name: _rows(connection.execute(select(table)).mappings(), table) for table in _TABLES}

    def lose(self, backup: Path | None) -> RestoreResult:
        """Lose the ledger, and all backups but one, and restore it."""
        self.close()
        for file in self.state.root.glob("ledger.db*"):
            file.unlink()
        for file in self.state.backups.glob("*.db"):
            if file != backup:
                file.unlink()
        found = restore_ledger(self.state, [directory.dataset.table for directory in self.directories])
        self.open()
        return found

    def live_rows(self) -> dict[str, dict[int, int]]:
        """Dataset → content → its rows, as the segments have them."""
        found = {}
        for directory in self.directories:
            name = directory.dataset.name
            known = self.ledger.segments(name)
            found[name] = {
                content: rows.filter(pl.col(VERSION) == content).height
                for id, contents in self.ledger.live(name).items()
                for rows in [pl.read_parquet(self.segments.path(known[id]))]
                for content in contents
            }
        return found

    def _change(self, directory: Directory) -> None:
        there = sorted(directory.files)
        what = self.random.random()
        if not there or what < 0.55:
            name, self.clock = self.random.choice(NAMES), self.clock + self.random.randrange(10**9)
            directory.files[name] = LaidFile(
                self.random.randrange(4),
                self.random.randrange(3),
                self.random.random() < 0.85,
                self.clock % 10**6,
                self.clock,
            )
        elif what < 0.75:
            del directory.files[self.random.choice(there)]
        else:
            moved = directory.files.pop(self.random.choice(there))
            directory.files[self.random.choice(NAMES)] = moved

    def _batch(
        self, directory: Directory, changed: dict[bytes, LaidFile], gone: Sequence[bytes], unload: Sequence[bytes] = ()
    ) -> None:
        dataset, name = directory.dataset, directory.dataset.name
        seen = [
            Observation(path, Identity(file.digest), Mark(file.inode, file.mtime_ns, file.rows))
            for path, file in changed.items()
        ]
        known = known_identities(self.ledger, name, {each.identity for each in seen}, dataset.fingerprint)
        verdicts = {
            path: Verdict(rows=file.rows, accepted=file.sound, reason=None if file.sound else "too bad")
            for path, file in changed.items()
            if not directory.meaning.shared or Identity(file.digest) not in known
        }
        facts = batch_facts(self.ledger, name, seen=seen, others=[*gone, *unload])
        by = f"ann {self.clock}" if unload else None
        planner = Planner(facts, self.counters, directory.meaning, verdicts=verdicts, values_of=lambda _: "", by=by)
        planner.look(seen, gone=gone)
        planner.unload(unload)
        plan = planner.finish()
        if not plan.empty:
            self._write(dataset, plan, changed)

    def _write(self, dataset: Dataset, plan: Plan, changed: dict[bytes, LaidFile]) -> None:
        signatures = {path: _signature(file) for path, file in changed.items()}
        footer = prepare_batch(
            self.ledger,
            dataset.name,
            dataset.fingerprint,
            plan,
            signatures=signatures,
            detected_utc="2026-11-27T10:00:00.000+00:00",
        )
        frames = [_frame(dataset, version.id, changed[version.path]) for version in plan.staged]
        rows = pl.concat([_frame(dataset, 0, LaidFile(0, 0, True, 0, 0)), *frames])
        segment = self.segments.write(self.ledger.next_segment(), dataset.table, rows, footer)
        stage_batch(self.ledger, footer, segment)
        mark_loaded(self.ledger, {dataset.name: 0})


def restored_equal(root: Path, seed: int, *, steps: int) -> None:
    """Make a history; lose the ledger now and then, with a backup of any age or without one: it comes back row for
    row."""
    history = Decided(root, seed)
    with closing(history):
        for _ in range(steps):
            what = history.random.random()
            if what < 0.75:
                history.step()
            elif what < 0.85:
                history.compact()
            elif what < 0.9:
                history.back_up()
            else:
                lose_and_compare(history)
        lose_and_compare(history)
    shutil.rmtree(root)


def lose_and_compare(history: Decided) -> None:
    before, live = history.rows(), history.live_rows()
    backup = history.random.choice([None, *sorted(history.state.backups.glob("*.db"))])
    found = history.lose(backup)
    after = history.rows()
    assert found.undecided == []
    for table, rows in before.items():
        assert after[table] == rows, table
    assert history.live_rows() == live


def _signature(file: LaidFile) -> Signature:
    return Signature(file.rows, file.mtime_ns, file.mtime_ns + 5, file.inode)


def _rows(found: Any, table: Table) -> list[dict[str, Any]]:
    keys = [column.name for column in table.primary_key]
    rows = [{name: value for name, value in row.items() if name not in _TIMES} for row in found]
    return sorted(rows, key=lambda row: tuple(row[key] for key in keys))


def _frame(dataset: Dataset, version: int, file: LaidFile) -> pl.DataFrame:
    rows = {"Key": list(range(file.rows)), "Value": [file.value] * file.rows}
    frame = pl.DataFrame(rows, schema={"Key": pl.Int64, "Value": pl.Int64})
    return frame.select(
        *dataset.schema.columns(), pl.lit(version, pl.Int64).alias(VERSION), pl.int_range(pl.len()).alias(LINE)
    )
