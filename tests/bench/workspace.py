"""Where a run of the benchmark works, how large its inputs are, and how subjects take turns."""

from __future__ import annotations

import contextlib
import shutil
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import files, ours
from tests.bench.apart import Figures, apart
from tests.bench.failures import cause_of, is_absent
from tests.bench.files import WARM_ROWS, Expected, write_files
from tests.bench.rows import LONG_S, Measured, Sizes

if TYPE_CHECKING:
    from tests.e2e.program import Installation  # needs packages that only some groups need

KINDS = {"new": files.all_new, "half": files.half_known}


@dataclass
class Loaded:
    """Files and the state that came of loading them."""

    landing: Path
    state: Path


@dataclass
class Runs:
    """What the runs of one subject gave.

    Args:
        figures: of each run.
        failure: why the subject was not run to its end; its figures say nothing then.
    """

    figures: list[Figures] = field(default_factory=list)
    failure: str = ""

    def seconds(self, of: str = "seconds") -> list[float]:
        """One figure of each run."""
        return [float(run[of]) for run in self.figures]


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

    def clear(self) -> None:
        """End and remove all that groups have left."""
        self.end_live()
        self.loaded.clear()
        for each in self.root.iterdir():
            shutil.rmtree(each) if each.is_dir() else each.unlink()

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
        self.loaded.pop(name, None)
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

    def alternate(self, subjects: Sequence[Callable[[], Figures]]) -> list[Runs]:
        """Run subjects in turn, so that whatever else the machine does meets all of them alike. One that fails is left
        out from then on."""
        runs = [Runs() for _ in subjects]
        for _ in range(self.times):
            for subject, its_runs in zip(subjects, runs, strict=True):
                if not its_runs.failure and (not its_runs.figures or its_runs.seconds()[0] <= self.long_s):
                    _run(subject, its_runs)
        return runs


def _run(subject: Callable[[], Figures], runs: Runs) -> None:
    try:
        runs.figures.append(subject())
    except Exception as error:
        runs.failure = cause_of(error)
        if not is_absent(runs.failure):
            say(traceback.format_exc())


def compared(row: str, ours: Runs, peer: Runs, sizes: Sizes, *, note: str = "", of: str = "seconds") -> Measured:
    """A row of two subjects; without values where one of them failed."""
    failure = peer.failure or ours.failure
    return Measured(row, missing=failure) if failure else Measured(row, ours.seconds(of), peer.seconds(of), sizes, note)


def check(figures: Figures, expected: Expected) -> None:
    """A wrong answer is worth no time."""
    found = (figures["rows"], figures["quantity"])
    if found != (expected.rows, expected.quantity):
        raise RuntimeError(f"a load gave (rows, quantity) {found}, not {(expected.rows, expected.quantity)}")


def say(text: str) -> None:
    """Show progress."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
