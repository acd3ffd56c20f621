"""A real feed over a real directory, driven step by step, beside the model."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dataframely as dy
import polars as pl
from sqlalchemy import Engine, QueuePool, create_engine
from sqlalchemy.engine.interfaces import DBAPIConnection

from flows.cube.duckdb.engine import DuckDbCube
from flows.ingest import commit
from flows.ingest.restore_check import restored_otherwise
from flows.model.archives import Zip
from flows.model.dataset import Dataset
from flows.model.derived import Derived
from flows.model.policies import Keep, Load, Skip, Unload
from flows.model.precedence import ByArrival, ByColumn, ByName
from flows.model.tables import LINE, VERSION, Table
from flows.runtime.boundaries import SessionFailed
from flows.store.backup import backups_in, make_backup
from flows.store.path_facts import batch_facts
from flows.store.restore import restore_ledger
from flows.store.state_directory import StateDirectory
from tests.cube_rows import all_rows
from tests.property.opened_feed import opened_feed
from tests.property.rules import Content, File, Precedence, Rules, archive_of, moment
from tests.zip_files import zipped

SCRATCH = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""A file system in memory: the histories write thousands of small files durably."""


class Keyed(dy.Schema):
    Key = dy.Int64(primary_key=True)
    Value = dy.Int64(min=0)
    At = dy.Int64(nullable=True)
    Folder = dy.String(nullable=True)


class Keyless(dy.Schema):
    Key = dy.Int64()
    Value = dy.Int64(min=0)
    At = dy.Int64(nullable=True)
    Folder = dy.String(nullable=True)


class KeyedOtherwise(dy.Schema):
    """Stricter than `Keyed`, wider, and with a column more."""

    Key = dy.Int64(primary_key=True)
    Value = dy.Int32(min=5)
    At = dy.Int64(nullable=True, max=5)
    Folder = dy.String(nullable=True)
    Note = dy.String(nullable=True)


class KeylessOtherwise(dy.Schema):
    Key = dy.Float64()
    Value = dy.Int64(min=5)
    Folder = dy.String(nullable=True)
    Note = dy.String(nullable=True)


FROM_PATH = r"(?:.*\.zip/)?(?:(?P<Folder>\w+)/)?[^/]+"
PRECEDENCES: dict[Precedence, ByArrival | ByName | ByColumn] = {
    "arrival": ByArrival(),
    "name": ByName(),
    "column": ByColumn("At"),
}


def values_of(path: str) -> tuple[str, ...]:
    """The folder is a value, in an archive that in it."""
    folder, _, name = path.rpartition(".zip/")[2].rpartition("/")
    return (folder,) if folder and name else ()


def body_of(content: Content) -> bytes:
    """The file's bytes."""
    if content.members is None:
        return text_of(content).encode()
    if not content.sound:
        return f"no archive of {content.members}\n".encode()
    return zipped({name: text_of(each).encode() for name, each in content.members})


def text_of(content: Content) -> str:
    """The text of a file; a row more where it is not sound."""
    rows = content.rows if content.sound else (*content.rows, (0, -1))
    lines = (f"{key},{value},{'' if (at := moment(value)) is None else at}\n" for key, value in rows)
    return "".join(["Key,Value,At\n", *lines])


def _times(factor: int) -> dict[str, Derived]:
    return {"Times": Derived(pl.col("Value") * factor, dy.Int64(min=0))}


@dataclass(frozen=True)
class Kind:
    """What a dataset's deliveries mean."""

    keyed: bool = True
    precedence: Precedence = "arrival"
    copies: bool = False
    unload_deleted: bool = False
    derived: bool = False

    def rules(self) -> Rules:
        """The rules of it."""
        return Rules(self.keyed, self.precedence, self.copies, self.unload_deleted, values=values_of)

    def dataset(self, landing: Path) -> Dataset:
        """A declaration of it."""
        return Dataset(
            schema=Keyed if self.keyed else Keyless,
            landing=landing,
            name="t",
            recursive=True,
            archives=Zip(),
            columns=_times(2) if self.derived else {},
            from_path=FROM_PATH,
            when_deleted=Unload() if self.unload_deleted else Keep(),
            duplicates=None if self.keyed else Load() if self.copies else Skip(),
            precedence=PRECEDENCES[self.precedence] if self.keyed else None,
        )


class Crash(BaseException):
    """The process dies here."""


class SharedEngine:
    """One SQLAlchemy engine for one ledger after the other, which compiles each statement once.

    Every start still opens the file anew, with all checks; only the engine object outlives it.
    """

    def __init__(self) -> None:
        self.file = ""
        self.options: dict[str, Any] = {}
        self.engine = create_engine("sqlite:///", creator=self._connect, poolclass=QueuePool)

    def open(self, file: str, options: dict[str, Any]) -> Engine:
        self.engine.dispose()
        self.file, self.options = file, options
        return self.engine

    def _connect(self) -> DBAPIConnection:
        connection: DBAPIConnection = sqlite3.connect(self.file, **self.options)
        return connection


