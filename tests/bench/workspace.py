"""Where a run of the benchmark works, how large its inputs are, and how subjects take turns."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import files, ours
from tests.bench.apart import Figures, apart
from tests.bench.files import WARM_ROWS, Expected, write_files
from tests.bench.rows import LONG_S
from tests.e2e.running import Installation

KINDS = {"new": files.all_new, "half": files.half_known}


@dataclass
class Loaded:
    """Files and the state that came of loading them."""

    landing: Path
    state: Path


@dataclass
class Workspace:
    """Directories of one run.

    Args:
        root: everything is below it.
        scale: 1 is the full size.
        times: how often each subject is run.
        long_s: what takes longer is run once.
        loaded, live: what one group of rows leaves to the next: loaded states, and a session that goes on.
    """

    root: Path
    scale: float = 1.0
    times: int = 5
    long_s: float = LONG_S
    loaded: dict[str, Loaded] = field(default_factory=dict)
    live: Installation | None = None
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def end_live(self) -> None:
        """End the live session."""
        self.live = None
        self.stack.close()

    def scaled(self, full: int, *, least: int = 1) -> int:
        """A size at this scale."""
        return max(least, round(full * self.scale))

    def fresh(self, name: str) -> Path:
        """A directory that does not exist yet, below one that does."""
        path = self.root / name
        shutil.rmtree(path, ignore_errors=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def load(self, waiting: Path, name: str, expected: Expected) -> Figures:
        """Load files from nothing; the state is left."""
        landing, state = self.fresh(f"{name}/landing"), self.fresh(f"{name}/state")
        figures = apart(ours.first_load, waiting=waiting, landing=landing, state=state)
        check(figures, Expected(expected.rows + WARM_ROWS, expected.quantity))
        self.loaded[name] = Loaded(landing, state)
        return figures

    def ensure(self, kind: str, *, count: int, rows: int, name: str) -> Loaded:
        """A loaded state of this kind, made if there is none."""
        if name not in self.loaded:
            say(f"  {count} files of {rows:,} rows are loaded first")
            waiting = self.fresh(f"{name}-files")
            self.load(waiting, name, write_files(waiting, KINDS[kind](count, rows)))
        return self.loaded[name]

    def alternate(self, subjects: Sequence[Callable[[], Figures]]) -> list[list[Figures]]:
        """Run subjects in turn, so that whatever else the machine does meets all of them alike."""
        runs: list[list[Figures]] = [[] for _ in subjects]
        for _ in range(self.times):
            for subject, its_runs in zip(subjects, runs, strict=True):
                if not its_runs or its_runs[0]["seconds"] <= self.long_s:
                    its_runs.append(subject())
        return runs


def check(figures: Figures, expected: Expected) -> None:
    """A wrong answer is worth no time."""
    found = (figures["rows"], figures["quantity"])
    if found != (expected.rows, expected.quantity):
        raise RuntimeError(f"a load gave (rows, quantity) {found}, not {(expected.rows, expected.quantity)}")


def seconds(runs: Sequence[Figures], of: str = "seconds") -> list[float]:
    """One figure of each run."""
    return [float(run[of]) for run in runs]


def say(text: str) -> None:
    """Show progress."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
