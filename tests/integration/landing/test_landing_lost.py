"""A landing directory that is not the one that it was: what is missing from it is gone only where that is sure."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli.main import app
from flows.errors import RequestFailed, StateError
from flows.model.policies import Keep, Unload
from flows.settings import Observer
from tests.integration.live_feed import LiveFeed, ask, live, sales

type Start = Callable[..., LiveFeed]

ALL = {1: 1, 2: 2, 3: 3, 4: 4}


@pytest.fixture(autouse=True)
def in_short_times(quick: None) -> None:
    """All of these wait for what is missing."""


def fill(living: LiveFeed) -> None:
    for number in ALL:
        living.put(f"{number}.csv", sales(number, start=number))
    living.wait_for(ALL)


@contextmanager
def mounted(at: Path, *arguments: str | Path) -> Iterator[None]:
    """A file system mounted at a directory; the test is skipped where that is not allowed."""
    done = subprocess.run(["mount", *arguments, at], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", at], check=True)


OTHER = 999_999
RENUMBERED = {"reboot": (OTHER, OTHER), "remount": (OTHER, None), "container": (None, OTHER)}
"""What is another number then, of the device and the inode."""


def renumber(root: Path, how: str = "reboot") -> None:
    """Have another number of the directory remembered than it has, as after a reboot, a new mount, or in a container
    whose layers were copied."""
    with closing(sqlite3.connect(root / "state" / "ledger.db")) as ledger:
        (kept,) = ledger.execute("SELECT volumes FROM datasets").fetchone()
        ((path, *numbers),) = json.loads(kept)
        other = [new or old for new, old in zip(RENUMBERED[how], numbers, strict=True)]
        ledger.execute("UPDATE datasets SET volumes = ?", [json.dumps([[path, *other]])])
        ledger.commit()


def doubt_of(living: LiveFeed, words: str) -> None:
    """Wait until what is missing is in doubt, and see that people are told, with the way out."""
    living.wait_until(lambda: words in (living.status()["problem"] or ""))
    assert "cubefeed landing accept sales" in living.status()["problem"]
    assert any(words in complaint for complaint in living.complaints())


@pytest.mark.parametrize("how", [Unload(), Keep()], ids=["Unload", "Keep"])
@pytest.mark.parametrize("kind", ["tmpfs", "bind"])
def test_a_mount_that_is_away_at_the_start_takes_nothing_along_although_a_file_lands_in_its_mount_point(
    observer: Observer, tmp_path: Path, kind: str, how: Unload | Keep
) -> None:
    landing, disk = tmp_path / "landing", tmp_path / "disk"
    for directory in (landing, disk):
        directory.mkdir()
    arguments = ("-t", "tmpfs", "cubefeed-test") if kind == "tmpfs" else ("--bind", disk)
    with mounted(landing, *arguments):
        with live(tmp_path, observer, when_deleted=how) as living:
            fill(living)
        kept = {file.name: file.read_bytes() for file in landing.iterdir()}
        times = {file.name: file.stat().st_mtime_ns for file in landing.iterdir()}
    for name in ("new.csv", "newer.csv", "newest.csv", "last.csv"):
        (landing / name).write_bytes(sales(9, start=len(name)))
    with live(tmp_path, observer, when_deleted=how) as living:
        living.wait_for(ALL | {7: 9, 9: 9, 10: 9, 8: 9})
        doubt_of(living, "now, with none of its 4 files")
    with live(tmp_path, observer, when_deleted=how) as living:  # as many as are missing have landed: it is no other
        doubt_of(living, "now, with none of its 4 files")
        assert living.quantities() == ALL | {7: 9, 9: 9, 10: 9, 8: 9}
    with mounted(landing, *arguments):
        for name, body in kept.items():
            (landing / name).write_bytes(body)
            os.utime(landing / name, ns=(times[name], times[name]))
        with live(tmp_path, observer, when_deleted=how) as living:
            living.wait_until(
                lambda: living.outcome_states("new.csv") == ["gone" if isinstance(how, Keep) else "unloaded"]
            )
            living.wait_for(ALL if isinstance(how, Unload) else ALL | {7: 9, 9: 9, 10: 9, 8: 9})
            assert living.status()["problem"] is None


def test_a_mount_that_goes_away_while_running_takes_nothing_along(start: Start, tmp_path: Path) -> None:
    (tmp_path / "landing").mkdir()
    with mounted(tmp_path / "landing", "-t", "tmpfs", "cubefeed-test"):
        living = start(when_deleted=Unload())
        fill(living)
        with mounted(tmp_path / "landing", "-t", "tmpfs", "cubefeed-test"):
            living.put("5.csv", sales(5, start=5))
            living.wait_for(ALL | {5: 5})
            doubt_of(living, "another file system now, with none of its 4 files")
        living.wait_for(ALL)
        living.wait_until(lambda: living.status()["problem"] is None)


@pytest.mark.parametrize("how", RENUMBERED)
def test_another_device_or_inode_alone_decides_nothing(
    observer: Observer, tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        fill(living)
    renumber(tmp_path, how)
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        living.look()
        assert living.quantities() == ALL and living.status()["problem"] is None
        assert not [name for name in ALL if living.outcome_states(f"{name}.csv")]
        (living.landing / "1.csv").unlink()
        living.wait_for({2: 2, 3: 3, 4: 4})
    assert "waiting, because" not in caplog.text


@pytest.mark.parametrize("how", RENUMBERED)
def test_after_a_reboot_what_is_missing_is_gone_where_most_files_are_there(
    observer: Observer, tmp_path: Path, how: str
) -> None:
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        fill(living)
    renumber(tmp_path, how)
    for number in (1, 2):
        (tmp_path / "landing" / f"{number}.csv").unlink()
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        living.wait_for({3: 3, 4: 4})
        assert living.status()["problem"] is None


def test_after_a_reboot_nothing_is_gone_where_most_files_are_missing_until_somebody_says_so(
    observer: Observer, tmp_path: Path
) -> None:
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        fill(living)
    renumber(tmp_path)
    for number in (1, 2, 3):
        (tmp_path / "landing" / f"{number}.csv").unlink()
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        doubt_of(living, "now, with 1 of its 4 files")
        assert living.quantities() == ALL
        ask(living, "unload", paths=["1.csv", "2.csv"])
        living.wait_for({4: 4})
        living.wait_until(lambda: living.status()["problem"] is None)


def emptied(landing: Path) -> None:
    """Take all files away."""
    for file in landing.iterdir():
        file.unlink()


def made_anew(landing: Path) -> None:
    """Archive the directory, and make another one with a new file."""
    landing.rename(landing.with_name("archive"))
    landing.mkdir()
    (landing / "5.csv").write_bytes(sales(5, start=5))


@pytest.mark.parametrize("how", [Unload(), Keep()], ids=["Unload", "Keep"])
def test_a_directory_made_anew_is_right_once_a_person_says_so(
    observer: Observer, tmp_path: Path, how: Unload | Keep
) -> None:
    with live(tmp_path, observer, when_deleted=how) as living:
        fill(living)
        made_anew(living.landing)
        living.wait_for(ALL | {5: 5})
        doubt_of(living, "none of its 4 files")
        left = ask(living, "accept", dry_run=True)
        assert {file["file"] for file in left["files"]} == {f"{number}.csv" for number in ALL}
        living.inbox.rescan()
        doubt_of(living, "none of its 4 files")
        assert ask(living, "accept")["file_count"] == 4
        living.wait_for({5: 5} if isinstance(how, Unload) else ALL | {5: 5})
        living.wait_until(lambda: living.status()["problem"] is None)
    with live(tmp_path, observer, when_deleted=how) as living:
        living.look()
        assert living.status()["problem"] is None


def test_an_emptied_directory_is_right_once_a_person_says_so(observer: Observer, tmp_path: Path) -> None:
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        fill(living)
        emptied(living.landing)
        doubt_of(living, "the directory is empty")
        ask(living, "accept")
        living.wait_for({})
        living.wait_until(lambda: living.status()["problem"] is None)


def test_a_directory_that_is_away_is_not_accepted(observer: Observer, tmp_path: Path) -> None:
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        fill(living)
        living.landing.rename(tmp_path / "away")
        with pytest.raises(RequestFailed, match="because the directory does not exist"):
            ask(living, "accept")
        (tmp_path / "away").rename(living.landing)
        living.wait_until(lambda: living.status()["problem"] is None)
        assert living.quantities() == ALL


def accept_while_down(root: Path, *options: str) -> Result:
    """`cubefeed landing accept` where nothing runs."""
    command = ["landing", "accept", f"{root / 'declaration.py'}:CHOSEN", "--state", str(root / "state"), *options]
    return CliRunner(env={"CUBEFEED_LANDING": str(root / "landing")}).invoke(app, command)


def test_a_directory_made_anew_while_nothing_runs_is_accepted_for_the_next_session(
    observer: Observer, tmp_path: Path
) -> None:
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        fill(living)
    made_anew(tmp_path / "landing")
    done = accept_while_down(tmp_path, "--dry-run")
    assert "would be accepted as it is now, with 4 known files not in it" in done.stdout
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        doubt_of(living, "none of its 4 files")
    done = accept_while_down(tmp_path, "--format", "json")
    assert [file["file"] for file in json.loads(done.stdout)] == [f"{number}.csv" for number in ALL]
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        living.wait_for({5: 5})
        assert living.status()["problem"] is None


def test_where_no_ledger_is_nothing_is_accepted_and_nothing_is_made(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["landing", "accept", "sales", "--state", str(tmp_path / "mistyped")])
    assert isinstance(done.exception, StateError) and "There is no ledger here" in str(done.exception)
    assert not list(tmp_path.iterdir())


def test_an_empty_directory_is_accepted_by_a_session_only(observer: Observer, tmp_path: Path) -> None:
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        fill(living)
    emptied(tmp_path / "landing")
    done = accept_while_down(tmp_path)
    assert isinstance(done.exception, RequestFailed)
    assert "start a session, then cubefeed landing accept" in str(done.exception)
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        doubt_of(living, "the directory is empty")


@pytest.mark.parametrize("how", ["moved", "copied"])
def test_a_directory_that_was_made_again_with_its_files_is_accepted_in_silence(
    observer: Observer, tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    landing = tmp_path / "landing"
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        fill(living)
    landing.rename(tmp_path / "old")
    if how == "copied":
        shutil.copytree(tmp_path / "old", landing)
    else:
        landing.mkdir()
        for file in (tmp_path / "old").iterdir():
            file.rename(landing / file.name)
    (landing / "1.csv").unlink()
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        living.wait_for({2: 2, 3: 3, 4: 4})
    assert "waiting, because" not in caplog.text


def test_files_deleted_while_down_are_unloaded_once_the_same_directory_is_not_empty(
    observer: Observer, tmp_path: Path
) -> None:
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        fill(living)
    for number in ALL:
        (tmp_path / "landing" / f"{number}.csv").unlink()
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        doubt_of(living, "the directory is empty")
        assert living.quantities() == ALL
        living.put("5.csv", sales(5, start=5))
        living.wait_for({5: 5})
        living.wait_until(lambda: living.status()["problem"] is None)


@pytest.mark.parametrize("how", [Unload(), Keep()], ids=["Unload", "Keep"])
def test_a_link_that_is_turned_to_another_directory_takes_nothing_along(
    start: Start, tmp_path: Path, how: Unload | Keep
) -> None:
    for volume in ("one", "two"):
        (tmp_path / volume).mkdir()
    (tmp_path / "landing").symlink_to("one")
    living = start(when_deleted=how)
    fill(living)
    (tmp_path / "landing").unlink()
    (tmp_path / "landing").symlink_to("two")
    living.put("5.csv", sales(5, start=5))
    living.wait_for(ALL | {5: 5})
    doubt_of(living, "another directory now, with none of its 4 files")
    assert living.state_of("1.csv") == "loaded"
    (tmp_path / "landing").unlink()
    (tmp_path / "landing").symlink_to("one")
    living.wait_until(lambda: living.outcome_states("5.csv")[-1] == ("gone" if isinstance(how, Keep) else "unloaded"))
    assert living.quantities() == (ALL if isinstance(how, Unload) else ALL | {5: 5})
    assert living.status()["problem"] is None


def test_a_file_system_below_the_landing_directory_that_is_away_at_the_start_takes_nothing_along(
    observer: Observer, tmp_path: Path
) -> None:
    shop = tmp_path / "landing" / "shop"
    shop.mkdir(parents=True)
    with (
        mounted(shop, "-t", "tmpfs", "cubefeed-test"),
        live(tmp_path, observer, when_deleted=Unload(), recursive=True) as living,
    ):
        living.put("1.csv", sales(1))
        living.put("shop/2.csv", sales(2, start=2))
        living.wait_for({1: 1, 2: 2})
    (shop / "3.csv").write_bytes(sales(3, start=3))
    with live(tmp_path, observer, when_deleted=Unload(), recursive=True) as living:
        living.wait_for({1: 1, 2: 2, 3: 3})
        doubt_of(living, "shop/ is on another file system now, with none of its 1 files")


@pytest.mark.parametrize("how", [Unload(), Keep()], ids=["Unload", "Keep"])
def test_a_directory_that_is_made_again_takes_nothing_along_though_it_has_the_number_of_the_old_one(
    start: Start, how: Unload | Keep
) -> None:
    living = start(when_deleted=how)
    fill(living)
    before = living.landing.stat().st_ino
    shutil.rmtree(living.landing)
    living.wait_until(lambda: living.status()["problem"] == "the directory does not exist")
    made: list[Path] = []
    while not made or (made[-1].stat().st_ino != before and len(made) < 100):
        made.append(living.landing.with_name(f"made-{len(made)}"))
        made[-1].mkdir()
    made[-1].rename(living.landing)
    living.put("5.csv", sales(5, start=5))
    living.wait_for(ALL | {5: 5})
    doubt_of(living, "none of its 4 files")
    assert "gone" not in living.outcome_states("1.csv")


def test_a_directory_that_comes_in_doubt_while_the_ledger_is_locked_degrades_its_dataset_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The doubt cannot be remembered then; to wait for that would stop the looks at all datasets."""
    monkeypatch.setattr("flows.ingest.dataset_state.RETRY_S", 0.2)
    with live(tmp_path, "polling", when_deleted=Unload()) as living:
        fill(living)
        with closing(sqlite3.connect(living.feed.ledger.file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for file in living.landing.iterdir():
                file.unlink()
            living.wait_until(lambda: "locked" in (living.status()["degraded"] or ""))
            other.execute("COMMIT")
        doubt_of(living, "the directory is empty")
        living.put("5.csv", sales(5, start=5))
        living.wait_for_state("5.csv", "loaded")


def test_another_directory_corrects_no_file_of_the_same_name_until_a_person_says_that_it_is_right(
    observer: Observer, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for number in ALL:
        (other / f"{number}.csv").write_bytes(sales(100, start=number))
    (other / "5.csv").write_bytes(sales(5, start=5))
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        fill(living)
        living.landing.rename(tmp_path / "archive")
        living.landing.symlink_to(other)
        living.wait_for(ALL | {5: 5})
        doubt_of(living, "another directory now, with none of its 4 files")
        waits = living.inbox.list_waiting()
        assert waits and all("cubefeed landing accept sales" in why for why in waits.values())
        assert living.quantities() == ALL | {5: 5}
        ask(living, "accept")
        living.wait_for({**dict.fromkeys(ALL, 100), 5: 5})
        living.wait_until(lambda: living.status()["problem"] is None)
        living.landing.unlink()


def test_another_directory_with_most_files_as_they_were_is_the_same_one(observer: Observer, tmp_path: Path) -> None:
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        fill(living)
    renumber(tmp_path, "container")
    (tmp_path / "landing" / "1.csv").write_bytes(sales(100))
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        living.wait_for(ALL | {1: 100})
        assert living.status()["problem"] is None