class Ledgers:
    """An engine for the ledgers of all histories, and one for those that are restored beside them."""

    def __init__(self) -> None:
        self.live, self.beside = SharedEngine(), SharedEngine()

    def open(self, url: str, *, connect_args: dict[str, Any]) -> Engine:
        """In place of `create_engine`."""
        file = url.removeprefix("sqlite:///")
        return (self.live if file.endswith("/ledger.db") else self.beside).open(file, connect_args)

    def __enter__(self) -> Ledgers:
        return self

    def __exit__(self, *_: object) -> None:
        self.live.engine.dispose()
        self.beside.engine.dispose()


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
    """A feed and its directory. Every step brings both the feed and the rules up to date."""

    def __init__(self, cubes: Cubes, kind: Kind) -> None:
        self._cubes = cubes
        self.root = Path(tempfile.mkdtemp(prefix="cubefeed-history-", dir=SCRATCH))
        self.landing = self.root / "landing"
        self.landing.mkdir()
        self.kind = kind
        self.rules = kind.rules()
        self.contents: dict[str, Content] = {}
        self.dataset = kind.dataset(self.landing)
        self._clock = 0
        self._seen: dict[str, os.stat_result] = {}
        self._anew: set[str] = set()
        self._open = ExitStack()
        self.start()

    def start(self) -> None:
        """Open everything, rebuild, reconcile."""
        cube = self._cubes.of(self.dataset.table)
        self._opened = opened_feed(self._open, self.root, [self.dataset], cube)
        self.feed, self.resources, self.requests = self._opened.feed, self._opened.resources, self._opened.requests

    def die(self) -> None:
        """End without a word; what is durable stays."""
        self._open.close()
        self._open = ExitStack()

    def close(self) -> None:
        self._open.close()
        shutil.rmtree(self.root)

    def write(self, name: str, content: Content, *, in_place: bool = True) -> None:
        """Put a file into the directory, over the bytes of the one before or in its place."""
        file = self.landing / name
        file.parent.mkdir(exist_ok=True)
        if not in_place:
            file.unlink(missing_ok=True)
        file.write_bytes(body_of(content))
        self._clock += 1
        os.utime(file, ns=(1_600_000_000 * 10**9 + self._clock * 10**6,) * 2)
        self.contents[name] = content

    def remove(self, name: str) -> None:
        (self.landing / name).unlink()
        del self.contents[name]

    def rename(self, old: str, new: str) -> None:
        (self.landing / new).parent.mkdir(exist_ok=True)
        (self.landing / old).rename(self.landing / new)
        self.contents[new] = self.contents.pop(old)

    def swap(self, one: str, other: str) -> None:
        if one != other:
            aside = self.root / "aside"
            (self.landing / one).rename(aside)
            (self.landing / other).rename(self.landing / one)
            aside.rename(self.landing / other)
            self.contents[one], self.contents[other] = self.contents[other], self.contents[one]

    def step(self) -> None:
        """Let the feed see the directory, and the rules too."""
        found = {name: (self.landing / name).stat() for name in self.contents}
        self._opened.work()
        before = self._seen
        touched = [name for name, status in found.items() if name not in before or _changed(before[name], status)]
        touched += sorted(self._anew & found.keys() - set(touched))
        self.rules.look({name: self._file(name, status) for name, status in found.items()}, touched)
        self._anew = set()
        if found or not self.kind.unload_deleted:
            self._seen = found

    def ask(self, name: str, kind: str, *, force: bool = False) -> None:
        """Ask for one file; the feed answers before it looks at the directory again."""
        self.requests.leave("t", kind, {"paths": [name], "force": force})
        self._opened.work()
        if kind == "unload":
            self.rules.unload(name)
        elif kind == "load":
            self.rules.load(name)

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
            self._opened.work()
        except SessionFailed as failed:
            if not isinstance(failed.cause, Crash):
                raise
        finally:
            setattr(owner, name, original)
        self.die()
        self.start()
        self.step()

    def declare_otherwise_and_back(self, *, compacting: bool) -> str | None:
        """Start with another declaration, and then with the one of before. Returns how the cube differed meanwhile, the
        folder apart: what was renamed with bytes that were refused has that of its path then."""
        plain = self.dataset
        self.die()
        schema, columns = (
            KeyedOtherwise if self.kind.keyed else KeylessOtherwise,
            _times(3) if self.kind.derived else {},
        )
        self.dataset = replace(plain, schema=schema, columns=columns)
        self.start()
        if compacting:
            self.feed.appender.compact(self.dataset)
        rows = all_rows(self.feed.cube, "t")
        found = sorted(rows.select("Key", "Value").rows())
        expected = sorted((key, value) for key, value, _ in self.rules.cube())
        difference = None if found == expected else f"declared otherwise: cube {found}, rules {expected}"
        difference = difference or self._computed_differently(rows, 3) or self.rebuilt_differently()
        self.die()
        self.dataset = plain
        self.start()
        return difference

    def compact(self, *, start_after: bool) -> None:
        """Merge the segments, and go on with them or start with them."""
        self.feed.appender.compact(self.dataset)
        if start_after:
            self.die()
            self.start()

    def has_all_files(self) -> bool:
        """Whether all that is in the cube has its file, and none of it an archive that was refused since."""
        paths = self.rules.paths
        return all(
            path.file is not None and not ((archive := archive_of(name)) and paths[archive].refused)
            for name, path in paths.items()
            if path.holds is not None
        )

    def redeclare(self, *, precedence: Precedence, copies: bool) -> None:
        """Start again where deliveries mean something else."""
        self.die()
        self.kind = replace(self.kind, precedence=precedence, copies=copies)
        self._anew = set(self.rules.redeclare(precedence, count_copies=copies))
        self.dataset = self.kind.dataset(self.landing)
        self.start()

    def back_up(self) -> None:
        """Make a backup of the ledger."""
        make_backup(self.feed.ledger.file, self.root / "backups")

    def lose(self, pick: int) -> None:
        """Lose the ledger and all backups but some older ones, restore, and start."""
        self.die()
        for file in self.root.glob("ledger.db*"):
            file.unlink()
        backups = [backup.file for backup in backups_in(self.root / "backups")]
        for file in backups[pick % (len(backups) + 1) :]:
            file.unlink()
        restore_ledger(StateDirectory(self.root), [self.dataset.table])
        self.start()

    def differences(self) -> str | None:
        """How the live cube differs from the rules; None when it does not."""
        rows = all_rows(self.feed.cube, "t")
        found = sorted(
            (key, value, folder or "") for key, value, folder in rows.select("Key", "Value", "Folder").rows()
        )
        expected = sorted((key, value, "".join(values)) for key, value, values in self.rules.cube())
        return self._computed_differently(rows, 2) if found == expected else f"cube {found}, rules {expected}"

    def _computed_differently(self, rows: pl.DataFrame, factor: int) -> str | None:
        """How a derived column differs from what it is computed from; None where it does not, or there is none."""
        if not self.kind.derived:
            return None
        wrong = rows.filter(pl.col("Times").ne_missing(pl.col("Value") * factor))
        return None if wrong.is_empty() else f"derived otherwise than times {factor}: {wrong.rows()}"

    def rebuilt_differently(self) -> str | None:
        """How the live cube differs from a rebuild; None when it does not."""
        by = ["Key", "Value", "Folder", *self.dataset.columns, VERSION, LINE]
        live = all_rows(self.feed.cube, "t").select(by).sort(by)
        self.feed.tables.rebuild(self.dataset)
        again = all_rows(self.feed.cube, "t").select(by).sort(by)
        return None if live.equals(again) else f"live {live.rows()}, rebuilt {again.rows()}"

    def restored_differently(self) -> str | None:
        """How the cube would differ if the ledger were lost now; None when it would not."""
        scratch = self.root / "scratch"
        scratch.mkdir()
        mount = self.feed.datasets["t"].monitor.read_thread
        found = restored_otherwise(self.dataset, self.resources, mount, scratch)
        shutil.rmtree(scratch)
        return "\n".join(found) or None

    def under_a_new_state(self) -> str | None:
        """How a new state over the same directory differs, where it must not; None when it does not."""
        if not self.follows_from_the_directory():
            return None
        self.die()
        for each in self.root.iterdir():
            if each != self.landing:
                shutil.rmtree(each) if each.is_dir() else each.unlink()
        self.start()
        self._opened.work()
        difference = self.differences()
        return None if difference is None else f"under a new state: {difference}"

    def follows_from_the_directory(self) -> bool:
        """Whether neither arrival decides, nor anything is stale, kept after deletion or unloaded."""
        rules = self.rules
        if rules.keyed and rules.precedence == "arrival":
            return False
        if not self.contents:
            return False  # an empty directory is taken for one that is not mounted, and the last rows stay
        for path in rules.paths.values():
            shown = None if path.file is None or path.refused else path.sound
            kept = path.holds if path.file is None else path.sound
            if kept != shown or path.out or (shown is not None and not shown.content.fits(rules)):
                return False
        return True

    def both(self) -> str:
        """The directory, and what the rules and the ledger hold of each path."""
        rules = "".join(f"\n    {name}: {path}" for name, path in sorted(self.rules.paths.items()))
        names = [name.encode() for name in self.rules.paths]
        facts = batch_facts(self.feed.ledger, "t", seen=[], others=names).paths
        ledger = "".join(f"\n    {path}" for _, path in sorted(facts.items()))
        return f"{self.kind}\n{self.contents}\n  rules{rules}\n  ledger{ledger}"

    def _file(self, name: str, status: os.stat_result) -> File:
        return File(self.contents[name], status.st_ino, status.st_mtime_ns, status.st_size)


def _changed(before: os.stat_result, now: os.stat_result) -> bool:
    return (before.st_ino, before.st_ctime_ns) != (now.st_ino, now.st_ctime_ns)
