"""When a file counts as deleted, and when its directory may be another one, on a clock that the test turns."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.landing import missing_files as missing
from flows.model.policies import Unload
from tests.unit.landing.box import Box


def test_a_file_is_gone_when_it_was_missing_for_a_while(make: Callable[..., Box]) -> None:
    box = make()
    box.load("a.csv", "b.csv")
    (box.directory / "a.csv").unlink()
    box.hear("a.csv")
    box.pass_s(missing.GONE_S / 2)
    assert box.take().deleted == ()
    box.pass_s(missing.GONE_S)
    assert box.take().deleted == (b"a.csv",)
    box.hear("a.csv")
    assert box.take().deleted == ()
    box.record({}, [b"a.csv"])
    box.pass_s(missing.GONE_S)
    assert box.take().deleted == ()
    assert box.list_waiting() == {}


def test_a_file_that_comes_back_in_time_is_not_gone(make: Callable[..., Box]) -> None:
    box = make()
    box.load("a.csv", "b.csv")
    (box.directory / "a.csv").rename(box.directory / "away")
    box.hear("a.csv")
    box.pass_s(missing.GONE_S / 2)
    (box.directory / "away").rename(box.directory / "a.csv")
    box.pass_s(missing.GONE_S)
    assert box.take().deleted == ()


def test_only_a_new_name_that_still_settles_keeps_a_file_from_being_gone(make: Callable[..., Box]) -> None:
    box = make()
    box.settling.settle_s = 1.5
    box.load("a.csv", "b.csv", "c.csv")
    box.pass_s(1)
    box.record({landed.path: landed.signature for landed in box.take().settled}, ())
    (box.directory / "a.csv").unlink()
    (box.directory / "b.csv").rename(box.directory / "new.csv")
    box.rescan()
    box.pass_s(missing.GONE_S)
    box.put("busy.csv")
    assert box.take().deleted == (b"a.csv",)
    box.pass_s(0.5)
    found = box.take()
    assert [landed.path for landed in found.settled] == [b"new.csv"]
    assert found.missing == (b"b.csv",)


def test_the_last_files_of_a_directory_are_never_gone_where_that_would_unload_them(make: Callable[..., Box]) -> None:
    box = make(when_deleted=Unload())
    box.load("a.csv", "b.csv")
    for name in ("a.csv", "b.csv"):
        (box.directory / name).unlink()
        box.hear(name)
    box.pass_s(missing.GONE_S * 2)
    assert box.take().deleted == ()
    assert "empty" in str(box.problem)


def test_a_directory_that_was_seen_with_files_was_emptied_where_their_rows_stay(make: Callable[..., Box]) -> None:
    box = make()
    box.load("a.csv", "b.csv")
    for name in ("a.csv", "b.csv"):
        (box.directory / name).unlink()
        box.hear(name)
    box.pass_s(missing.GONE_S * 2)
    assert set(box.take().deleted) == {b"a.csv", b"b.csv"}
    assert box.problem is None


def test_an_empty_directory_that_was_never_seen_with_its_files_may_be_an_unmounted_one(
    make: Callable[..., Box], tmp_path: Path
) -> None:
    before = make()
    before.load("a.csv")
    (before.directory / "a.csv").unlink()
    box = make(recorded=before._recorded)
    box.rescan()
    box.pass_s(missing.GONE_S * 2)
    assert box.take().deleted == ()
    assert "empty, as an unmounted one is, and 1 file was there" in str(box.problem)
    tmp_path.rename(tmp_path.with_name(f"{tmp_path.name}-unmounted"))
    tmp_path.mkdir()
    before.rescan()
    before.pass_s(missing.GONE_S * 2)
    assert before.take().deleted == () and "empty" in str(before.problem)


def test_another_file_system_without_any_of_the_files_says_nothing_of_them(
    make: Callable[..., Box], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = make()
    box.load("a.csv", "b.csv")
    (tmp_path / "away").mkdir()
    for name in ("a.csv", "b.csv"):
        (box.directory / name).rename(tmp_path / "away" / name)
    box.put("c.csv")
    real, root = os.fstat, os.stat(box.root).st_ino

    def fstat(file: int) -> Any:
        found = real(file)
        return SimpleNamespace(st_dev=-1, st_ino=found.st_ino) if found.st_ino == root else found

    with monkeypatch.context() as patched:
        patched.setattr(os, "fstat", fstat)
        box.rescan()
        box.pass_s(missing.GONE_S * 2)
        assert box.take().deleted == ()
        assert "another file system" in str(box.problem)
        (tmp_path / "away" / "a.csv").rename(box.directory / "a.csv")
        box.rescan()
        assert box.problem is None
        box.pass_s(missing.GONE_S * 2)
        assert box.take().deleted == (b"b.csv",)


@pytest.mark.parametrize("mount_point", ["left", "removed"])
def test_a_file_system_that_was_mounted_below_and_is_not_any_more_says_nothing_of_its_files(
    make: Callable[..., Box], mount_point: str
) -> None:
    box = make(recursive=True, when_deleted=Unload())
    shop = box.directory / "shop"
    shop.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "cubefeed-test", shop], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.strip()}")
    try:
        box.load("a.csv", "b.csv", "shop/c.csv")
        box.rescan()
    finally:
        subprocess.run(["umount", shop], check=True)
    if mount_point == "removed":
        shop.rmdir()
    (box.directory / "b.csv").unlink()
    box.rescan()
    box.pass_s(missing.GONE_S * 2)
    assert box.take().deleted == ()
    assert str(box.problem).startswith("shop/ is on another file system now, with none of its 1 files; nothing is")
    shop.mkdir(exist_ok=True)
    (shop / "c.csv").write_bytes(b"ID\n2\n")
    box.rescan()
    box.pass_s(missing.GONE_S * 2)
    assert (box.take().deleted, box.problem) == ((b"b.csv",), None)


def test_a_directory_that_was_removed_with_its_files_is_gone(make: Callable[..., Box]) -> None:
    box = make(recursive=True, when_deleted=Unload())
    (box.directory / "shop").mkdir()
    box.load("a.csv", "shop/c.csv")
    box.rescan()
    (box.directory / "shop" / "c.csv").unlink()
    (box.directory / "shop").rmdir()
    box.rescan()
    box.pass_s(missing.GONE_S * 2)
    assert (box.take().deleted, box.problem) == ((b"shop/c.csv",), None)
