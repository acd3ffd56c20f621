"""A row on what `up` takes beside the Prefect server that it starts."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.bench.apart import QUIET
from tests.bench.rows import Measured
from tests.bench.workspace import Workspace
from tests.e2e.program import SAMPLES, Place, started, started_program
from tests.waiting import until

PATIENCE_S = 300.0
PAIRS = 3
"""Each takes some twenty seconds."""


def start(on: Workspace) -> Iterator[Measured]:
    """Both in turn, each on a new database."""
    ours, peer = [], []
    for _ in range(min(on.times, PAIRS)):
        peer.append(server_s(on.fresh("server")))
        ours.append(up_s(on.fresh("up")))
    yield Measured("up-new", ours, peer, note="server, deployments, session, two files")


def up_s(root: Path) -> float:
    """From the start of `up` to the first answer of the cube with all rows."""
    place, port = Place(root), free_port()
    shutil.copytree(SAMPLES / "current", place.landing)
    place.environment = {**QUIET, "CUBEFEED_LANDING": str(place.landing), "CUBEFEED_PORT": str(port)}
    question = f"http://127.0.0.1:{port}/api/query?measure=Quantity.SUM"
    began = time.monotonic()
    with started(place, "up", "--prefect-port", 0), killed(place):
        until(lambda: answer(question).json()["rows"] == [{"Quantity.SUM": 17}], what="the cube", patience_s=PATIENCE_S)
        return time.monotonic() - began


def server_s(root: Path) -> float:
    """From the start of a Prefect server to its first answer."""
    root.mkdir()
    place, port = Place(root, environment=QUIET), free_port()
    command = (sys.executable, "-m", "prefect", "server", "start", "--port", str(port))
    began = time.monotonic()
    with started_program(place, "server", *command), killed(place):
        until(lambda: answer(f"http://127.0.0.1:{port}/api/health"), what="the server", patience_s=PATIENCE_S)
        return time.monotonic() - began


def answer(url: str) -> httpx.Response:
    """The answer of an address, if it is one."""
    return httpx.get(url, trust_env=False, timeout=5).raise_for_status()


def free_port() -> int:
    """A port that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextlib.contextmanager
def killed(place: Place) -> Iterator[None]:
    """Nothing of it runs on: its end is not what is measured."""
    try:
        yield
    finally:
        for process in place.processes():
            process.send_signal(signal.SIGKILL)
