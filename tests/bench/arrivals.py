"""One file after the other, closed by a rename, and when each can be queried: here and at the guide's."""

from __future__ import annotations

import contextlib
import http
import http.client
import json
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil

from tests.bench import peer_guide
from tests.bench.apart import environment
from tests.bench.files import SEED, SPARE_KEY, sales
from tests.bench.soak_installation import steady_for
from tests.waiting import until

LOOK_S = 0.004
PATIENCE_S = 180.0


class Producer:
    """Writes files elsewhere and renames them into the landing directory."""

    def __init__(self, landing: Path) -> None:
        self.landing = landing
        self._elsewhere = landing.with_name(f"{landing.name}-elsewhere")
        self._elsewhere.mkdir(exist_ok=True)
        self._number = len(list(landing.glob("arrival_*.csv")))

    def drop(self, rows: int = 10) -> tuple[str, int, float]:
        """Returns the file's name, the key of its first row, and when it was closed."""
        self._number += 1
        key = SPARE_KEY + self._number * rows
        file = self._elsewhere / f"arrival_{self._number:06}.csv"
        sales(key + np.arange(rows), day=self._number % 28, seed=self._number).write_csv(file)
        target = self.landing / file.name
        closed = time.monotonic()
        file.rename(target)
        return file.name, key, closed


class OurSide:
    """A live session, asked over HTTP."""

    def __init__(self, url: str, landing: Path) -> None:
        self._producer = Producer(landing)
        self._client = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE_S)

    def delay_s(self) -> float:
        """From a rename to the answer that shows its row."""
        _, key, closed = self._producer.drop()
        until(lambda: self.rows(f"&where=ID%3D{key}"), what="the row", patience_s=PATIENCE_S, every_s=LOOK_S)
        return time.monotonic() - closed

    def rows(self, condition: str = "") -> int:
        """How many rows the cube has; none while it is being filled."""
        query = f"/api/query?measure=contributors.COUNT{condition}"
        try:
            status, answer = self._get(query)
        except (http.client.RemoteDisconnected, BrokenPipeError):  # it was kept open for long enough
            self._client.close()
            status, answer = self._get(query)
        if status == http.HTTPStatus.SERVICE_UNAVAILABLE:
            return 0
        found = json.loads(answer)["rows"]
        return int(found[0]["contributors.COUNT"]) if found else 0

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _get(self, query: str) -> tuple[int, bytes]:
        self._client.request("GET", query)
        answer = self._client.getresponse()
        return answer.status, answer.read()


class GuideSide:
    """The guide in a process of its own, which says itself when a file can be queried."""

    def __init__(self, process: subprocess.Popen[str], landing: Path) -> None:
        self.process = process
        self._producer = Producer(landing)
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self._lines.get(timeout=600)  # ready

    def delay_s(self) -> float:
        """From a rename to the moment when the row can be queried."""
        name, _, closed = self._producer.drop()
        while True:
            file, at = self._lines.get(timeout=PATIENCE_S).split()
            if file == name:
                return float(at) - closed

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let it rest while the other side is measured."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """End it."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.strip())


@contextlib.contextmanager
def guide_on(landing: Path) -> Iterator[GuideSide]:
    """The guide on a landing directory."""
    process = subprocess.Popen(
        [sys.executable, "-m", peer_guide.__name__, str(landing)],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    side = None
    try:
        side = GuideSide(process, landing)
        yield side
    finally:
        if side is not None:
            side.end()
        elif process.poll() is None:
            process.kill()
            process.wait()


def in_turn(ours: OurSide, guide: GuideSide, times: int) -> tuple[list[float], list[float]]:
    """Delays of both sides, one file each at a time, at moments spread evenly over the guide's beat."""
    moments = [peer_guide.POLL_S * each / times for each in range(times)]
    random.Random(SEED).shuffle(moments)
    delays: tuple[list[float], list[float]] = ([], [])
    for moment in moments:
        with guide.held():
            delays[0].append(ours.delay_s())
        steady_for(moment)
        delays[1].append(guide.delay_s())
    return delays


def idle_cpu(processes: list[psutil.Process], *, seconds: float) -> list[float]:
    """The share of a core that each process takes while nothing happens."""

    def used(process: psutil.Process) -> float:
        times = process.cpu_times()
        return float(times.user + times.system)

    before, started = [used(process) for process in processes], time.monotonic()
    steady_for(seconds)
    took = time.monotonic() - started
    return [(used(process) - was) / took for process, was in zip(processes, before, strict=True)]
