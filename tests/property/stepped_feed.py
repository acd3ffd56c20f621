"""A real feed over a real directory, driven step by step, beside the model."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import threading
from contextlib import ExitStack
from copy import deepcopy
from pathlib import Path
from typing import Any

import dataframely as dy
import polars as pl
from sqlalchemy import Engine, QueuePool, create_engine
from sqlalchemy.engine.interfaces import DBAPIConnection

from flows.cube.duckdb.engine import DuckDbCube
from flows.ingest import commit
from flows.ingest.bootstrap import open_monitor
from flows.ingest.dataset_state import DatasetState
from flows.ingest.feed import Feed
from flows.ingest.resources import Resources
from flows.model.dataset import Dataset
from flows.model.policies import Keep, Unload
from flows.model.tables import VERSION, Table
from flows.runtime.boundaries import SessionFailed
from flows.store.backup import backups_in, make_backup
from flows.store.ledger_file import open_ledger
from flows.store.orphans import settle_orphans
from flows.store.path_facts import path_facts
from flows.store.quarantine import Quarantine
from flows.store.requests import RequestBox
from flows.store.restore import restore_ledger
from flows.store.segments import Segments
from flows.store.state_directory import StateDirectory
from tests.cube_rows import all_rows
from tests.property.model import Content, Model

SCRATCH = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""A file system in memory: the histories write thousands of small files durably."""


class Keyed(dy.Schema):
    Key = dy.Int64(primary_key=True)
    Value = dy.Int64(min=0)


class Keyless(dy.Schema):
    Key = dy.Int64()
    Value = dy.Int64(min=0)


class Crash(BaseException):
    """The process dies here."""


class Ledgers:
    """One SQLAlchemy engine for the ledgers of all histories, which compiles each statement once.

    Every start still opens the file anew, with all checks; only the engine object outlives it.
    """

    def __init__(self) -> None:
        self.file = ""
        self.options: dict[str, Any] = {}
        self.engine = create_engine("sqlite:///", creator=self._connect, poolclass=QueuePool)

    def open(self, url: str, *, connect_args: dict[str, Any]) -> Engine:
        """In place of `create_engine`."""
        self.engine.dispose()
        self.file, self.options = url.removeprefix("sqlite:///"), connect_args
        return self.engine

    def _connect(self) -> DBAPIConnection:
        connection: DBAPIConnection = sqlite3.connect(self.file, **self.options)
        return connection

    def __enter__(self) -> Ledgers:
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.dispose()


class Cubes:
    """One cube for all histories of a table: opening one takes longer than a start, which replaces all it holds."""

    def __init__(self) -> None:
        self._open: dict[Table, DuckDbCube] = {}

    def of(self, table: Table) -> DuckDbCube:
        if table not in self._open:
            self._open[table] = DuckDbCube((table,))
        return self._open[table]

    def __enter__(self) -> Cubes:
        return self

    def __exit__(self, *_: object) -> None:
        for cube in self._open.values():
            cube.close()


