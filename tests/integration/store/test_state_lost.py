"""A state directory that is spoilt, replaced or taken away beneath the program."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.errors import StateError
from flows.ingest import dataset_state
from flows.runtime.health import Health
from flows.store.state_directory import StateDirectory
from tests.integration.live_feed import DECLARATION, live, sales
from tests.repository import ROOT

REPLACED: dict[str, Callable[[StateDirectory], object]] = {
    "the lock is removed": lambda state: state.lock_file.unlink(),
    "another lock lies there": lambda state: replace(state.lock_file),
    "the ledger is removed": lambda state: state.ledger.unlink(),
    "another ledger lies there": lambda state: replace(state.ledger),
    "a copy lies there": lambda state: replace(state.root),
}


def replace(path: Path) -> None:
    """Put a copy in the place of a file or directory."""
    copy = path.with_name(f"{path.name}-copy")
    shutil.copytree(path, copy) if path.is_dir() else shutil.copy2(path, copy)
    path.rename(path.with_name(f"{path.name}-away"))
    copy.rename(path)


def cubefeed(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    command = [sys.executable, "-m", "flows.cli.main", *arguments, "--state", str(state)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def replace_beneath_a_session(root: Path, change: Callable[[StateDirectory], object]) -> None:
    """Keep files live until something ends that."""
    with live(root, "native") as living:
        living.put("a.csv", sales(1))
        living.wait_for({1: 1})
        change(StateDirectory(root / "state"))
        living.put("b.csv", sales(2, start=2))
        living.wait_until(lambda: False)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("how", REPLACED)
def test_a_session_whose_state_directory_is_replaced_does_not_go_on(tmp_path: Path, how: str) -> None:
    with pytest.raises(StateError, match=r"is not what this session has opened.*start again"):
        replace_beneath_a_session(tmp_path, REPLACED[how])


def test_a_session_that_had_to_end_says_once_what_to_do() -> None:
    health = Health()
    health.fail("detecting files", StateError("The state directory is another", next_step="put it back"))
    assert str(health.end_error()).count("Next:") == 1 and "put it back" in health.end_error().next_step


@pytest.mark.usefixtures("quick")
def test_an_owner_leaves_the_name_of_the_next_one_where_it_is(tmp_path: Path) -> None:
    first, second = StateDirectory(tmp_path), StateDirectory(tmp_path)
    with first.owned():
        first.lock_file.unlink()
        with second.owned():
            second.owner_file.write_text("the second one's")
            first_name = second.owner_file.read_text()
        second.owner_file.write_text(first_name)
    assert second.owner_file.exists()


@pytest.mark.usefixtures("quick")
def test_a_state_directory_that_is_away_degrades_and_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_state, "RETRY_S", 0.2)
    state, away = tmp_path / "state", tmp_path / "away"
    with live(tmp_path, "native") as living:
        living.put("a.csv", sales(1))
        living.wait_for({1: 1})
        state.rename(away)
        living.put("refused.csv", b"ID,Date,Product,Quantity\n1,x,phone,y\n")
        living.put("b.csv", sales(2, start=2))
        living.wait_until(lambda: "The state directory is gone" in (living.dataset_state.degraded or ""))
        assert not state.exists()
        away.rename(state)
        living.wait_for({1: 1, 2: 2})
        living.wait_for_state("refused.csv", "quarantined")
        living.wait_until(lambda: living.dataset_state.degraded is None)


@pytest.mark.usefixtures("quick")
def test_directories_in_the_state_directory_that_are_removed_are_made_again(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "state")
    with live(tmp_path, "native") as living:
        for directory in (state.segments, state.quarantine):
            shutil.rmtree(directory)
        living.put("a.csv", sales(1))
        living.put("refused.csv", b"ID,Date,Product,Quantity\n1,x,phone,y\n")
        living.wait_for({1: 1})
        living.wait_for_state("refused.csv", "quarantined")
    assert any(state.segments.glob("*.parquet"))
    assert any(state.quarantine.rglob("report.json"))


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_a_command_says_what_it_cannot_use_and_what_to_do(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "state")
    with live(tmp_path, "native") as living:
        living.put("refused.csv", b"ID,Date,Product,Quantity\n1,x,phone,y\n")
        living.wait_for_state("refused.csv", "quarantined")
        (report,) = state.quarantine.rglob("report.json")
        report.unlink()
        report.mkdir()
        (state.root / "askers").touch()
        for command in ("findings", "verify"):
            done = cubefeed(state.root, command)
            assert done.returncode == 1
            assert "cannot be used" in done.stderr and "Next:" in done.stderr and "Traceback" not in done.stderr
        (state.root / "askers").unlink()


@pytest.mark.slow
def test_a_session_that_cannot_use_its_state_says_so_and_keeps_why(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "state")
    state.create()
    state.quarantine.touch()
    (tmp_path / "landing").mkdir()
    declaration = tmp_path / "declaration.py"
    declaration.write_text(DECLARATION.format(options=f"landing={os.fspath(tmp_path / 'landing')!r}"), encoding="utf-8")
    done = cubefeed(state.root, "watch", "--dataset", f"{declaration}:CHOSEN")
    assert done.returncode == 1
    assert str(state.quarantine) in done.stderr and "Next:" in done.stderr and "Traceback" not in done.stderr
    end = state.last_end()
    assert end is not None and str(state.quarantine) in end.why
