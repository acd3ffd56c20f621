"""A live session of any commit, driven only through what stays: its command line, its variables, HTTP and files."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil

from tests.bench.apart import QUIET
from tests.bench.checkouts import Program
from tests.bench.files import Expected
from tests.e2e.program import Place, RunningProgram, started

PATIENCE_S = 300.0
LOOK_S = 0.02
"""Seldom enough that looking costs little beside a load."""
IDLE_S = 2.0
"""A connection that was idle for longer is not used again: the server closes it after five seconds."""
TOTALS = (("measure", "contributors.COUNT"), ("measure", "Quantity.SUM"))


@dataclass
class ProgramPlace(Place):
    """A directory where the program of one commit runs, on the sales dataset that it ships."""

    program: Program = field(kw_only=True)

    def __post_init__(self) -> None:
        self.landing.mkdir(parents=True, exist_ok=True)
        self.environment = {
            **QUIET,
            "PYTHONPATH": str(self.program.site),
            "CUBEFEED_DATASETS": "sales",
            "CUBEFEED_LANDING": str(self.landing),
            "CUBEFEED_OBSERVER": "native",
        }

    def command(self, *arguments: object) -> list[str]:
        """The command line."""
        return self.program.command(*arguments)

    def stage(self, files: Sequence[Path], *, linked: bool = False) -> list[Path]:
        """Put files where they can be renamed into the landing directory.

        Args:
            files: what is to land.
            linked: by links, which write nothing to the disk. Each further link changes the ctime of all, which a
                session that runs meanwhile has to look into: only where none does.
        """
        elsewhere = self.root / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        staged = [elsewhere / file.name for file in files]
        for file, name in zip(files, staged, strict=True):
            if linked:
                name.hardlink_to(file)
            else:
                shutil.copyfile(file, name)
        return staged

    def land(self, files: Sequence[Path]) -> float:
        """Rename files into the landing directory. Returns when that began."""
        began = time.monotonic()
        for file in files:
            file.rename(self.landing / file.name)
        return began


class Session:
    """A running `cubefeed watch`, or `up`."""

    def __init__(self, place: ProgramPlace, running: RunningProgram, port: int) -> None:
        self.place = place
        self.url = f"http://127.0.0.1:{port}"
        self._running = running
        self._client = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        self._question_at = time.monotonic()

    def wait_for(self, expected: Expected) -> float:
        """Wait until the whole cube holds that. Returns when it was seen."""
        return self.wait_until(lambda: self.ask(*TOTALS), [_row(expected)], what=f"the cube holds {expected}")

    def wait_until(self, look: Callable[[], object], wanted: object, *, what: str) -> float:
        """Wait until `look` gives what is wanted. Returns when it was seen.

        Raises:
            RuntimeError: the session has ended, or it took too long.
        """
        deadline = time.monotonic() + PATIENCE_S
        found: object = None
        while found != wanted:
            if self._running.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"not so: {what}, but {found}\n{self._running.output[-2_000:]}")
            if found is not None:
                time.sleep(LOOK_S)
            found = look()
        return time.monotonic()

    def ask(self, *parameters: tuple[str, str]) -> list[dict[str, Any]] | str:
        """Rows of the read API, or why there are none yet.

        Raises:
            RuntimeError: it refuses the question.
        """
        if time.monotonic() - self._question_at > IDLE_S:
            self._client.close()
        self._question_at = time.monotonic()
        try:
            self._client.request("GET", f"/api/query?{urlencode(parameters)}")
            answer = self._client.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._client.close()
            return str(error)
        if 400 <= answer.status < 500:
            raise RuntimeError(f"{parameters} was refused: {body.decode(errors='replace')}")
        return list(json.loads(body)["rows"]) if answer.status == 200 else f"{answer.status} {answer.reason}"

    def cpu_s(self) -> float:
        """The CPU that the session has taken since it was started."""
        used = psutil.Process(self._running.process.pid).cpu_times()
        return float(used.user + used.system)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _row(expected: Expected) -> dict[str, int]:
    return {"contributors.COUNT": expected.rows, "Quantity.SUM": expected.quantity}


@contextlib.contextmanager
def watching(place: ProgramPlace, *, end: signal.Signals = signal.SIGKILL) -> Iterator[Session]:
    """`cubefeed watch` from its first instruction on; nothing of it runs on afterwards.

    Args:
        place: where it runs.
        end: the signal that ends it; a state that is used again wants SIGTERM.
    """
    with begun(place, "watch", end=end) as session:
        yield session


@contextlib.contextmanager
def begun(place: ProgramPlace, command: str, *, end: signal.Signals = signal.SIGKILL) -> Iterator[Session]:
    """As `watching`, by another command."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    place.environment["CUBEFEED_PORT"] = str(port)
    try:
        with started(place, command) as running, contextlib.closing(Session(place, running, port)) as session:
            yield session
            running.end(end)
    finally:
        for process in place.processes():
            process.kill()
