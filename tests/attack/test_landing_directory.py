"""What people who may write into the landing directory put there besides files."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.attack.system import BOUND, HEADER, System, as_stranger, attacked
from tests.waiting import until

pytestmark = pytest.mark.slow

DECLARATION = """
from dataclasses import replace
from cubefeed import Unload
from flows.datasets.sales import SALES
DEEP = replace(SALES, recursive=True, when_deleted=Unload())
"""
NESTED = 2_500
"""Directories below each other: the last ones have longer paths than the system takes."""


@pytest.fixture(scope="module")
def deep() -> Iterator[dict[str, str]]:
    """The settings of a dataset of which what is deleted leaves the cube."""
    with tempfile.TemporaryDirectory(prefix="cubefeed-declared-") as name:
        declared = Path(name, "deep.py")
        declared.write_text(DECLARATION)
        yield {"CUBEFEED_DATASETS": f"{declared}:DEEP"}


@pytest.fixture(scope="module")
def system(deep: dict[str, str]) -> Iterator[System]:
    """A session whose landing directory everybody may write into."""
    with attacked(deep) as running:
        running.place.landing.chmod(0o1777)
        yield running


def row(product: str, number: int) -> str:
    """A sound file."""
    return f"{HEADER}{number},2021-05-01,{product},1\n"


def status(system: System) -> dict[str, Any]:
    found: dict[str, Any] = system.place.json("status")["datasets"]["sales"]
    return found


def assert_deletions_count(system: System, name: str) -> None:
    """A file that is deleted now leaves the cube."""
    file = system.place.drop(f"{name}.csv", row(name, zlib.crc32(name.encode())))
    until(lambda: name in system.products(), what=f"{name} is loaded")
    file.unlink()
    until(lambda: name not in system.products(), what=f"{name} is unloaded")


@contextmanager
def nested(top: Path, number: int) -> Iterator[None]:
    """So many directories below each other, which are taken away afterwards."""
    here = os.open(top, os.O_RDONLY)
    for _ in range(number):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    try:
        yield
    finally:
        away = top.parent / "away"
        (top / "d").rename(away)
        while (away / "d").exists():  # from above, which takes no time
            (away / "d").rename(top.parent / "next")
            away.rmdir()
            (top.parent / "next").rename(away)
        away.rmdir()


@pytest.mark.parametrize("number", [NESTED, pytest.param(10_000, marks=pytest.mark.deep)])
def test_thousands_of_directories_below_each_other_hold_up_nothing(system: System, number: int) -> None:
    system.assert_still_loading()  # the last file is another matter: an emptied directory is in doubt
    with nested(system.place.landing, number):
        until(lambda: "lies more than 32 directories deep" in (status(system)["problem"] or ""), what="it is said")
        system.assert_still_loading()
        assert_deletions_count(system, "meanwhile")
    until(lambda: status(system)["problem"] is None, what="it is over")
    system.assert_still_loading()


def test_a_directory_that_nobody_may_read_holds_up_nothing(deep: dict[str, str]) -> None:
    with attacked(deep, through=BOUND if not os.geteuid() else ()) as system:
        system.assert_still_loading()  # a directory that is empty is no empty one for certain
        closed = system.place.landing / "closed"
        closed.mkdir(mode=0)
        until(lambda: "closed in it cannot be read" in (status(system)["problem"] or ""), what="it is said")
        assert_deletions_count(system, "beside a closed one")
        closed.rmdir()


def test_pipes_sockets_and_devices_are_left_out_and_hold_up_nothing(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing = system.place.landing
    monkeypatch.chdir(landing)  # a socket's path is short
    os.mkfifo("pipe.csv")
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind("socket.csv")
    if not os.geteuid():
        os.mknod("device.csv", 0o666 | 0o020000, os.makedev(1, 5))
    odd = [name for name in ("pipe.csv", "socket.csv", "device.csv") if (landing / name).exists()]
    os.symlink("pipe.csv", "link.csv")
    odd.append("link.csv")
    expected = dict.fromkeys(odd, "it is not a regular file")
    until(lambda: status(system)["left_out"] == expected, what="they are left out")
    system.assert_still_loading()
    for name in odd:
        os.unlink(name)


def test_a_file_of_a_far_time_ends_nothing(system: System) -> None:
    far, body = system.place.landing / "far.csv", shlex.quote(row("of a far time", 78))
    assert as_stranger("sh", "-c", f"printf %s {body} > {far} && touch -d 2400-01-01 {far}").returncode == 0
    until(lambda: "of a far time" in system.products(), what="it is loaded")
    system.assert_still_loading()


def test_a_stranger_s_file_with_another_name_waits_until_that_is_gone(system: System) -> None:
    landing = system.place.landing
    with tempfile.TemporaryDirectory(prefix="cubefeed-theirs-") as name:
        theirs = Path(name)
        theirs.chmod(0o777)
        body = shlex.quote(row("delivered by a link", 77))
        step = f"printf %s {body} > {theirs}/a.csv && ln {theirs}/a.csv {landing}/linked.csv"
        assert as_stranger("sh", "-c", step).returncode == 0
        words = "its other names to go: it has 2 hard links, and belongs to user 65534"
        until(
            lambda: [wait for wait in status(system)["waits"] if wait["file"] == "linked.csv" and words in wait["for"]],
            what="it waits, and why is said",
        )
        refused = system.place.run("load", "linked.csv", code=1)
        assert words in refused.stderr
        system.assert_still_loading()
        assert "delivered by a link" not in system.products()
        assert as_stranger("rm", str(theirs / "a.csv")).returncode == 0
        until(lambda: "delivered by a link" in system.products(), what="it is loaded")


def test_another_directory_in_its_place_unloads_nothing_until_a_person_says_that_it_is_right(system: System) -> None:
    landing = system.place.landing
    for number in range(3):
        system.place.drop(f"known_{number}.csv", row(f"known {number}", 100 + number))
    until(lambda: "known 2" in system.products(), what="they are loaded")
    before = system.products()
    other = landing.with_name("other")
    other.mkdir()
    landing.rename(landing.with_name("archive"))
    landing.symlink_to(other)
    system.assert_still_loading()
    until(lambda: "cubefeed landing accept sales" in (status(system)["problem"] or ""), what="it is in doubt")
    assert before <= system.products()
    accepted = system.place.run("landing", "accept", "sales")
    assert "sales: the landing directory is accepted as it is now" in accepted.stdout
    until(lambda: not before & system.products(), what="what was archived is unloaded")
    assert status(system)["problem"] is None
    system.assert_still_loading()
    landing.unlink()
    shutil.move(other, landing)
