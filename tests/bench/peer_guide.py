"""Peer: the guide's own pattern. A PollingObserver at 1 s, and the load inside `on_created`, into a keyed table.

Source: Atoti's guide "Watch local files", with DuckDB in the place of its session; watchdog's documentation.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import duckdb
from watchdog.events import FileCreatedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers.polling import PollingObserver

from tests.bench.apart import Figures
from tests.bench.peer_raw import CREATE, INSERT

POLL_S = 1.0


class Loader(FileSystemEventHandler):
    """Loads each file that is created, in the observer's thread."""

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        self.database = database
        self.loaded = 0
        self.tell = False

    def on_created(self, event: FileSystemEvent) -> None:
        """Load it; say when it can be queried."""
        if not isinstance(event, FileCreatedEvent):
            return
        self.database.execute(INSERT.format(files=f"'{event.src_path!s}'"))
        self.loaded += 1
        if self.tell:
            self.database.execute("SELECT count(*) FROM sales").fetchall()
            sys.stdout.write(f"{Path(str(event.src_path)).name} {time.monotonic()}\n")
            sys.stdout.flush()


def watch(landing: Path) -> None:
    """Load what lies there, then what comes, until standard input ends."""
    with duckdb.connect() as database:
        database.execute(CREATE)
        if any(landing.glob("*.csv")):
            database.execute(INSERT.format(files=f"'{landing}/*.csv'"))
        loader = Loader(database)
        loader.tell = True
        observer = PollingObserver(timeout=POLL_S)
        observer.schedule(loader, str(landing))
        observer.start()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.read()
        observer.stop()
        observer.join()


def burst(*, waiting: str, landing: str) -> Figures:
    """From the moment when many files lie there to the answer that counts all of them."""
    inbox = Path(landing)
    inbox.mkdir(parents=True)
    files = sorted(Path(waiting).glob("*.csv"))
    done = threading.Event()
    with duckdb.connect() as database:
        database.execute(CREATE)
        loader = Loader(database)
        observer = PollingObserver(timeout=POLL_S)
        observer.schedule(loader, landing)
        observer.start()
        for file in files:
            (inbox / file.name).hardlink_to(file)
        started = time.monotonic()
        while loader.loaded < len(files):
            done.wait(0.01)
        rows = database.execute("SELECT count(*) FROM sales").fetchall()[0][0]
        took_s = time.monotonic() - started
        observer.stop()
        observer.join()
    return {"seconds": took_s, "rows": rows}


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