class SteppedFeed:
    """A feed and its directory. Every step brings both the feed and the model up to date."""

    def __init__(self, cubes: Cubes, *, keyed: bool, unload_deleted: bool) -> None:
        self._cubes = cubes
        self.root = Path(tempfile.mkdtemp(prefix="cubefeed-history-", dir=SCRATCH))
        self.landing = self.root / "landing"
        self.landing.mkdir()
        self.model = Model(unload_deleted)
        self.directory: dict[str, Content] = {}
        self.dataset = Dataset(
            schema=Keyed if keyed else Keyless,
            landing=self.landing,
            name="t",
            when_deleted=Unload() if unload_deleted else Keep(),
        )
        self._clock = 0
        self._changes = 0
        self._changed_at: dict[str, int] = {}
        self._backups: dict[Path, tuple[Model, int]] = {}
        self._times: dict[str, int] = {}
        self._touched: set[str] = set()
        self._open = ExitStack()
        self.start()

    def start(self) -> None:
        """Open everything, rebuild, reconcile."""
        ledger = open_ledger(self.root / "ledger.db")
        self._open.callback(ledger.close)
        requests = RequestBox(ledger)
        self._open.callback(requests.close)
        segments = Segments(self.root / "segments")
        settle_orphans(ledger, segments)
        monitor = open_monitor(self.dataset, ledger, settle_s=0, observer="polling", wake=lambda: None)
        self._open.callback(monitor.close)
        self.feed = Feed(
            {"t": DatasetState(self.dataset, monitor)},
            Resources(
                self._cubes.of(self.dataset.table),
                ledger,
                segments,
                Quarantine(self.root / "quarantine"),
                self.root / "backups",
            ),
            requests=requests,
            wake=threading.Event(),
        )
        self.requests = requests
        self.feed.rebuild()

    def die(self) -> None:
        """End without a word; what is durable stays."""
        self._open.close()
        self._open = ExitStack()

    def close(self) -> None:
        self._open.close()
        shutil.rmtree(self.root)

    def write(self, name: str, content: Content) -> None:
        """Put a file into the directory, in place."""
        text = "Key,Value\n" + "".join(f"{key},{value}\n" for key, value in content)
        (self.landing / name).write_text(text)
        self.directory[name] = content
        self._stamp(name)

    def remove(self, name: str) -> None:
        (self.landing / name).unlink()
        del self.directory[name]

    def rename(self, old: str, new: str) -> None:
        (self.landing / old).rename(self.landing / new)
        self.directory[new] = self.directory.pop(old)
        self._times[new] = self._times[old]
        self._touch(new)

    def step(self) -> None:
        """Let the feed see the directory, and the model too."""
        self._work()
        self.model.look(self.directory, self._order())
        self._touched.clear()

    def ask(self, name: str, kind: str, *, force: bool = False) -> None:
        """Ask for one file; the feed answers before it looks at the directory again."""
        self.requests.leave("t", kind, {"paths": [name], "force": force})
        self._work()
        if kind == "unload":
            self.model.unload(name)
            self._note_backup()
        else:
            mode = "force" if force else kind
            self.model.look(self.directory, [], {name: mode} if name in self.directory else {})

    def crash_at(self, point: str) -> None:
        """Die at a named point of the commit order, start again, and let both see the directory."""
        owners = {
            "segment": (commit, "stage_batch"),
            "staged": (commit, "change_set"),
            "applied": (commit, "mark_loaded"),
        }

        def crash(*_: object, **__: object) -> None:
            raise Crash(point)

        owner, name = owners[point]
        original = getattr(owner, name)
        setattr(owner, name, crash)
        try:
            self._work()
        except SessionFailed as failed:
            if not isinstance(failed.cause, Crash):
                raise
        finally:
            setattr(owner, name, original)
        self.die()
        self.start()
        self.step()

    def back_up(self) -> None:
        """Make a backup of the ledger."""
        make_backup(self.feed.ledger.file, self.root / "backups")
        self._note_backup()

    def _note_backup(self) -> None:
        """A backup that was made just now holds what the model holds."""
        for backup in backups_in(self.root / "backups"):
            self._backups.setdefault(backup.file, (deepcopy(self.model), self._changes))

    def lose(self, pick: int) -> set[str]:
        """Lose the ledger and all backups but some older ones, restore, start, and let both see the directory.

        Returns what could not be decided, where the model is now another one than it would be without the loss.
        """
        self.die()
        for file in self.root.glob("ledger.db*"):
            file.unlink()
        backups = [backup.file for backup in backups_in(self.root / "backups")]
        kept = pick % (len(backups) + 1)
        for file in backups[kept:]:
            file.unlink()
        before, changes = self._backups[backups[kept - 1]] if kept else (None, 0)
        restore_ledger(StateDirectory(self.root), [self.dataset.table])
        self.start()
        known = self.model
        self.model = known.restored(before)
        judged_anew = {name for name, _, _ in self.model.footers[len(before.footers) if before else 0 :]}
        self._touched = {name for name in self.directory if self._changed_at[name] > changes or name in judged_anew}
        self.step()
        now, then = self.model.facts(), known.facts()
        if now == then:
            return set()
        found = known.undecidable(before, self.directory)
        if now["paths"] == then["paths"]:
            found.add("copies")
        assert found, f"undecided, and no exception says why:\n{then}\n{now}\n{self.directory}"
        return found

    def differences(self) -> str | None:
        """How the live cube differs from the model; None when it does not."""
        found = sorted(all_rows(self.feed.cube, "t").select("Key", "Value").rows())
        expected = sorted(self.model.fold().items()) if self.dataset.table.keys else self.model.rows()
        return None if found == expected else f"cube {found}, model {expected}"

    def rebuilt_differently(self) -> str | None:
        """How the live cube differs from a rebuild; None when it does not."""
        live = all_rows(self.feed.cube, "t").select(pl.all().sort()).sort("Key", VERSION)
        self.feed.rebuild_table("t")
        again = all_rows(self.feed.cube, "t").select(pl.all().sort()).sort("Key", VERSION)
        return None if live.equals(again) else f"live {live.rows()}, rebuilt {again.rows()}"

    def journal(self) -> str:
        """The directory, and what the model and the ledger hold of each path."""
        model = {
            name: (path.place, path.accepted, path.out, path.judged and path.judged[0])
            for name, path in sorted(self.model.paths.items())
        }
        facts = path_facts(
            self.feed.ledger,
            "t",
            seen=[name.encode() for name in model],
            digests=[],
            unload_deleted=self.model.unload_deleted,
        ).paths
        ledger = {
            path.path.decode(): (
                path.place,
                *(version and version.state.value for version in (path.accepted, path.judged)),
            )
            for path in facts.values()
        }
        return f"{self.directory}\n    model  {model}\n    ledger {dict(sorted(ledger.items()))}"

    def _work(self) -> None:
        self.feed.datasets["t"].monitor.inbox.rescan()
        while (work := self.feed.find_work()) is not None:
            self.feed.append(self.feed.validate(work))

    def _order(self) -> list[str]:
        """The files touched since the last step, in the order in which a batch takes them."""
        return sorted(self._touched & self.directory.keys(), key=lambda name: (self._times[name], name.encode()))

    def _touch(self, name: str) -> None:
        self._touched.add(name)
        self._changes += 1
        self._changed_at[name] = self._changes

    def _stamp(self, name: str) -> None:
        self._touch(name)
        self._clock += 1
        self._times[name] = 1_600_000_000 * 10**9 + self._clock * 10**6
        os.utime(self.landing / name, ns=(self._times[name],) * 2)
