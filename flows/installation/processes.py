"""The processes that `up` starts, keeps and ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from flows.errors import DiskFull, StateError
from flows.installation.backoff import Backoff
from flows.redaction import without_secret_variables
from flows.store.atomic_write import write_file

START_S = 180.0
"""How long a process may take to start. A Prefect server on a new database takes 12 to 16 s on two slow cores, and more
than 90 s where six programs share each of them; an engine that contacts its licence server takes tens of seconds."""
END_S = 15.0
"""How long a process may take to end after each signal."""
LOOK_S = 0.2
LOG_BYTES = 64 << 20
KEPT_BYTES = 1 << 20
"""A log that is larger than LOG_BYTES is cut off but for this end: a Prefect server whose disk is full writes seven
megabytes a minute, which would soon fill the next disk."""

_LEASH = (
    "import ctypes, os, sys; "
    "ctypes.CDLL(None).prctl(1, int(sys.argv[2])); "  # PR_SET_PDEATHSIG survives the exec below
    "os.getppid() == int(sys.argv[1]) or sys.exit(1); "
    "os.execv(sys.argv[3], sys.argv[3:])"
)
"""Makes the kernel end a process when the one that started it has died, however that died (Linux only)."""


def leashed(command: Sequence[str], on_orphaned: signal.Signals) -> list[str]:
    """A command whose process gets this signal when this one dies without ending it (Linux only)."""
    leash = [sys.executable, "-P", "-S", "-c", _LEASH, str(os.getpid()), str(int(on_orphaned))]
    return [*(leash if sys.platform == "linux" else []), *command]


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
        starts: how often it was started.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log_file: Path
    on_orphaned: signal.Signals
    keeps: Sequence[int] = ()
    gets_secrets: bool = True
    backoff: Backoff = field(default_factory=Backoff)
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0

    def start(self) -> None:
        """Start it, so that Ctrl-C in a terminal reaches it only through this process."""
        self.backoff.mark_start()
        self.starts += 1
        inherited = os.environ if self.gets_secrets else without_secret_variables(os.environ)
        with self.log_file.open("ab") as output:
            self.process = subprocess.Popen(
                leashed(self.command, self.on_orphaned),
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

    async def wait_until(self, ready: Callable[[], Awaitable[bool]]) -> None:
        """Wait until what it was started for is there.

        Raises:
            StateError: it ended, or took too long.
        """

        async def ready_or_ended() -> bool:
            return not self.alive or await ready()

        in_time = await wait_for(ready_or_ended, START_S)
        if not (in_time and self.alive):
            why = f"did not start within {START_S:g} s" if self.alive else "ended at once"
            raise StateError(f"{self.name} {why}", next_step=f"see {self.log_file}")

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


async def wait_for(met: Callable[[], Awaitable[bool]], patience_s: float) -> bool:
    """Look until a condition is met. Returns False when that takes too long."""
    deadline = time.monotonic() + patience_s
    while not await met():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(LOOK_S)
    return True
