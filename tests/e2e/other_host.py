"""A session as on another host that has the state directory too: other name, other process numbers, same files."""

from __future__ import annotations

import contextlib
import functools
import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e.program import Place, started
from tests.waiting import until

HOST = "far-away"
_UNSHARE = ("unshare", "--uts", "--pid", "--fork", "--mount-proc")
_NAMED = ("sh", "-c", f'echo {HOST} >/proc/sys/kernel/hostname && exec "$@"', "sh")


@functools.cache
def _is_permitted() -> bool:
    try:
        return subprocess.run([*_UNSHARE, *_NAMED, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def session_elsewhere(place: Place) -> Iterator[None]:
    """A live session there, by `cubefeed watch`; the test is skipped where a host cannot be feigned."""
    if not _is_permitted():
        pytest.skip("this user can give no process another host name")
    ready, place.through = place.root / "ready", (*_UNSHARE, *_NAMED)
    with started(place, "watch", "--ready-file", ready) as running:
        place.through = ()
        until(lambda: ready.exists() or running.process.poll() is not None, what="the session")
        assert running.process.poll() is None, running.output
        try:
            yield
        finally:
            for process in place.processes():
                if process.pid != running.process.pid and "watch" in process.cmdline():
                    process.terminate()
            assert running.process.wait(30) == 0, running.output
