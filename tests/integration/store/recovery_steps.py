"""One piece of recovery in a process that is killed before one of its durable steps.

python -m tests.integration.store.recovery_steps WHAT STEP STATE LANDING STEPS.
STEP is a number, or the beginning of a step's name.
The names of the steps are written to the file STEPS.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from flows.datasets.sales import SALES
from flows.ingest import compaction as segments_compaction
from flows.ingest.repair import SegmentRepair
from flows.landing.mount_thread import MountThread
from flows.store.crashes import Crashes
from flows.store.ledger_file import open_ledger
from flows.store.quarantine import Quarantine
from flows.store.restore import restore_ledger
from flows.store.segments import Segments
from flows.store.state_directory import StateDirectory

_WRITES = (
    "BEGIN",
    "INSERT",
    "UPDATE",
    "DELETE",
    "ALTER",
    "CREATE",
    "COMMIT",
    "PRAGMA user_version =",
    "PRAGMA journal",
)


class Steps:
    """Counts what is durable: names that change, files that are synced, statements that write."""

    def __init__(self, last: str, names: Path) -> None:
        self._last = last
        self._names = names.open("w")
        self._count = 0

    def step(self, name: str) -> None:
        """The next step is about to be done; this process may be killed instead."""
        self._count += 1
        self._names.write(f"{name}\n")
        self._names.flush()
        if str(self._count) == self._last or (not self._last.isdecimal() and name.startswith(self._last)):
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Count from now on."""
        sys.addaudithook(self._on_audit_event)
        sync, connect = os.fsync, sqlite3.dbapi2.connect

        def synced(file: int) -> None:
            self.step("fsync")
            sync(file)

        def connected(*arguments: Any, **named: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = connect(*arguments, **named)
            connection.set_trace_callback(self._executed)
            return connection

        os.fsync = synced  # type: ignore[assignment]
        for module in (sqlite3, sqlite3.dbapi2):
            vars(module)["connect"] = connected

    def _on_audit_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("os.rename", "os.remove"):
            self.step(f"{event} {Path(os.fsdecode(arguments[0])).name}")

    def _executed(self, statement: str) -> None:
        if statement.startswith(_WRITES):
            self.step(" ".join(statement.split()[:3]))


def restore(state: Path, landing: Path) -> None:
    """Restore the ledger."""
    restore_ledger(StateDirectory(state), [SALES.table])


def migration(state: Path, landing: Path) -> None:
    """Open a ledger of an earlier version."""
    open_ledger(StateDirectory(state).ledger).close()


def compaction(state: Path, landing: Path) -> None:
    """Merge all segments."""
    segments_compaction.FEW = 2
    with closing(open_ledger(StateDirectory(state).ledger)) as ledger:
        segments_compaction.compact(SALES, ledger, Segments(StateDirectory(state).segments))


def mending(state: Path, landing: Path) -> None:
    """Mend the segments for another declaration."""
    dataset = replace(SALES, landing=landing, revision=1)
    mount = MountThread("landing")
    with closing(open_ledger(StateDirectory(state).ledger)) as ledger:
        mender = SegmentRepair(
            ledger, Segments(StateDirectory(state).segments), Quarantine(StateDirectory(state).quarantine), Crashes()
        )
        mender.repair(dataset, mount)
    mount.stop()


PIECES: dict[str, Callable[[Path, Path], None]] = {
    piece.__name__: piece for piece in (restore, migration, compaction, mending)
}


if __name__ == "__main__":
    what, last, state, landing, names = sys.argv[1:]
    Steps(last, Path(names)).watch()
    PIECES[what](Path(state), Path(landing))
