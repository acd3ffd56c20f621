"""This working tree and another commit, side by side: whether a change has made the program slower.

    make bench-against COMMIT=main [ONLY="one-file many-rows"] [PAIRS=7] [QUICK=1]
    python -m tests.bench.against COMMIT [--only NAME …] [--pairs 7] [--quick]

Both run in turn (old, new, old, new …), so that whatever else the machine does meets both alike. Each pair gives a
ratio, new / old, below 1 where this tree is faster. One line a row:

    one-file: 1.012 new/old, quartiles 0.993–1.020, not slower (1.21 s, 1.19 s before; 7 pairs); CPU 1.004, …

How to read it: the ratio is the median of the pairs, and half of them lie between the quartiles. The verdict is about
a bound of 1.05: "slower" and "not slower" are given only where the median is farther from 1.05 than the quartiles are
from each other, "faster" where it is below 1 by as much. Otherwise the line says "not decided": run it again with more
pairs, or when the machine is quieter. The seconds in brackets are medians and say nothing about another machine. The
CPU that the session took is judged in the same way; others who use the machine disturb it less.

The other commit is driven through its command line, its variables, HTTP and files alone, so that it does not matter
what its modules are called. No peers are measured here; `make bench` does that.

Exit 0 when every row was measured, whatever the verdicts; 1 when one was not, or the commit cannot be had.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

import numpy as np

from tests.bench.arrivals import OurSide
from tests.bench.checkouts import CheckoutError, Program, programs
from tests.bench.commands import cpu_s
from tests.bench.failures import cause_of
from tests.bench.files import (
    FIRST_DAY,
    WARM_ROWS,
    Expected,
    all_new,
    half_known,
    sales,
    warm_up_file,
    write_files,
    write_small_files,
)
from tests.bench.rows import NOT_MEASURED
from tests.bench.sessions import ProgramPlace, Session, begun, watching
from tests.bench.workspace import say

BOUND = 1.05
PAIRS = 7
ENOUGH_PAIRS = 5
"""Fewer lie close together by chance too often."""
QUICK = 0.1
FILE_ROWS = 100_000
MANY_FILES = 40
BIG_ROWS = 1_000_000
SMALL_FILES, SMALL_ROWS = 10_000, 10
BESIDE = 1_000
ARRIVALS, QUESTIONS, COMMANDS = 25, 25, 5
"""How often one sample repeats what takes only milliseconds; the sample is their median."""


class Taken(NamedTuple):
    """What one sample took: time, and CPU of the program meanwhile."""

    wall_s: float
    cpu_s: float


Sample = Callable[[], Taken]


@dataclass(frozen=True)
class Waiting:
    """Files that are to land, and what a cube holds that has loaded them and nothing else."""

    files: list[Path]
    expected: Expected


@dataclass
class Bench:
    """What all rows share.

    Args:
        root: everything is below it.
        scale: of all sizes.
        made: files that were made, which both sides load.
    """

    root: Path
    scale: float = 1.0
    made: dict[str, Waiting] = field(default_factory=dict)

    def scaled(self, full: int, *, least: int = 1) -> int:
        """A size at this scale."""
        return max(least, round(full * self.scale))

    @contextlib.contextmanager
    def place(self, program: Program, *, landed: str = "warm") -> Iterator[ProgramPlace]:
        """A new directory for a program, where files of a kind have landed; it is removed."""
        root = Path(tempfile.mkdtemp(dir=self.root))
        try:
            place = ProgramPlace(root, program=program)
            place.land(place.stage(self.waiting(landed).files))
            yield place
        finally:
            shutil.rmtree(root, ignore_errors=True)

    def waiting(self, kind: str) -> Waiting:
        """Files of a kind, in the order of their names."""
        if kind not in self.made:
            directory = self.root / kind
            expected = _MAKERS[kind](self, directory)
            self.made[kind] = Waiting(sorted(directory.iterdir()), expected)
        return self.made[kind]

    def loaded(self, kind: str) -> Expected:
        """What a cube holds that has loaded files of a kind after the small one of a new place."""
        warm, more = self.waiting("warm").expected, self.waiting(kind).expected
        return Expected(warm.rows + more.rows, warm.quantity + more.quantity)


def _write_warm(_: Bench, to: Path) -> Expected:
    warm_up_file(to)
    return Expected(WARM_ROWS, 0)


_MAKERS: dict[str, Callable[[Bench, Path], Expected]] = {
    "warm": _write_warm,
    "big": lambda on, to: write_files(to, all_new(1, on.scaled(BIG_ROWS))),
    "many": lambda on, to: write_files(to, all_new(MANY_FILES, on.scaled(FILE_ROWS))),
    "half": lambda on, to: write_files(to, half_known(MANY_FILES, on.scaled(FILE_ROWS))),
    "small": lambda on, to: write_small_files(to, files=on.scaled(SMALL_FILES), rows=SMALL_ROWS),
    "beside": lambda on, to: write_small_files(to, files=on.scaled(BESIDE), rows=1),
}


def _metered(session: Session, act: Callable[[], float]) -> Taken:
    before = session.cpu_s()
    wall_s = act()
    return Taken(wall_s, session.cpu_s() - before)


def _load(on: Bench, session: Session, kind: str, *, linked: bool = False) -> float:
    """From the first rename to the answer that shows all rows, in a session that has begun."""
    files = session.place.stage(on.waiting(kind).files, linked=linked)
    session.wait_for(on.waiting("warm").expected)
    began = session.place.land(files)
    return session.wait_for(on.loaded(kind)) - began


@contextlib.contextmanager
def _loads(kind: str, on: Bench, program: Program) -> Iterator[Sample]:
    """A first load, in a new session each time."""

    def sample() -> Taken:
        with on.place(program) as place, watching(place) as session:
            session.wait_for(on.waiting("warm").expected)
            return _metered(session, lambda: _load(on, session, kind, linked=True))

    yield sample


@contextlib.contextmanager
def _restart(on: Bench, program: Program) -> Iterator[Sample]:
    """From the start of the program to the answer that shows all rows of its state."""
    with on.place(program) as place:
        with watching(place, end=signal.SIGTERM) as session:
            _load(on, session, "many")

        def sample() -> Taken:
            began = time.monotonic()
            with watching(place, end=signal.SIGTERM) as session:
                return Taken(session.wait_for(on.loaded("many")) - began, session.cpu_s())

        yield sample


@contextlib.contextmanager
def _up(on: Bench, program: Program) -> Iterator[Sample]:
    """From the start of `up` on a new state, with a Prefect server of its own, to the answer that shows all rows."""

    def sample() -> Taken:
        with on.place(program) as place:
            place.environment["CUBEFEED_PREFECT_PORT"] = "0"
            began = time.monotonic()
            with begun(place, "up") as session:
                return Taken(session.wait_for(on.waiting("warm").expected) - began, _cpu_of_all(place))

    yield sample


def _cpu_of_all(place: ProgramPlace) -> float:
    """The CPU that the processes of a place have taken."""
    return sum(sum(process.cpu_times()[:2]) for process in place.processes())


@contextlib.contextmanager
def _loaded(kind: str, on: Bench, program: Program) -> Iterator[Session]:
    with on.place(program) as place, watching(place) as session:
        _load(on, session, kind)
        yield session


@contextlib.contextmanager
def _arrival(on: Bench, program: Program) -> Iterator[Sample]:
    """A small file is renamed into a directory that holds many."""
    with on.place(program, landed="beside") as place, watching(place) as session:
        session.wait_for(on.waiting("beside").expected)
        with contextlib.closing(OurSide(session.url, place.landing)) as side:
            times = range(on.scaled(ARRIVALS, least=3))
            yield lambda: _metered(session, lambda: median(side.delay_s() for _ in times))


@contextlib.contextmanager
def _correction(on: Bench, program: Program) -> Iterator[Sample]:
    """A file in the middle gets other quantities; half of its rows are covered by later files."""
    rows = on.scaled(FILE_ROWS)
    keys, middle = half_known(MANY_FILES, rows), MANY_FILES // 2
    shown = ~np.isin(keys[middle], np.concatenate(keys[middle + 1 :]))
    question = (("measure", "Quantity.SUM"), ("where", f"Date={FIRST_DAY.fromordinal(FIRST_DAY.toordinal() + middle)}"))
    with _loaded("half", on, program) as session:
        turns = iter(range(1_000, 2_000))

        def correct_s() -> float:
            frame = sales(keys[middle], day=middle, seed=next(turns))
            file = session.place.root / on.waiting("half").files[middle].name
            frame.write_csv(file)
            wanted = [{"Quantity.SUM": int(frame["Quantity"].to_numpy()[shown].sum())}]
            began = session.place.land([file])
            return session.wait_until(lambda: session.ask(*question), wanted, what="the correction is shown") - began

        yield lambda: _metered(session, correct_s)


@contextlib.contextmanager
def _query(on: Bench, program: Program) -> Iterator[Sample]:
    """Sum by date over HTTP."""
    with _loaded("many", on, program) as session:

        def ask_s() -> float:
            began = time.monotonic()
            rows = session.ask(("measure", "Quantity.SUM"), ("by", "Date"))
            if len(rows) != MANY_FILES or isinstance(rows, str):
                raise RuntimeError(f"sum by date gave {rows}")
            return time.monotonic() - began

        times = range(on.scaled(QUESTIONS, least=3))
        yield lambda: _metered(session, lambda: median(ask_s() for _ in times))


@contextlib.contextmanager
def _cli_query(on: Bench, program: Program) -> Iterator[Sample]:
    """The CPU of a question from the command line."""
    with on.place(program) as place, watching(place) as session:
        session.wait_for(on.waiting("warm").expected)
        yield lambda: _command(place, "query", "Quantity.SUM", "--by", "Date")


@contextlib.contextmanager
def _cli_help(on: Bench, program: Program) -> Iterator[Sample]:
    """The CPU of a command that does nothing."""
    with on.place(program) as place:
        yield lambda: _command(place, "--help")


def _command(place: ProgramPlace, *arguments: str) -> Taken:
    """Only the CPU of a command is looked at."""
    took_s = median(cpu_s(place, list(arguments)) for _ in range(COMMANDS))
    return Taken(took_s, took_s)


ROWS: Mapping[str, Callable[[Bench, Program], AbstractContextManager[Sample]]] = {
    "one-file": partial(_loads, "big"),
    "many-rows": partial(_loads, "many"),
    "burst": partial(_loads, "small"),
    "arrival": _arrival,
    "restart": _restart,
    "correction": _correction,
    "query": _query,
    "up": _up,
    "cli-query": _cli_query,
    "cli-help": _cli_help,
}
"""one-file: 1M rows · many-rows, restart, query, correction: 4M rows in 40 files · burst: 10,000 files of 10 rows ·
arrival: one file beside 1,000 · up: everything, on a new state · cli: the CPU of a command."""
DEFAULT = ("one-file", "many-rows", "burst", "arrival", "restart")


@dataclass(frozen=True)
class Compared:
    """What one row took, pair by pair."""

    name: str
    old: list[Taken]
    new: list[Taken]

    def line(self) -> str:
        """The row in words."""
        new_s, old_s = (median(each.wall_s for each in side) for side in (self.new, self.old))
        wall = judged([new.wall_s / old.wall_s for old, new in zip(self.old, self.new, strict=True)], of="new/old")
        line = f"{self.name}: {wall} ({new_s:.3g} s, {old_s:.3g} s before; {len(self.new)} pairs)"
        if self.name.startswith("cli-") or not all(each.cpu_s for each in self.old):  # finer than its clock
            return line
        return f"{line}; CPU {judged([new.cpu_s / old.cpu_s for old, new in zip(self.old, self.new, strict=True)])}"


def judged(ratios: Sequence[float], *, of: str = "") -> str:
    """The median of the ratios, their quartiles and the verdict."""
    low, ratio, high = quantiles(ratios, n=4, method="inclusive")
    return f"{ratio:.3f}{of and ' '}{of}, quartiles {low:.3f}–{high:.3f}, {verdict(ratios)}"


def verdict(ratios: Sequence[float]) -> str:
    """What the ratios of the pairs say."""
    if len(ratios) < ENOUGH_PAIRS:
        return f"not decided: a verdict takes {ENOUGH_PAIRS} pairs"
    low, ratio, high = quantiles(ratios, n=4, method="inclusive")
    if high - low >= abs(ratio - BOUND):
        return f"not decided: the spread is wider than the distance to {BOUND}"
    if ratio > BOUND:
        return "slower"
    return "faster" if high - low < 1 - ratio else "not slower"


def compare(name: str, on: Bench, old: Program, new: Program, *, pairs: int) -> Compared:
    """Measure one row of both, in turn, after a first sample of each that does not count."""
    found: tuple[list[Taken], list[Taken]] = ([], [])
    with contextlib.ExitStack() as stack:
        samples = [stack.enter_context(ROWS[name](on, program)) for program in (old, new)]
        for pair in range(pairs + 1):
            for sample, its in zip(samples, found, strict=True):
                taken = sample()
                if pair > 0:
                    its.append(taken)
    return Compared(name, *found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare what was asked for. Returns the exit code."""
    parser = argparse.ArgumentParser(description="This working tree against another commit.")
    parser.add_argument("commit", help="a commit, branch or tag")
    parser.add_argument("--only", nargs="+", choices=ROWS, default=DEFAULT, metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--pairs", type=int, default=PAIRS, help="runs of each side; at least 2")
    parser.add_argument("--scale", type=float, default=1.0, help="of all sizes")
    parser.add_argument("--quick", dest="scale", action="store_const", const=QUICK, help="a tenth of the sizes")
    given = parser.parse_args(arguments)
    if given.pairs < 2:
        parser.error("--pairs: two pairs at least have a spread")
    try:
        with (
            programs(given.commit) as (old, new),
            tempfile.TemporaryDirectory(prefix="cubefeed-bench-", ignore_cleanup_errors=True) as root,
        ):
            say(f"old: {old.name}, new: {new.name}")
            on = Bench(Path(root), given.scale)
            measured = [_print(name, on, old, new, given.pairs) for name in given.only]
    except CheckoutError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0 if all(measured) else 1


def _print(name: str, on: Bench, old: Program, new: Program, pairs: int) -> bool:
    """Measure a row and print its line. Returns whether it was measured; one that fails leaves the others alone."""
    began = time.monotonic()
    say(f"{name} …")
    try:
        line, measured = compare(name, on, old, new, pairs=pairs).line(), True
    except Exception as error:
        say(traceback.format_exc())
        line, measured = f"{name}: {NOT_MEASURED}{cause_of(error)}", False
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
    say(f"  ({time.monotonic() - began:.0f} s)")
    return measured


def _end(number: int, _: object) -> None:
    sys.exit(128 + number)  # through all that removes what was made


if __name__ == "__main__":
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, _end)
    sys.exit(main())
