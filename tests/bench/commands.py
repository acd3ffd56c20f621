"""Rows on what a command costs by itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

from tests.bench.apart import QUIET
from tests.bench.files import write_small_files
from tests.bench.ours import DECLARED
from tests.bench.rows import Measured
from tests.bench.workspace import Workspace
from tests.e2e.program import Place, watching


def commands(on: Workspace) -> Iterator[Measured]:
    """The CPU of `--help` and of `query`, which asks a live process."""
    root = on.fresh("commands")
    place = Place(root, environment=QUIET)
    write_small_files(place.root / "landing", files=2, rows=10)
    with watching(place, "--dataset", DECLARED, "--landing", place.landing):
        for name, arguments in (("help", ["--help"]), ("query", ["query", "Quantity.SUM", "--by", "Date"])):
            cpu_s(place, arguments)
            yield Measured(f"cli-{name}", [cpu_s(place, arguments) for _ in range(on.times)])


def cpu_s(place: Place, arguments: list[str]) -> float:
    """The CPU that a command takes, from its first instruction to its last."""
    process = subprocess.Popen(
        place.command(*arguments), cwd=place.root, env=place.variables, stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{arguments} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime
