"""Which backups are kept, and which of them is used."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from flows.store import backup
from flows.store.backup import backups_in, make_backup
from flows.store.ledger_file import open_ledger
from tests.integration.live_feed import live
from tests.integration.store.lost_ledger import back_up, load, lose_the_ledger, restore

pytestmark = pytest.mark.usefixtures("quick")


def test_seven_backups_are_kept(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "ledger.db")
    made = [make_backup(ledger.file, tmp_path / "backups") for _ in range(9)]
    ledger.close()
    kept = sorted((tmp_path / "backups").glob("*.db"))
    assert kept == made[2:]


def test_the_newest_backup_is_that_of_the_highest_number(tmp_path: Path) -> None:
    backups = tmp_path / "state" / "backups"
    with live(tmp_path, "native") as living:
        load(living, "a.csv", 1)
        ahead = back_up(living, tmp_path).rename(backups / "ledger-2099-01-01T000000.000000Z.db")
        behind = shutil.copy(ahead, backups / "ledger-2001-01-01T000000.000000Z.db")
        load(living, "b.csv", 2, start=2)
        shutil.copy(back_up(living, tmp_path), backups / "ledger-2000-01-01T000000.000000Z.db")
        newest = back_up(living, tmp_path)
    found = [backup.file.name[7:11] for backup in backups_in(backups)]
    assert found == ["2001", "2099", "2000", "0000", "0000"], "those without a number by what they hold"
    assert ahead.exists() and Path(behind).exists()
    lose_the_ledger(tmp_path)
    assert restore(tmp_path).backup == newest.name


@pytest.mark.parametrize("damage", ["cut", "changed", "index"])
def test_a_backup_that_is_not_whole_is_passed_over(tmp_path: Path, damage: str) -> None:
    with live(tmp_path, "native") as living:
        load(living, "a.csv", 1)
        older = back_up(living, tmp_path)
        newest = back_up(living, tmp_path)
    if damage == "cut":
        newest.write_bytes(newest.read_bytes()[:5000])
    elif damage == "changed":
        newest.write_bytes(newest.read_bytes().replace(b"a.csv", b"b.csv"))
    else:
        newest = newest.rename(newest.with_name("ledger-2099-01-01T000000.000000Z.db"))
        older = older.rename(older.with_name("ledger-2098-01-01T000000.000000Z.db"))
        with closing(sqlite3.connect(newest)) as ledger, ledger:
            ledger.execute("PRAGMA writable_schema = ON")
            ledger.execute("DELETE FROM sqlite_schema WHERE name = 'versions_by_state'")
            ledger.execute("UPDATE versions SET id = 9")
            ledger.execute("UPDATE batches SET id = 9")
    lose_the_ledger(tmp_path)
    assert restore(tmp_path).backup == older.name


def test_old_backups_go_by_number_and_age_once_a_newer_one_is_proven_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, backups = tmp_path / "ledger.db", tmp_path / "backups"
    open_ledger(ledger).close()
    made = [make_backup(ledger, backups) for _ in range(backup.KEPT)]
    aged = time.time() - (backup.KEPT_DAYS + 1) * 86_400
    for file in made[:3]:
        os.utime(file, (aged, aged))
    with closing(sqlite3.connect(ledger)) as database, database:
        database.execute("PRAGMA foreign_keys = OFF")
        database.execute(
            "INSERT INTO versions (dataset, path_id, digest, path_values, size_bytes, mtime_ns, state, rows, refused,"
            " collapsed, findings, batch, detected_utc) VALUES ('t', 5, '', '', 0, 0, 'loaded', 0, 0, 0, 0, 5, '')"
        )
    with pytest.raises(sqlite3.DatabaseError, match="the backup is not whole"):
        make_backup(ledger, backups)
    assert sorted(backups.iterdir()) == made
    with closing(sqlite3.connect(ledger)) as database, database:
        database.execute("DELETE FROM versions")
    newest = make_backup(ledger, backups)
    assert sorted(backups.iterdir()) == [*made[3:], newest]
