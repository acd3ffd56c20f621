"""What of a landing directory is opened, whatever is done to its names meanwhile, and how much of it is listed."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from flows.datasets.sales import Sales
from flows.landing import inbox, settling
from flows.landing.inbox import Inbox
from flows.landing.names import MAX_DEPTH
from flows.landing.tree import MAX_STEPS, RefusedFile, find_file, find_signature, open_regular_file
from flows.model.dataset import Dataset
from flows.model.policies import Unload
from tests.attack import name_exchange

TRIES = 300


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "landing").mkdir()
    return tmp_path / "landing"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory with a file of the same name as one in the landing directory."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.csv").write_bytes(b"secret")
    return tmp_path / "outside"


def body(root: Path, path: bytes) -> bytes:
    """What is read under a path."""
    with open_regular_file(os.fsencode(root), path) as (file, signature):
        return os.read(file, signature.size_bytes)


def refusal(root: Path, path: bytes) -> OSError:
    """Why a path is not opened."""
    try:
        with open_regular_file(os.fsencode(root), path):
            pytest.fail(f"{path!r} was opened")
    except OSError as error:
        return error


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_nothing_outside_is_opened_however_often_a_name_is_exchanged_for_a_link(
    root: Path, outside: Path, kind: str
) -> None:
    path = b"bait-0.csv" if kind == "file" else b"day-0/a.csv"
    command: list[str | Path] = [sys.executable, name_exchange.__file__, root, outside, kind, "30"]
    flips = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    read: list[bytes] = []
    deadline = time.monotonic() + 20
    try:
        while len(read) < TRIES and time.monotonic() < deadline:
            assert flips.poll() is None, "two names cannot be exchanged here"
            with suppress(OSError):
                read.append(body(root, path))
    finally:
        flips.kill()
        flips.wait()
    assert len(read) == TRIES
    assert b"secret" not in read


@pytest.mark.parametrize("target", ["b.csv", "day/b.csv", "through/b.csv", "../landing/day/../b.csv", "absolute"])
def test_a_link_to_a_file_in_the_same_tree_is_that_file(root: Path, target: str) -> None:
    (root / "day").mkdir()
    (root / "through").symlink_to("day")
    for file in (root / "b.csv", root / "day" / "b.csv"):
        file.write_bytes(b"inside")
    (root / "a.csv").symlink_to(root / "b.csv" if target == "absolute" else target)
    assert body(root, b"a.csv") == b"inside"
    assert find_signature(os.fsencode(root), b"a.csv") is not None


def test_a_link_out_of_the_tree_is_refused_and_a_directory_that_is_a_link_is_none(root: Path, outside: Path) -> None:
    (root / "a.csv").symlink_to(outside / "a.csv")
    (root / "day").symlink_to(outside)
    (root / "inner").mkdir()
    (root / "again").symlink_to("inner")
    (root / "inner" / "a.csv").write_bytes(b"inside")
    top = os.fsencode(root)
    output = "the link leads out of the landing directory; deliver the file, or a copy"
    assert refusal(root, b"a.csv").strerror == output
    assert find_file(top, b"a.csv") == RefusedFile(output)
    assert find_file(top, b"day/a.csv") is find_file(top, b"again/a.csv") is None
    assert refusal(root, b"day/a.csv").errno == refusal(root, b"again/a.csv").errno == errno.ENOTDIR
    assert find_file(top, b"../outside/a.csv") is find_file(top, b"inner/../inner/a.csv") is None
    assert refusal(root, b"../outside/a.csv").errno == errno.ENOENT


@pytest.mark.parametrize("text", ["./", "inner/../"])
def test_a_link_leads_through_so_many_names_and_no_more(root: Path, text: str) -> None:
    (root / "inner").mkdir()
    (root / "b.csv").write_bytes(b"inside")
    top, names = os.fsencode(root.resolve()), text.count("/")
    repeats = (MAX_STEPS - len(root.resolve().parts) - 2) // names
    (root / "a.csv").symlink_to(text * repeats + "b.csv")
    assert body(root, b"a.csv") == b"inside"
    (root / "a.csv").unlink()
    (root / "a.csv").symlink_to(text * (repeats + 1) + "b.csv")
    output = f"the link leads through more than {MAX_STEPS} names; deliver the file, or link to it straight"
    assert refusal(root, b"a.csv").strerror == output
    assert find_file(top, b"a.csv") == RefusedFile(output)


def test_links_that_lead_to_each_other_are_followed_so_far_and_no_further(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = 3 * MAX_STEPS
    for each in range(number):
        (root / f"{each}.csv").symlink_to(f"{each + 1}.csv")
    (root / f"{number}.csv").write_bytes(b"inside")
    followed: list[object] = []
    readlink = os.readlink

    def note(path: str) -> str:
        followed.append(path)
        return readlink(path)

    monkeypatch.setattr(os, "readlink", note)
    assert body(root, b"%d.csv" % (number - 9)) == b"inside"
    box = make_inbox(root)
    followed.clear()
    found = box.rescan()
    assert f"{number - 9}.csv".encode() in found.files and b"0.csv" in box.refused
    assert len(followed) <= number * (MAX_STEPS + len(root.parts))


def listen(at: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(at))


def device(at: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can make a device")
    os.mknod(at, 0o666 | 0o020000, os.makedev(1, 5))


@pytest.mark.parametrize("make", [os.mkfifo, listen, device], ids=["pipe", "socket", "device"])
def test_what_is_no_regular_file_is_left_out_and_never_waited_for(
    root: Path, make: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)  # a socket's path is short
    make(Path("a.csv"))
    (root / "b.csv").symlink_to("a.csv")
    assert refusal(root, b"a.csv").strerror == "it is not a regular file"
    refusal(root, b"b.csv")
    box = make_inbox(root)
    assert box.rescan().files == {}
    assert box.refused == dict.fromkeys((b"a.csv", b"b.csv"), "it is not a regular file")


def make_inbox(root: Path, **options: object) -> Inbox:
    dataset = Dataset(schema=Sales, landing=root, when_deleted=Unload(), **options)  # type: ignore[arg-type]
    return Inbox(dataset, {}, settle_s=0.0)


def load(box: Inbox) -> None:
    """Have all that lies there be judged."""
    box.record(box.rescan().files, ())


def gone_after_a_while(box: Inbox, monkeypatch: pytest.MonkeyPatch) -> set[bytes]:
    """What counts as gone when it was missing for long enough."""
    box.rescan()
    monkeypatch.setattr("flows.landing.missing_files.GONE_S", 0.0)
    monkeypatch.setattr("flows.landing.missing_files.GONE_SCANS", 0)
    return set(box.find_ready(max_files=100, max_bytes=1).deleted)


def test_directories_are_searched_so_deep_and_no_deeper_and_what_is_known_below_is_not_lost(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = make_inbox(root, recursive=True)
    inner = root.joinpath(*["d"] * MAX_DEPTH)
    inner.mkdir(parents=True)
    (inner / "a.csv").write_bytes(b"ID\n1\n")
    (root / "b.csv").write_bytes(b"ID\n1\n")
    load(box)
    assert box.problem is None
    (inner / "e").mkdir()
    (inner / "e" / "c.csv").write_bytes(b"ID\n1\n")
    assert set(box.rescan().files) == {b"b.csv", b"d/" * MAX_DEPTH + b"a.csv"}
    assert "lies more than 32 directories deep, where none is searched; move up what is in it" in str(box.problem)
    known = {b"d/" * MAX_DEPTH + b"e/c.csv", b"d/" * MAX_DEPTH + b"e/gone.csv"}
    box.record(dict.fromkeys(known, box.rescan().files[b"b.csv"]), ())  # as an earlier edition has loaded them
    (root / "b.csv").unlink()
    assert gone_after_a_while(box, monkeypatch) == {b"b.csv", b"d/" * MAX_DEPTH + b"e/gone.csv"}


def test_so_many_names_are_listed_and_no_more_and_what_is_known_besides_is_not_lost(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.landing.scan.MAX_NAMES", 20)
    box = make_inbox(root)
    for number in range(20):
        (root / f"{number}.csv").write_bytes(b"ID\n1\n")
    load(box)
    assert box.problem is None and len(box.rescan().files) == 20
    (root / "more.csv").write_bytes(b"ID\n1\n")
    (root / "5.csv").unlink()
    (root / "other.txt").touch()
    assert box.rescan().lacks(b"5.csv")
    assert str(box.problem).startswith("the directory has more than 20 names in it, and the others are only seen")
    assert gone_after_a_while(box, monkeypatch) == {b"5.csv"}


def test_names_with_long_paths_count_for_several(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.landing.scan.MAX_NAMES", 20)
    long = root / ("d" * 200) / ("e" * 200)
    long.mkdir(parents=True)
    box = make_inbox(root, recursive=True)
    for number in range(4):
        (long / f"{number}.csv").touch()
    assert len(box.rescan().files) == 4 and box.problem is None
    for number in range(4, 8):
        (long / f"{number}.csv").touch()
    box.rescan()
    assert "more than 20 names" in str(box.problem)


def test_a_third_person_s_file_with_other_names_waits_until_they_are_gone(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid():
        pytest.skip("only root can give a file to another user")
    box = make_inbox(root)
    (tmp_path / "theirs").write_bytes(b"ID\n1\n")
    os.chown(tmp_path / "theirs", 65534, 65534)
    (root / "a.csv").hardlink_to(tmp_path / "theirs")
    monkeypatch.setattr(inbox, "LINKS_S", 0.0)
    monkeypatch.setattr(settling, "NO_NEWLINE_S", 0.0)
    box.rescan()
    assert box.find_ready(max_files=1, max_bytes=1).settled == ()
    words = "its other names to go: it has 2 hard links, and belongs to user 65534"
    assert box.list_waiting()[b"a.csv"].startswith(words)
    assert words in str(refusal(root, b"a.csv").strerror)
    (tmp_path / "theirs").unlink()
    deadline = time.monotonic() + 5
    while not (landed := box.find_ready(max_files=1, max_bytes=1).settled):
        assert time.monotonic() < deadline
    assert [each.path for each in landed] == [b"a.csv"]


@pytest.mark.parametrize("whose", ["ours", "the landing directory's"])
def test_our_own_file_and_the_directory_s_owner_s_may_have_other_names(root: Path, tmp_path: Path, whose: str) -> None:
    (tmp_path / "other").write_bytes(b"ID\n1\n")
    if whose != "ours":
        if os.geteuid():
            pytest.skip("only root can give a file to another user")
        for path in (root, tmp_path / "other"):
            os.chown(path, 65534, 65534)
    (root / "a.csv").hardlink_to(tmp_path / "other")
    assert body(root, b"a.csv") == b"ID\n1\n"
