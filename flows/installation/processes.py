"""The processes that `up` starts, keeps and ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from flows.errors import DiskFull, StateError
from flows.redaction import without_secret_variables
from flows.runtime.permissions import weakness_inside, weakness_of
from flows.store.atomic_write import write_file

END_S = 15.0
"""How long a process may take to end after each signal."""
SHORT_LIFE_S = 60.0
LONGEST_WAIT_S = 30.0
TRIES = 5
SLOW_S = 300.0
"""What has died soon so often is tried again slowly: it needs a person."""

LOG_BYTES = 64 << 20
KEPT_BYTES = 1 << 20
"""A log that is larger than LOG_BYTES is cut off but for this end: a Prefect server whose disk is full writes seven
megabytes a minute, which would soon fill the next disk."""

CONFIGURATION = (".env", "prefect.toml", "pyproject.toml")
"""Files that Prefect reads where it is started."""

_LEASH = (
    "import ctypes, os, sys; "
    "ctypes.CDLL(None).prctl(1, int(sys.argv[2])); "  # PR_SET_PDEATHSIG survives the exec below
    "os.getppid() == int(sys.argv[1]) or sys.exit(1); "
    "os.execv(sys.argv[3], sys.argv[3:])"
)
"""Makes the kernel end a process when the one that started it has died, however that died (Linux only)."""


@dataclass
class Pace:
    """Waits longer each time something that was started again dies soon: 1 s, 2 s, … 30 s, then minutes.

    Args:
        started_at: when it was started last (monotonic seconds).
        wait_s: how long it is left alone after that.
        tries: how often in a row it was started and died soon, this time included.
    """

    started_at: float = 0.0
    wait_s: float = 1.0
    tries: int = 0

    def begin(self) -> None:
        """It was started now."""
        lived = time.monotonic() - self.started_at
        if self.started_at == 0.0 or lived > self.wait_s + SHORT_LIFE_S:
            self.tries = 0
        self.tries += 1
        self.wait_s = SLOW_S if self.hopeless else min(2.0 ** (self.tries - 1), LONGEST_WAIT_S)
        self.started_at = time.monotonic()

    @property
    def hopeless(self) -> bool:
        """Whether it has died soon so often that a person has to look."""
        return self.tries >= TRIES

    @property
    def due(self) -> bool:
        """Whether it may be started again."""
        return time.monotonic() - self.started_at >= self.wait_s


@dataclass
class Child:
    """A process in a session of its own, which imports nothing that lies in its working directory.

    Args:
        name: what to call it before people.
        command: what to run.
        environment: variables besides those of this process.
        log_file: takes its output.
        on_orphaned: the signal that it gets when this process dies without ending it.
        keeps: descriptors of this process that it gets too.
        gets_secrets: whether it gets what is secret in the environment of this process too.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log_file: Path
    on_orphaned: signal.Signals
    keeps: Sequence[int] = ()
    gets_secrets: bool = True
    pace: Pace = field(default_factory=Pace)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, so that Ctrl-C in a terminal reaches it only through this process."""
        self.pace.begin()
        leash = [sys.executable, "-S", "-c", _LEASH, str(os.getpid()), str(int(self.on_orphaned))]
        inherited = os.environ if self.gets_secrets else without_secret_variables(os.environ)
        with self.log_file.open("ab") as output:
            self.process = subprocess.Popen(
                [*(leash if sys.platform == "linux" else []), *self.command],
                env={**inherited, **self.environment, "PYTHONSAFEPATH": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=self.keeps,
            )

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def trim_log(self) -> None:
        """Cut off a log that has grown too large; its end is kept beside, as `….log.1`.

        The process goes on writing where the file ends, since it appends; lines of this very moment may be lost.
        """
        try:
            size = self.log_file.stat().st_size
            if size <= LOG_BYTES:
                return
            with self.log_file.open("rb") as log, suppress(DiskFull):
                log.seek(size - KEPT_BYTES)
                kept = self.log_file.with_name(f"{self.log_file.name}.1")
                write_file(kept, log.read(), what="the end of a log", durable=False)
            os.truncate(self.log_file, 0)
        except OSError:
            return  # it is looked at again

    def end(self, *, patience_s: float = END_S) -> None:
        """SIGTERM, then SIGKILL; then whatever it has left behind in its session."""
        if self.process is None:
            return
        for how in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, how)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience_s)
                break
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)


def require_own_working_directory() -> None:
    """What Prefect reads in the directory where it is started is code: its settings name a logging configuration, and
    that one names what to call. What is started here reads them again and again, and nobody else may write them.

    Raises:
        StateError: others can.
    """
    here = Path.cwd()
    weakness = weakness_inside(here)
    for file in (here / name for name in CONFIGURATION):
        weakness = weakness or (weakness_of(file) if os.path.lexists(file) else None)
    if weakness is not None:
        raise StateError(
            f"Prefect takes settings from the directory where it is started, and {weakness.what}",
            next_step="start in another directory" + (f", or type: {weakness.fix}" if weakness.fix else ""),
            directory=here,
        )


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with listen(0) as found:
        return int(found.getsockname()[1])


def listen(port: int) -> socket.socket:
    """A socket that listens on this port of 127.0.0.1; on a free one where it is 0.

    Raises:
        StateError: another program has it.
    """
    try:
        return socket.create_server(("127.0.0.1", port), backlog=2048)
    except OSError as error:
        raise StateError(
            f"The port {port} of 127.0.0.1 cannot be listened on ({error.strerror})",
            next_step="end what listens there, or name another port with --prefect-port; 0 takes a free one",
            port=port,
        ) from error


def answers(url: str) -> bool:
    """Whether a GET of this address succeeds."""
    try:
        return httpx.get(url, timeout=2.0, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
