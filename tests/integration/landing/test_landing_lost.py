"""A landing directory that is not the one that it was: what is missing from it is gone only where that is sure."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from flows.model.policies import Keep, Unload
from flows.settings import Observer
from tests.integration.landing.lost_directories import ALL, RENUMBERED, doubt_of, fill, mounted, renumber
from tests.integration.live_feed import Start, ask, live, sales


@pytest.fixture(autouse=True)
def in_short_times(quick: None) -> None:
    """All of these wait for what is missing."""


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


@pytest.mark.slow
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
