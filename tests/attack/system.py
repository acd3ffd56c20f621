"""A real session on a directory of its own, for attackers to try their steps on."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest

from tests.e2e.program import Place, RunningProgram, watching
from tests.waiting import until

HEADER = "ID,Date,Product,Quantity\n"
VISIBLE_S = 3.0
"""How long a file may take to be seen while somebody attacks."""
NOBODY = 65534
"""The user and group that own nothing."""


@dataclass
class System:
    """A running `cubefeed watch` whose directories other users of the machine can reach.

    Args:
        place: its landing and state directories, and what runs commands beside it.
        running: the session's process and what it printed.
        token: what readers of its page have to know; None where it asks for none.
    """

    place: Place
    running: RunningProgram
    token: str | None
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def url(self) -> str:
        """The address of the live page."""
        return (self.place.root / "ready").read_text().strip()

    @property
    def owner_process(self) -> psutil.Process:
        """The process that holds the session."""
        return psutil.Process(self.running.process.pid)

    def client(self) -> httpx.Client:
        """A reader who knows the token."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=10)

    def products(self) -> set[str]:
        """All products in the cube."""
        question = {"measure": "contributors.COUNT", "by": "Product"}
        with self.client() as client:
            rows = client.get("/api/query", params=question).raise_for_status().json()["rows"]
        return {str(row["Product"]) for row in rows}

    def assert_still_loading(self) -> None:
        """A file that lands now can be queried soon."""
        number = next(self._numbers)
        product = f"still loading {number}"
        self.place.drop(f"still_loading_{number}.csv", f"{HEADER}{10**9 + number},2021-06-01,{product},1\n")
        until(lambda: product in self.products(), what=f"{product} can be queried", patience_s=VISIBLE_S)


@contextlib.contextmanager
def attacked(environment: dict[str, str] | None = None, through: tuple[str, ...] = ()) -> Iterator[System]:
    """Start a session; it has to end as it should, and nothing of it may be left.

    Args:
        environment: settings of the session, in addition to those that everyone has.
        through: a program that runs the session, with its options.
    """
    root = Path(tempfile.mkdtemp(prefix="cubefeed-attack-"))
    root.chmod(0o755)
    place = Place(root, environment={"CUBEFEED_LANDING": str(root / "landing"), **(environment or {})}, through=through)
    place.landing.mkdir()
    try:
        with watching(place) as running:
            yield System(place, running, place.environment.get("CUBEFEED_TOKEN"))
            assert running.end() == 0, running.output[-10_000:]
        place.assert_nothing_left()
    finally:
        shutil.rmtree(root)


BOUND = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
"""Runs a program as root without the right to read everything; as another user it changes nothing."""


def as_stranger(*command: str, timeout_s: float = 20.0) -> subprocess.CompletedProcess[str]:
    """Run a command as another user of this machine, who owns nothing and knows nothing."""
    if os.geteuid() or not shutil.which("setpriv"):
        pytest.skip("only root can act as another user, by setpriv")
    return subprocess.run(
        ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all", *command],
        cwd="/",
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",  # names of other programs may hold any bytes
        timeout=timeout_s,
        check=False,
    )
