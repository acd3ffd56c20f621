"""This working tree against another commit, at sizes so small that the figures say nothing."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.bench import against
from tests.bench.against import Bench, Compared, Taken, main, verdict
from tests.bench.apart import ROOT
from tests.bench.checkouts import LOCK, Program, python_for
from tests.conftest import Note
from tests.waiting import until

TINY = ("--scale", "0.001", "--pairs", "2")
LINE = re.compile(r"^([a-z-]+): \d+\.\d{3} new/old, quartiles \d+\.\d{3}–\d+\.\d{3}, .+ pairs\)(; CPU .+)?$")


def git(*arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(("git", "-C", str(ROOT), *arguments), capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        return subprocess.CompletedProcess(arguments, 1, "", str(error))


needs_history = pytest.mark.skipif(git("rev-parse", "HEAD").returncode != 0, reason="no git history is here")


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """Where all that a run makes lies; nothing of it is there afterwards, in git neither."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    yield scratch
    assert list(scratch.iterdir()) == []
    assert str(scratch) not in git("worktree", "list", "--porcelain").stdout
    left = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and str(scratch) in str(process.environ()):
                left.append(process)
    for process in left:
        process.kill()
    assert not left


def start(scratch: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        (sys.executable, "-m", "tests.bench.against", *arguments),
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@needs_history
@pytest.mark.deep
def test_a_commit_is_measured_against_the_working_tree(scratch: Path, note: Note) -> None:
    with start(scratch, "HEAD", "--only", "arrival", "cli-help", *TINY) as run:
        printed, _ = run.communicate()
    assert run.returncode == 0, printed
    lines = [line for line in printed.splitlines() if LINE.match(line)]
    assert [line.split(":")[0] for line in lines] == ["arrival", "cli-help"], printed
    note("\n".join(lines))


@needs_history
@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.deep)])
def test_a_run_that_is_ended_leaves_nothing(scratch: Path, how: signal.Signals) -> None:
    with start(scratch, "HEAD", "--only", "one-file", *TINY) as run:
        assert run.stdout is not None
        for line in run.stdout:
            if line.startswith("one-file"):
                break
        until(lambda: list(scratch.glob("*/*/state/owner.json")), what="a session of it runs")
        run.send_signal(how)
        run.stdout.read()
    assert run.returncode == 128 + how


def test_a_commit_that_is_not_there_is_named(scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no-such-commit"]) == 1
    assert "no-such-commit" in capsys.readouterr().err


def test_a_row_that_fails_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = Program("broken", Path(sys.executable), tmp_path)
    assert not against._print("cli-query", Bench(tmp_path), broken, broken, 2)
    assert capsys.readouterr().out.startswith("cli-query: not measured: RuntimeError: ")


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [
        ([1.30, 1.29, 1.31, 1.30, 1.28], "slower"),
        ([1.00, 1.01, 0.99, 1.00, 1.02], "not slower"),
        ([0.80, 0.82, 0.79, 0.80, 0.90], "faster"),
        ([0.98, 0.99, 0.97, 1.00, 0.96], "not slower"),
        ([1.00, 1.20, 0.90, 0.95, 1.10], "not decided"),
        ([1.06, 1.07, 1.05, 1.06, 1.07], "not decided"),
        ([0.50, 0.50], "not decided"),
    ],
)
def test_a_verdict_needs_a_spread_that_is_smaller_than_the_distance_to_the_bound(
    ratios: list[float], expected: str
) -> None:
    assert verdict(ratios).split(":")[0] == expected


def test_a_ratio_is_of_a_pair() -> None:
    old = [Taken(2.0**n, 1.0) for n in range(5)]
    drifting = Compared("burst", old, [Taken(1.1 * each.wall_s, 0.9) for each in old])
    assert drifting.line() == (
        "burst: 1.100 new/old, quartiles 1.100–1.100, slower (4.4 s, 4 s before; 5 pairs); "
        "CPU 0.900, quartiles 0.900–0.900, faster"
    )


def test_a_commit_with_the_same_lock_uses_the_same_environment(tmp_path: Path) -> None:
    same = tmp_path / "same.lock"
    same.write_bytes((ROOT / LOCK).read_bytes())
    assert python_for(same, cache=tmp_path) == Path(sys.executable)


@pytest.mark.deep
def test_another_lock_gets_an_environment_that_is_made_once(tmp_path: Path) -> None:
    (tmp_path / "other.lock").write_text("# no packages\n")
    python = python_for(tmp_path / "other.lock", cache=tmp_path / "cache")
    made = (python.parents[1] / ".ready").stat().st_mtime_ns
    assert subprocess.run((python, "-c", "import polars"), capture_output=True, check=False).returncode == 1
    assert python_for(tmp_path / "other.lock", cache=tmp_path / "cache") == python
    assert (python.parents[1] / ".ready").stat().st_mtime_ns == made


@needs_history
@pytest.mark.deep
@pytest.mark.timeout(1500)
def test_every_row_is_measured(scratch: Path, note: Note) -> None:
    with start(scratch, "HEAD", "--only", *against.ROWS, "--scale", "0.02", "--pairs", "5") as run:
        printed, _ = run.communicate()
    lines = [line for line in printed.splitlines() if LINE.match(line)]
    assert run.returncode == 0 and len(lines) == len(against.ROWS), printed
    note("\n".join(lines))
