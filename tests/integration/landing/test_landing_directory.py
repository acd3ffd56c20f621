"""Landing directories that are not there, are others, or cannot be read, with either observer."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flows.model.policies import Unload
from tests.integration.live_feed import Start, pause, sales


def test_a_landing_directory_that_does_not_exist_yet_is_waited_for(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "flows.landing.monitor")
    living = start(make_landing=False)
    living.wait_until(lambda: living.status()["problem"] == "the directory does not exist")
    living.wait_until(lambda: "waiting, because the directory does not exist" in caplog.text)
    living.landing.mkdir()
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    living.wait_until(lambda: living.status()["problem"] is None)


@pytest.mark.parametrize(("make", "problem"), [
    (lambda at: at.write_bytes(b"ID"), "a file is in its place"),
    (lambda at: at.symlink_to("nowhere"), "the directory is a link that leads nowhere"),
    (lambda at: at.symlink_to(at), "the directory cannot be read (Too many levels of symbolic links)"),
    (lambda at: os.mkfifo(at), "a file is in its place"),
], ids=["a file", "a link to nowhere", "a link to itself", "a pipe"])  # fmt: skip
def test_what_is_no_directory_is_waited_for_in_plain_words(
    start: Start, make: Callable[[Path], object], problem: str
) -> None:
    living = start(when_deleted=Unload())
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    shutil.rmtree(living.landing)
    make(living.landing)
    living.wait_until(lambda: living.status()["problem"] == problem)
    assert any(f"waiting, because {problem}" in complaint for complaint in living.complaints())
    assert living.quantities() == {1: 1}
    living.landing.unlink()
    living.landing.mkdir()
    living.put("b.csv", sales(2, start=2))
    living.wait_for({1: 1, 2: 2})


def test_a_landing_directory_that_is_removed_and_made_again_is_watched_again(start: Start) -> None:
    living = start(when_deleted=Unload())
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    shutil.rmtree(living.landing)
    living.wait_until(lambda: living.status()["problem"] == "the directory does not exist")
    assert living.quantities() == {1: 1}
    living.landing.mkdir()
    living.put("a.csv", sales(1))
    living.wait_until(lambda: living.status()["problem"] is None)
    living.put("b.csv", sales(2, start=2))
    living.wait_for({1: 1, 2: 2})


def test_a_landing_directory_replaced_in_an_instant_is_watched_again(start: Start) -> None:
    living = start()
    for number in range(1, 6):
        shutil.rmtree(living.landing)
        living.landing.mkdir()
        living.put(f"{number}.csv", sales(number, start=number))
        living.wait_for({each: each for each in range(1, number + 1)})


def test_a_landing_directory_moved_away_and_replaced_is_watched_again(start: Start, tmp_path: Path) -> None:
    living = start()
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    living.landing.rename(tmp_path / "old")
    living.landing.mkdir()
    living.put("b.csv", sales(2, start=2))
    living.wait_for({1: 1, 2: 2})
    living.put("c.csv", sales(3, start=3))
    living.wait_for({1: 1, 2: 2, 3: 3})


def test_an_empty_landing_directory_unloads_nothing(start: Start) -> None:
    living = start(when_deleted=Unload())
    for number in (1, 2):
        living.put(f"{number}.csv", sales(number, start=number))
    living.wait_for({1: 1, 2: 2})
    for number in (1, 2):
        (living.landing / f"{number}.csv").unlink()
    living.inbox.rescan()
    living.wait_until(lambda: "empty" in (living.status()["problem"] or ""))
    assert living.quantities() == {1: 1, 2: 2}
    living.put("1.csv", sales(1))
    living.wait_for({1: 1})
    living.wait_until(lambda: living.status()["problem"] is None)


def whole(path: Any, directory: int | None) -> Any:
    """The path that a call means which names a file in a directory that is open."""
    if directory is None or not isinstance(path, bytes):
        return path
    return os.path.normpath(os.path.join(os.readlink(os.fsencode(f"/proc/self/fd/{directory}")), path))


class Failing:
    """Makes calls that concern one path fail as a broken mount does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: Path, number: int) -> None:
        self.on = False
        for name in ("open", "stat", "lstat"):
            monkeypatch.setattr(os, name, self._wrapped(getattr(os, name), os.fsencode(path), number))

    def _wrapped(self, call: Callable[..., Any], broken: bytes, number: int) -> Callable[..., Any]:
        def wrapped(path: Any, *args: Any, dir_fd: int | None = None, **kwargs: Any) -> Any:
            if self.on and whole(path, dir_fd) == broken:
                raise OSError(number, os.strerror(number))
            return call(path, *args, dir_fd=dir_fd, **kwargs)

        return wrapped


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE], ids=["EIO", "ESTALE"])
def test_a_landing_directory_that_cannot_be_read_unloads_nothing(
    start: Start, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    living = start(when_deleted=Unload())
    for name, first in {"a.csv": 1, "b.csv": 2}.items():
        living.put(name, sales(first, start=first))
    living.wait_for({1: 1, 2: 2})
    failing = Failing(monkeypatch, living.landing, number)
    failing.on = True
    living.wait_until(lambda: os.strerror(number) in (living.status()["problem"] or ""))
    (living.landing / "b.csv").unlink()
    pause(0.25)
    assert living.quantities() == {1: 1, 2: 2}
    failing.on = False
    living.wait_for({1: 1})
    living.wait_until(lambda: living.status()["problem"] is None)


def test_of_a_nested_directory_that_cannot_be_read_nothing_is_unloaded_and_the_others_go_on(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    living = start(when_deleted=Unload(), recursive=True)
    for number in (1, 2, 3):
        (living.landing / str(number)).mkdir()
        living.put(f"{number}/a.csv", sales(number, start=number))
    living.wait_for({1: 1, 2: 2, 3: 3})
    failing = Failing(monkeypatch, living.landing / "2", errno.EIO)
    failing.on = True
    living.inbox.rescan()
    assert "2 in it cannot be read" in (living.inbox.problem or "")
    for number in (1, 3):
        living.put(f"{number}/b.csv", sales(number, start=10 + number))
    living.wait_for({1: 1, 2: 2, 3: 3, 11: 1, 13: 3})
    (living.landing / "1" / "a.csv").unlink()
    living.wait_for({2: 2, 3: 3, 11: 1, 13: 3})
    assert "2 in it cannot be read" in (living.inbox.problem or "")
    (living.landing / "2" / "a.csv").unlink()
    pause(0.25)
    assert living.quantities() == {2: 2, 3: 3, 11: 1, 13: 3}
    failing.on = False
    living.inbox.rescan()
    living.wait_for({3: 3, 11: 1, 13: 3})
    living.wait_until(lambda: living.inbox.problem is None)


def test_a_file_that_cannot_be_looked_at_is_not_gone(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    living = start(when_deleted=Unload())
    for number in (1, 2, 3):
        living.put(f"{number}.csv", sales(number, start=number))
    living.wait_for({1: 1, 2: 2, 3: 3})
    real = os.scandir

    class Broken:
        """An entry of a directory whose inode cannot be read."""

        def __init__(self, entry: os.DirEntry[str]) -> None:
            self.name, self.is_dir = entry.name, entry.is_dir

        def is_file(self, *, follow_symlinks: bool) -> bool:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    @contextmanager
    def scandir(path: Any) -> Iterator[Any]:
        with real(path) as entries:
            yield (Broken(entry) if entry.name == "2.csv" else entry for entry in entries)

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", scandir)
        living.inbox.rescan()
        assert living.inbox.problem == "2.csv cannot be looked at (Input/output error)"
        (living.landing / "3.csv").unlink()
        living.put("4.csv", sales(4, start=4))
        living.wait_for({1: 1, 2: 2, 4: 4})
    living.inbox.rescan()
    living.wait_for({1: 1, 2: 2, 4: 4})


def test_a_file_that_cannot_be_read_is_tried_again_and_hinders_nobody(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    living = start()
    real = os.open
    broken = os.fsencode(living.landing / "a.csv")

    def refuse(path: Any, *args: Any, dir_fd: int | None = None, **kwargs: Any) -> int:
        if whole(path, dir_fd) == broken:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path, *args, dir_fd=dir_fd, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        living.landing.joinpath("a.csv").write_bytes(sales(1))
        living.put("b.csv", sales(2, start=2))
        living.wait_for({2: 2})
        living.wait_until(lambda: living.waits("a.csv") == "another try: it cannot be read (Permission denied)")
        tries = len(living.outcome_states("a.csv"))
        pause(0.25)
        assert len(living.outcome_states("a.csv")) <= tries + 2
    living.wait_for({1: 1, 2: 2})
