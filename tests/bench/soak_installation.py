"""An installation to soak: a Prefect server of its own, which can be ended, and `cubefeed up` beside it."""

from __future__ import annotations

import contextlib
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.bench.stream import DATASETS, Stream
from tests.e2e.program import Installation, Place, RunningProgram, installation, started, started_program
from tests.waiting import until

START_S = 90.0
VACUUM_S = 5.0
"""How often the server's vacuum looks."""
_MOMENTS = ("start_time", "end_time", "expected_start_time", "created", "updated")
_SERVER = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS": f"{VACUUM_S:g}",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": "3601",  # an hour is too short for it
}


class Server:
    """A Prefect server that can be ended and started again on its database."""

    def __init__(self, place: Place) -> None:
        with socket.create_server(("127.0.0.1", 0)) as found:
            self._port = found.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self.database = place.root / "server" / "prefect.db"
        self._place = Place(place.root, place.mark, {**_SERVER, "PREFECT_HOME": str(self.database.parent)})
        self._stack = contextlib.ExitStack()
        self._running: RunningProgram | None = None

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self) -> None:
        """Start it, without waiting until it answers."""
        command = ["server", "start", "--host", "127.0.0.1", "--port", str(self._port)]
        self._running = self._stack.enter_context(
            started_program(self._place, "prefect-server", sys.executable, "-m", "prefect", *command)
        )

    def kill(self) -> None:
        """End it as a crash does."""
        assert self._running is not None
        self._running.end(signal.SIGKILL)


@dataclass
class Soaked:
    """A running installation, and what its databases say."""

    up: Installation
    server: Server
    landings: dict[str, Path]
    files: int = 0

    def stream(self) -> Stream:
        """A stream of files that goes on where the one before ended."""
        return Stream(self.landings, self.up.owner["url"], first=self.files + 1)

    def finish(self, stream: Stream) -> None:
        """Let a stream's last files be seen, and note how many there were."""
        stream.end()
        until(lambda: not stream.missing, what=f"every file can be queried, {stream.missing} cannot")
        self.files = max(stream.arrivals.closed)

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask Prefect's database."""
        with contextlib.closing(sqlite3.connect(self.server.database, timeout=30)) as database:
            return database.execute(query, values).fetchall()

    def size_bytes(self) -> int:
        """The size of Prefect's database, after a checkpoint."""
        self.ask("pragma wal_checkpoint(passive)")
        return int(self.ask("pragma page_count")[0][0]) * int(self.ask("pragma page_size")[0][0])

    def windows(self) -> list[tuple[str, str, str]]:
        """(id, state, start time) of all windows, the first one first."""
        return self.ask(
            "select flow_run.id, state_name, start_time from flow_run join flow on flow.id = flow_id "
            "where flow.name = 'load_window' and start_time is not null order by start_time"
        )

    def started_runs(self) -> int:
        """How many flow runs have begun."""
        return int(self.ask("select count(*) from flow_run where start_time is not null")[0][0])

    def task_runs(self) -> int:
        """How many task runs there are."""
        return int(self.ask("select count(*) from task_run")[0][0])

    def latest_logged(self) -> int:
        """The number of the latest file that a window's log names."""
        found = self.ask(
            "select max(cast(substr(message, instr(message, ': ') + 2) as integer)) from log "
            "where message like '%.csv loaded%'"
        )
        return int(found[0][0] or 0)

    def age_runs(self) -> None:
        """Make every run two hours older, since the shortest retention of the server is one."""
        older = ", ".join(f"{each} = strftime('%Y-%m-%d %H:%M:%f000', {each}, '-2 hours')" for each in _MOMENTS)
        with contextlib.closing(sqlite3.connect(self.server.database, timeout=30)) as database, database:
            database.execute(f"update flow_run set {older} where start_time is not null")

    def wait_until_quiet(self) -> None:
        """Wait until no window is open."""
        until(
            lambda: all(state == "Completed" for _, state, _ in self.windows()),
            what=f"every window is completed: {self.windows()}",
            patience_s=60,
            every_s=0.5,
        )

    def wait_for_sensor(self) -> None:
        """Wait until the sensor waits for the next files."""
        query = "select count(*) from task_run where name like 'detect_files%' and state_name = 'Running'"
        until(lambda: self.ask(query)[0][0] > 0, what="the sensor runs", patience_s=60, every_s=0.5)

    def loaded_twice(self) -> list[str]:
        """What the ledger says of files that were not loaded once, or are not loaded."""
        with contextlib.closing(sqlite3.connect(self.up.place.state / "ledger.db", timeout=30)) as ledger:
            wrong = ledger.execute(
                "select cast(path as text), count(versions.id), group_concat(state) from paths "
                "left join versions on path_id = paths.id "
                "group by paths.id having count(versions.id) <> 1 or max(state) <> 'loaded'"
            ).fetchall()
            batched = ledger.execute("select sum(files) from batches").fetchone()[0]
        counted = [] if batched == self.files else [f"{batched} files in the batches, {self.files} were dropped"]
        return [*(str(each) for each in wrong), *counted]


@contextlib.contextmanager
def soaked(place: Place) -> Iterator[Soaked]:
    """Start a server and an installation on it; both are ended afterwards."""
    landings = {name: place.root / "landing" / name for name in ("east", "west")}
    for landing in landings.values():
        landing.mkdir(parents=True)
    declared = place.root / "soaked.py"
    declared.write_text(DATASETS.format(**{name: str(landing) for name, landing in landings.items()}))
    with Server(place) as server:
        place.environment["PREFECT_API_URL"] = f"{server.url}/api"
        place.environment["CUBEFEED_DATASETS"] = f"{declared}:EAST,{declared}:WEST"
        with started(place, "up") as running:
            up = installation(running, place)
            until(lambda: _is_healthy(up), what="the session has started", patience_s=60)  # questions are 503 till then
            yield Soaked(up, server, landings)
            assert running.end() == 0, running.output
    place.assert_nothing_left()


def _is_healthy(up: Installation) -> bool:
    return httpx.get(f"{up.owner['url']}/health", trust_env=False, timeout=30).is_success


def steady_for(seconds: float) -> None:
    """Let the span of time pass during which is measured."""
    time.sleep(max(0.0, seconds))
