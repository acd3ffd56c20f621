"""Ledgers of other versions: brought up to date, or refused in plain words."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import inspect

from flows.errors import StateError
from flows.settings import Observer
from flows.store.backup import backups_in, defect
from flows.store.landing_record import judged_in_doubt, remembered_volumes
from flows.store.ledger_file import open_ledger
from flows.store.schema import SCHEMA_VERSION, metadata
from tests.integration.live_feed import live, sales

VERSION_2 = Path(__file__).with_name("ledger_v2.sql")
"""As the program of that version wrote it: a.csv, b.csv and its correction, the refused c.csv, and d.csv, which is a
copy of a.csv."""


def make(ledger: Path, version: int = 2) -> None:
    ledger.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with closing(sqlite3.connect(ledger)) as database:
        database.executescript(VERSION_2.read_text())
        database.execute(f"PRAGMA user_version = {version}")


def version_of(ledger: Path) -> int:
    with closing(sqlite3.connect(ledger)) as database:
        return int(database.execute("PRAGMA user_version").fetchone()[0])


@pytest.mark.usefixtures("quick")
def test_a_ledger_of_version_2_goes_on_after_a_backup(tmp_path: Path, observer: Observer) -> None:
    make(tmp_path / "state" / "ledger.db")
    landing = tmp_path / "landing"
    landing.mkdir()
    for name, body in {"a": sales(1, 2), "b": sales(8, start=2), "c": sales(-5, start=9), "d": sales(1, 2)}.items():
        (landing / f"{name}.csv").write_bytes(body)
    with live(tmp_path, observer) as living:
        living.look()
        assert living.quantities() == {1: 1, 2: 2}, "what was a duplicate covers what it came after"
        assert [living.state_of(f"{name}.csv") for name in "abcd"] == ["loaded", "loaded", "quarantined", "loaded"]
        there = landing.stat()
        assert remembered_volumes(living.feed.ledger, "sales") == {b"": (there.st_dev, there.st_ino)}
        assert judged_in_doubt(living.feed.ledger, "sales") is None
    (backup,) = backups_in(tmp_path / "state" / "backups")
    assert defect(backup.file) is None and version_of(backup.file) == 2


def test_a_migrated_ledger_has_the_tables_of_a_new_one(tmp_path: Path) -> None:
    make(tmp_path / "ledger.db")
    ledger = open_ledger(tmp_path / "ledger.db")
    found = inspect(ledger.engine)
    columns = {table: {column["name"] for column in found.get_columns(table)} for table in found.get_table_names()}
    ledger.close()
    assert columns == {name: set(table.columns.keys()) for name, table in metadata.tables.items()}
    assert version_of(tmp_path / "ledger.db") == SCHEMA_VERSION


@pytest.mark.parametrize(
    ("version", "words"),
    [(SCHEMA_VERSION + 1, "a newer Cubefeed.*use that one"), (1, "so old.*another --state")],
)
def test_a_ledger_that_cannot_be_migrated_is_refused_and_left_alone(tmp_path: Path, version: int, words: str) -> None:
    make(tmp_path / "ledger.db", version)
    with pytest.raises(StateError, match=words):
        open_ledger(tmp_path / "ledger.db")
    assert version_of(tmp_path / "ledger.db") == version
    assert not (tmp_path / "backups").exists()


def test_only_the_owner_migrates(tmp_path: Path) -> None:
    make(tmp_path / "ledger.db")
    with pytest.raises(StateError, match=r"earlier version.*cubefeed up"):
        open_ledger(tmp_path / "ledger.db", create=False)
    assert version_of(tmp_path / "ledger.db") == 2


def test_a_new_ledger_needs_no_backup(tmp_path: Path) -> None:
    open_ledger(tmp_path / "ledger.db").close()
    assert version_of(tmp_path / "ledger.db") == SCHEMA_VERSION
    assert not (tmp_path / "backups").exists()
