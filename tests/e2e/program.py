"""Runs the program as its users do: as a process, in a directory of its own, and sees that nothing is left behind."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.repository import ROOT
from tests.waiting import PATIENCE_S, until

SOURCES = f"{ROOT}:{ROOT / 'flows' / 'api'}"
"""Where this tree's `flows` and `cubefeed` are imported from, as `PYTHONPATH` has it."""
SAMPLES = ROOT / "data" / "sales"
MARK = "CUBEFEED_TEST_MARK"
START_S = 180.0
"""How long a start may take: three times as long as on two slow cores that have nothing else to do."""


@dataclass
class Place:
    """A directory where the program runs, with its landing and state directories.

    Every process that comes from here, by whatever way, carries the mark in its environment.
    """

    root: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    environment: dict[str, str] = field(default_factory=dict)
    through: tuple[str, ...] = ()
    """A program that runs the command line, with its options."""
    entry_point: tuple[str, ...] = (sys.executable, "-m", "flows.cli.main")
    """The command line: that of this tree, or one that is installed."""

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a user who has set nothing."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PREFECT_", "CUBEFEED_", "COLUMNS", "ATOTI_", "POLARS_"))
        }
        own = {
            MARK: self.mark,
            "PYTHONPATH": SOURCES,
            "CUBEFEED_STATE": str(self.state),
            "HOME": str(self.root),
        }
        return {**kept, **own, **self.environment}

    def use_server(self, api_url: str, secret: str) -> None:
        """Have its processes use a Prefect server that Cubefeed has not started, with the sample files to load."""
        self.environment |= {
            "PREFECT_API_URL": api_url,
            "PREFECT_API_AUTH_STRING": secret,
            "PREFECT_HOME": str(self.root / "prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "CUBEFEED_LANDING": str(self.landing),
        }
        shutil.copytree(SAMPLES / "current", self.landing)

    def put_flows_of_a_team(self) -> None:
        """A package that has the name of ours, as projects with Prefect have one, where the program is started. The
        command line is then as it is installed: `python -m` alone would look there first."""
        (self.root / "flows").mkdir()
        (self.root / "flows" / "__init__.py").write_text("raise ImportError('the flows of a team')\n")
        self.entry_point = (sys.executable, "-P", "-m", "flows.cli.main")

    def command(self, *arguments: object) -> list[str]:
        """The command line."""
        return [*self.through, *self.entry_point, *(str(argument) for argument in arguments)]

    def run(
        self, *arguments: object, code: int | None = 0, timeout_s: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; `code` is the exit code that is expected."""
        return self.run_any(*self.command(*arguments), code=code, timeout_s=timeout_s)

    def run_any(self, *command: str, code: int | None = 0, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """As `run`, for any program."""
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert code is None or done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *arguments: object, code: int = 0) -> Any:
        """What a command prints as JSON."""
        return json.loads(self.run(*arguments, "--format", "json", code=code).stdout)

    def complaints(self) -> list[str]:
        """What `cubefeed status --check` says, but for the day that is late, since the samples are years old."""
        said = self.run("status", "--check", code=None).stderr.splitlines()
        return [line for line in said if "is late: " not in line]

    def csv(self, *arguments: object, code: int = 0) -> list[dict[str, str]]:
        """What a command prints as CSV."""
        return list(csv.DictReader(io.StringIO(self.run(*arguments, "--format", "csv", code=code).stdout)))

    def drop(self, name: str, text: str) -> Path:
        """Put a file into the landing directory, as a producer does."""
        self.landing.mkdir(exist_ok=True)
        file = self.landing / name
        file.write_text(text, encoding="utf-8")
        return file

    def sales(self, *, by: str = "Date") -> dict[str, int]:
        """The sum of the quantities."""
        return self.sales_of("Quantity.SUM", by=by)

    def sales_of(self, measure: str, *, by: str) -> dict[str, int]:
        """A measure of the one dataset, by a level."""
        return {row[by]: row[measure] for row in self.json("query", measure, "--by", by)}

    def processes(self) -> list[psutil.Process]:
        """All processes that carry the mark, also those that have left their session."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def assert_nothing_left(self, *, patience_s: float = 3.0) -> None:
        """No process, no ready file, no owner is left; what is left is ended, so that other tests do not suffer."""
        try:
            until(lambda: not self.processes(), what="every process ended", patience_s=patience_s)
        finally:
            left = self.processes()
            commands = [f"{process.pid}: {' '.join(process.cmdline())}" for process in left]
            for process in left:
                process.kill()
        assert not commands, commands
        assert not (self.state / "owner.json").exists()


@dataclass
class RunningProgram:
    """A command that goes on running."""

    place: Place
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for_word(self, word: str, *, patience_s: float = PATIENCE_S) -> None:
        """Wait until it has printed a word; fails at once when it ends before."""

        def look() -> bool:
            if word in self.output:
                return True
            if self.process.poll() is not None:
                raise RuntimeError(f"it ended with {self.process.returncode} before it said {word!r}:\n{self.output}")
            return False

        until(look, what=f"it says {word!r}; so far {self.output!r}", patience_s=patience_s)

    def end(self, how: signal.Signals = signal.SIGTERM, *, patience_s: float = PATIENCE_S) -> int:
        """Send a signal and wait. Returns the exit code."""
        self.process.send_signal(how)
        return self.process.wait(patience_s)


@contextlib.contextmanager
def started(place: Place, *arguments: object) -> Iterator[RunningProgram]:
    """Start a command; it is ended afterwards in any case."""
    with started_program(place, str(arguments[0]), *place.command(*arguments)) as running:
        yield running


@contextlib.contextmanager
def started_program(place: Place, name: str, *command: str, terminal: int | None = None) -> Iterator[RunningProgram]:
    """As `started`, for any program; at a terminal, whose other end then has what it prints."""
    log = place.root / f"{name}-{uuid.uuid4().hex[:6]}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=place.root,
            env=place.variables,
            stdin=subprocess.DEVNULL if terminal is None else terminal,
            stdout=output if terminal is None else terminal,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield RunningProgram(place, process, log)
    finally:
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE_S)
        if process.poll() is None:
            process.kill()
            process.wait()


@contextlib.contextmanager
def watching(place: Place, *arguments: object) -> Iterator[RunningProgram]:
    """`cubefeed watch`, once its initial load is done."""
    ready = place.root / "ready"
    ready.unlink(missing_ok=True)
    with started(place, "watch", "--ready-file", ready, *arguments) as running:
        until(lambda: ready.exists() or running.process.poll() is not None, what="the ready file")
        assert running.process.poll() is None, running.output
        yield running


@dataclass
class Prefect:
    """The HTTP API of a Prefect server.

    Args:
        url: its address.
        secret: `user:password` of one that asks for it, and for a token with each change.
    """

    url: str
    secret: str | None = None

    def get(self, path: str) -> Any:
        """GET a path."""
        return self._answer("GET", path, None)

    def post(self, path: str, body: object) -> Any:
        """POST to a path."""
        return self._answer("POST", path, body)

    def patch(self, path: str, body: object) -> None:
        """PATCH a path."""
        self._answer("PATCH", path, body)

    def delete(self, path: str) -> None:
        """DELETE a path."""
        self._answer("DELETE", path, None)

    def _answer(self, method: str, path: str, body: object) -> Any:
        """Its answer; its database may be busy for a moment."""

        def ask() -> httpx.Response | None:
            answer = self.ask(method, path, body)
            return None if answer.status_code == 503 else answer

        answer = until(ask, what=f"{path} is answered", every_s=0.5)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        """One answer, whatever it is."""
        user, _, password = (self.secret or "").partition(":")
        with httpx.Client(base_url=f"{self.url}/api", timeout=10, trust_env=False) as client:
            headers = {}
            if self.secret is not None:
                client.auth = (user, password)
                if method != "GET":
                    given = client.get("/csrf-token", params={"client": str(uuid.uuid4())}).json()
                    headers = {"Prefect-Csrf-Token": given["token"], "Prefect-Csrf-Client": given["client"]}
            return client.request(method, path, json=body, headers=headers)

    def runs(self, flow: str) -> list[dict[str, Any]]:
        """A flow's runs, the newest first."""
        body = {"flows": {"name": {"any_": [flow]}}, "sort": "START_TIME_DESC"}
        return list(self.post("/flow_runs/filter", body))

    def started_runs(self, flow: str) -> list[dict[str, Any]]:
        """A flow's runs, without those that only wait for their time."""
        return [run for run in self.runs(flow) if run["state"]["type"] != "SCHEDULED"]

    def run(self, id: str) -> dict[str, Any]:
        """One run."""
        return dict(self.get(f"/flow_runs/{id}"))

    def start(self, deployment: str, at: datetime | None = None, **parameters: object) -> str:
        """Ask for a run of a deployment (flow/name), now or as if it had been scheduled `at`. Returns its id."""
        id = self.get(f"/deployments/name/{deployment}")["id"]
        body: dict[str, object] = {"parameters": parameters}
        if at is not None:
            body["state"] = {"type": "SCHEDULED", "state_details": {"scheduled_time": at.isoformat()}}
        return str(self.post(f"/deployments/{id}/create_flow_run", body)["id"])

    def wait_for(self, run: str, *states: str, patience_s: float = PATIENCE_S) -> dict[str, Any]:
        """Wait until a run is in one of these states."""
        return until(
            lambda: found if (found := self.run(run))["state"]["name"] in states else None,
            what=f"run {run} is {' or '.join(states)}",
            patience_s=patience_s,
            every_s=0.2,
        )

    def artifacts(self, key: str) -> list[dict[str, Any]]:
        """The artifacts of a key, the newest first."""
        body = {"artifacts": {"key": {"any_": [key]}}, "sort": "UPDATED_DESC"}
        return list(self.post("/artifacts/filter", body))

    def events(self, name: str) -> list[dict[str, Any]]:
        """The events of a name, the newest first."""
        return list(self.post("/events/filter", {"filter": {"event": {"name": [name]}}})["events"])


@dataclass
class Installation:
    """A running `cubefeed up`, or `demo --keep`."""

    running: RunningProgram
    place: Place
    prefect: Prefect

    @property
    def owner(self) -> dict[str, Any]:
        """Who holds the session, as it says itself."""
        return dict(json.loads((self.place.state / "owner.json").read_text()))

    @property
    def owner_process(self) -> psutil.Process:
        return psutil.Process(self.owner["pid"])

    @property
    def serving_process(self) -> psutil.Process:
        """The process that serves the deployments."""
        found = self.owner_process.parent()
        assert found is not None
        return found

    def sales(self) -> dict[str, int]:
        """The sum of the quantities by date, straight from the live process."""
        url = f"{self.owner['url']}/api/query?measure=Quantity.SUM&by=Date"
        answer = httpx.get(url, trust_env=False)
        answer.raise_for_status()  # 503 while it starts
        return {row["Date"]: row["Quantity.SUM"] for row in answer.json()["rows"]}

    def wait_for_owner(self, *, other_than: int | None = None, patience_s: float = 90.0) -> None:
        """Wait until a session is live."""

        def look() -> bool:
            with contextlib.suppress(FileNotFoundError, json.JSONDecodeError, httpx.HTTPError):
                pid = self.owner["pid"]
                return pid != other_than and psutil.pid_exists(pid) and bool(self.sales())
            return False

        until(look, what="a live session", patience_s=patience_s, every_s=0.2)


def installation(running: RunningProgram, place: Place) -> Installation:
    """The installation that a started command runs, once it says that it is up."""
    running.wait_for_word(" ends it", patience_s=START_S)
    url = next(line.split()[1] for line in running.output.splitlines() if line.startswith("Prefect:"))
    secret = place.state / "prefect-secret"
    return Installation(running, place, Prefect(url, secret.read_text().strip() if secret.exists() else None))


def states_in_the_database(place: Place) -> dict[str, list[tuple[str, str]]]:
    """What Prefect's database says of the runs after everything has ended: flow → [(state, message)]."""
    query = (
        "select flow.name, flow_run.state_name, coalesce(flow_run_state.message, '') from flow_run "
        "join flow on flow.id = flow_run.flow_id join flow_run_state on flow_run_state.id = flow_run.state_id "
        "where flow_run.state_name <> 'Scheduled' order by flow_run.created"
    )
    found: dict[str, list[tuple[str, str]]] = {}
    with contextlib.closing(sqlite3.connect(place.state / "prefect" / "prefect.db")) as database:
        for flow, state, message in database.execute(query):
            found.setdefault(flow, []).append((state, message))
    return found
