"""Runs the program as its users do: as a process, in a directory of its own, and sees that nothing is left behind."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "data" / "sales"
MARK = "CUBEFEED_TEST_MARK"
PATIENCE_S = 30.0


def until[T](look: Callable[[], T], *, what: str, patience_s: float = PATIENCE_S, every_s: float = 0.05) -> T:
    """What `look` returns once that is true; it fails when that takes too long. An AssertionError counts as not yet."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            found, why = look(), ""
        except (AssertionError, httpx.TransportError) as error:
            found, why = None, str(error)
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience_s:g} s: {what} {why}")
        time.sleep(every_s)


@dataclass
class Place:
    """A directory where the program runs, with its landing and state directories.

    Every process that comes from here, by whatever way, carries the mark in its environment.
    """

    root: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    environment: dict[str, str] = field(default_factory=dict)

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
            if not name.startswith(("PREFECT_", "CUBEFEED_", "COLUMNS", "ATOTI_"))
        }
        own = {MARK: self.mark, "PYTHONPATH": str(ROOT), "CUBEFEED_STATE": str(self.state), "HOME": str(self.root)}
        return {**kept, **own, **self.environment}

    def command(self, *arguments: object) -> list[str]:
        """The command line."""
        return [sys.executable, "-m", "flows.cli", *(str(argument) for argument in arguments)]

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
            said = [f"{process.pid}: {' '.join(process.cmdline())}" for process in left]
            for process in left:
                process.kill()
        assert not said, said
        assert not (self.state / "owner.json").exists()


@dataclass
class Started:
    """A command that goes on running."""

    place: Place
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def said(self) -> str:
        """What it has printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for_word(self, word: str, *, patience_s: float = PATIENCE_S) -> None:
        """Wait until it has printed a word; fails at once when it ends before."""

        def look() -> bool:
            if word in self.said:
                return True
            if self.process.poll() is not None:
                raise RuntimeError(f"it ended with {self.process.returncode} before it said {word!r}:\n{self.said}")
            return False

        until(look, what=f"it says {word!r}; so far {self.said!r}", patience_s=patience_s)

    def end(self, how: signal.Signals = signal.SIGTERM, *, patience_s: float = PATIENCE_S) -> int:
        """Send a signal and wait. Returns the exit code."""
        self.process.send_signal(how)
        return self.process.wait(patience_s)


@contextlib.contextmanager
def started(place: Place, *arguments: object) -> Iterator[Started]:
    """Start a command; it is ended afterwards in any case, and nothing of it may be left."""
    log = place.root / f"{arguments[0]}-{uuid.uuid4().hex[:6]}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            place.command(*arguments),
            cwd=place.root,
            env=place.variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Started(place, process, log)
    finally:
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE_S)
        if process.poll() is None:
            process.kill()
            process.wait()


@contextlib.contextmanager
def watching(place: Place, *arguments: object) -> Iterator[Started]:
    """`cubefeed watch`, once its initial load is done."""
    ready = place.root / "ready"
    ready.unlink(missing_ok=True)
    with started(place, "watch", "--ready-file", ready, *arguments) as running:
        until(lambda: ready.exists() or running.process.poll() is not None, what="the ready file")
        assert running.process.poll() is None, running.said
        yield running
