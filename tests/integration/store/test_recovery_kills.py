"""kill -9 before the durable steps of a restore, a migration, a compaction and a mending."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from flows.datasets.sales import SALES
from flows.errors import StateError
from flows.store.backup import backups_in, defect, make_backup
from flows.store.restore import restore_ledger
from flows.store.state_directory import StateDirectory
from tests.conftest import Note
from tests.integration.live_feed import live, sales
from tests.integration.store.test_migrations import make, version_of
from tests.repository import ROOT

KILLS = 30
NEVER = "0"

STEPS = [
    ("restore", "INSERT INTO versions"),
    ("restore", "os.rename ledger.db.restoring"),
    ("restore", "os.rename ledger.db.restored"),
    ("migration", "os.rename .ledger.db"),
    ("migration", "ALTER TABLE segments"),
    ("migration", "PRAGMA user_version ="),
    ("compaction", "os.rename .sales"),
    ("compaction", "UPDATE versions SET"),
    ("compaction", "os.remove sales"),
    ("mending", "os.rename .sales"),
    ("mending", "INSERT INTO derived"),
    ("mending", "COMMIT"),
]
"""Three of each, in the ordinary run."""


def die(root: Path, what: str, step: str) -> tuple[int, list[str]]:
    """Do a piece of recovery in another process until a step. Returns how it ended, and the names of its steps."""
    names = root / "steps"
    arguments = [what, step, str(root / "state"), str(root / "landing"), str(names)]
    command = [sys.executable, "-m", "tests.integration.store.recovery_steps", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode, names.read_text().splitlines()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation with a backup of an earlier day."""
    root = tmp_path_factory.mktemp("filled")
    with live(root, "native") as living:
        living.put("a.csv", sales(1, 2))
        living.wait_for({1: 1, 2: 2})
        make_backup(living.feed.ledger.file, root / "state" / "backups")
        living.put("b.csv", sales(7, start=2))
        living.wait_for({1: 1, 2: 7})
        living.put("b.csv", sales(8, start=2))
        living.wait_for({1: 1, 2: 8})
        living.put("c.csv", sales(5, start=9))
        living.wait_for({1: 1, 2: 8, 9: 5})
    return root


def prepare(filled: Path, root: Path, what: str) -> dict[int, int]:
    """Make what one of the pieces has to work on. Returns what the cube must hold after it."""
    shutil.copytree(filled / "landing", root / "landing", copy_function=shutil.copy2)
    if what == "migration":
        make(root / "state" / "ledger.db")
        (root / "landing" / "c.csv").unlink()
        return {1: 1, 2: 8}
    shutil.copytree(filled / "state", root / "state")
    if what == "restore":
        ledger = root / "state" / "ledger.db"
        body = ledger.read_bytes()
        ledger.write_bytes(body[:4096] + b"\xff" * (len(body) - 4096))
    return {1: 1, 2: 8, 9: 5}


def compare(root: Path, what: str, expected: dict[int, int]) -> None:
    """Start, and compare the cube and the segments."""
    options: dict[str, Any] = {"revision": 1} if what == "mending" else {}
    with live(root, "native", **options) as living:
        living.look()
        living.wait_for(expected)
        known = living.feed.ledger.segment_files()
        there = {file.name for file in (root / "state" / "segments").iterdir() if file.is_file()}
        assert there <= known and (there == known or what == "migration"), "its segments were never there"


def check(root: Path, what: str, expected: dict[int, int]) -> None:
    """Start, after a restore where the old state is still what it was, and compare everything."""
    state = StateDirectory(root / "state")
    try:
        compare(root, what, expected)
    except StateError:  # the old ledger is still the damaged one
        assert what == "restore"
        restore_ledger(state, [SALES.table])
        compare(root, what, expected)
    assert [file.name for file in state.root.glob("ledger.db.rest*")] == []
    assert all(defect(backup.file) is None for backup in backups_in(state.backups))
    if what == "restore":
        make_backup(state.ledger, state.backups)  # which removes what a kill has left of the backup of the restore
    assert {file.suffix for file in state.backups.iterdir()} == {".db"}
    if what == "migration":  # killed between two versions, the next start keeps the one that it finds as well
        assert {2} <= {version_of(backup.file) for backup in backups_in(state.backups)} <= {2, 3}


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("what", "step"), STEPS)
def test_a_kill_before_a_durable_step_of_recovery_loses_nothing(
    filled: Path, tmp_path: Path, what: str, step: str
) -> None:
    expected = prepare(filled, tmp_path, what)
    ended, names = die(tmp_path, what, step)
    assert ended == -signal.SIGKILL, names
    check(tmp_path, what, expected)


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("os.rename ledger.db.restoring", "killed before its ledger was complete: the old state is as it was"),
        ("os.rename ledger.db.restored", "killed when its ledger was complete: that one is used"),
    ],
)
def test_the_next_start_says_which_ledger_a_killed_restore_has_left(
    filled: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, step: str, words: str
) -> None:
    prepare(filled, tmp_path, "restore")
    die(tmp_path, "restore", step)
    caplog.clear()
    with suppress(StateError), live(tmp_path, "native"):  # the old one is damaged
        pass
    assert words in caplog.text


@pytest.mark.deep
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("what", ["restore", "migration", "compaction", "mending"])
def test_thirty_kills_before_durable_steps_of_recovery_lose_nothing(
    filled: Path, tmp_path: Path, note: Note, what: str
) -> None:
    def fresh(name: str) -> Path:
        root = tmp_path / name
        root.mkdir()
        return root

    prepare(filled, whole := fresh("whole"), what)
    _, names = die(whole, what, NEVER)
    chosen = sorted({round(1 + kill * (len(names) - 1) / (KILLS - 1)) for kill in range(KILLS)})
    for step in chosen:
        root = fresh(str(step))
        expected = prepare(filled, root, what)
        ended, _ = die(root, what, str(step))
        assert ended == -signal.SIGKILL, step
        check(root, what, expected)
        shutil.rmtree(root)
    note(f"{what}: killed before {len(chosen)} of {len(names)} steps")
