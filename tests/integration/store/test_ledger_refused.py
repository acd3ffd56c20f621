"""A ledger or a state directory that cannot be used is refused, with the way out."""

from __future__ import annotations

import itertools
import json
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from flows.datasets.sales import SALES
from flows.errors import StateError
from flows.settings import Observer
from flows.store.restore import restore_ledger
from flows.store.state_directory import StateDirectory
from tests.integration.live_feed import live, sales
from tests.integration.store.lost_ledger import fill, segment_files

pytestmark = pytest.mark.usefixtures("quick")


@pytest.mark.parametrize("left", ["nothing", "an empty file"])
def test_a_missing_ledger_beside_segments_is_refused_with_the_way_out(
    tmp_path: Path, observer: Observer, left: str
) -> None:
    fill(tmp_path, observer)
    (tmp_path / "landing" / "c.csv").unlink()
    before = {file: file.read_bytes() for file in segment_files(tmp_path)}
    for file in (tmp_path / "state").glob("ledger.db*"):
        file.unlink()
    if left == "an empty file":
        (tmp_path / "state" / "ledger.db").touch()
    with pytest.raises(StateError, match=r"(?s)ledger is missing.*cubefeed ledger restore"), live(tmp_path, observer):
        pass
    assert {file: file.read_bytes() for file in segment_files(tmp_path)} == before
    restore_ledger(StateDirectory(tmp_path / "state"), [SALES.table])
    with live(tmp_path, observer) as living:
        living.wait_for({1: 1, 2: 8, 9: 5})


def test_a_damaged_ledger_is_refused_with_the_way_out(tmp_path: Path, observer: Observer) -> None:
    fill(tmp_path, observer)
    ledger = tmp_path / "state" / "ledger.db"
    damaged = bytearray(ledger.read_bytes())
    damaged[4096:] = b"\xff" * (len(damaged) - 4096)
    ledger.write_bytes(damaged)
    with pytest.raises(StateError, match="cubefeed ledger restore"), live(tmp_path, observer):
        pass
    restore_ledger(StateDirectory(tmp_path / "state"), [SALES.table])
    with live(tmp_path, observer) as living:
        living.wait_for({1: 1, 2: 8, 9: 5})


def test_a_ledger_that_cannot_be_opened_is_not_called_damaged(tmp_path: Path, observer: Observer) -> None:
    ledger = tmp_path / "state" / "ledger.db"
    fill(tmp_path, observer)
    for file in (tmp_path / "state").glob("ledger.db*"):
        file.unlink()
    ledger.mkdir()
    with pytest.raises(StateError, match=r"cannot be opened.*permit"), live(tmp_path, observer):
        pass


def test_a_ledger_of_another_version_is_refused(tmp_path: Path, observer: Observer) -> None:
    fill(tmp_path, observer)
    with closing(sqlite3.connect(tmp_path / "state" / "ledger.db")) as ledger:
        ledger.execute("PRAGMA user_version = 99")
    with pytest.raises(StateError, match="a newer Cubefeed"), live(tmp_path, observer):
        pass


def test_a_state_directory_that_cannot_be_written_is_refused(tmp_path: Path, observer: Observer) -> None:
    (tmp_path / "state").write_text("a file where the directory should be")
    with pytest.raises(StateError, match="cannot be written"), live(tmp_path, observer):
        pass


@pytest.mark.slow
def test_a_state_directory_that_was_copied_while_a_session_ran_opens_or_says_what_to_do(tmp_path: Path) -> None:
    """A copy of files that change meanwhile may hold a ledger and a log of it that do not belong together."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    with live(first, "polling") as living:
        stop = threading.Event()

        def keep_writing() -> None:
            for number in itertools.count():
                if stop.is_set():
                    return
                living.put(f"{number}.csv", sales(number, start=number))

        writing = threading.Thread(target=keep_writing)
        writing.start()
        try:
            living.wait_until(lambda: living.feed.cube.row_count("sales") > 20)
            shutil.copytree(
                first / "state", second / "state", ignore=lambda _, names: [n for n in names if n[0] == "."]
            )
        finally:
            stop.set()
            writing.join()
        expected = {number: number for number in range(len(list(living.landing.iterdir())))}
        living.wait_for(expected)
    shutil.copytree(first / "landing", second / "landing", copy_function=shutil.copy2)
    owner = second / "state" / "owner.json"
    owner.write_text(json.dumps({**json.loads(owner.read_text()), "born": "another boot/1"}))
    assert StateDirectory(second / "state").owner() is None, "the copy has no owner, though it names one"
    damage = None
    try:
        with live(second, "polling") as copied:
            copied.wait_for(expected)
    except StateError as error:
        damage = str(error)
    if damage is not None:
        assert "cubefeed ledger restore" in damage
        restore_ledger(StateDirectory(second / "state"), [SALES.table])
        with live(second, "polling") as copied:
            copied.wait_for(expected)
