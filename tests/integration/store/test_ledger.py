"""What the ledger promises of its transactions."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from flows.errors import DiskFull, StateError
from flows.store.ledger import Ledger
from flows.store.ledger_file import open_ledger
from flows.store.schema import requests

REQUEST = {"dataset": "t", "kind": "load", "who": "me", "created_utc": "", "state": "open"}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path / "ledger.db")
    yield opened
    opened.close()


def test_what_is_read_in_one_go_is_one_state_of_the_ledger(ledger: Ledger) -> None:
    count = select(func.count()).select_from(requests)
    with ledger.reading() as connection:
        before = connection.scalar(count)
        with ledger.writing() as other:
            other.execute(insert(requests), {**REQUEST, "payload": "{}"})
        assert connection.scalar(count) == before == 0
    with ledger.reading() as connection:
        assert connection.scalar(count) == 1


def test_a_full_ledger_is_the_error_and_not_the_rollback_that_follows_it(ledger: Ledger) -> None:
    with ledger.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DiskFull, match="no room for the ledger"), ledger.writing() as connection:
        connection.execute(insert(requests), {**REQUEST, "payload": "x" * 1_000_000})
    with ledger.writing() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        connection.execute(insert(requests), {**REQUEST, "payload": "{}"})


@pytest.mark.parametrize("left_bytes", [0, 1])
def test_a_ledger_that_is_emptied_beside_its_log_is_no_new_one(ledger: Ledger, tmp_path: Path, left_bytes: int) -> None:
    with ledger.writing() as connection:
        connection.execute(insert(requests), {**REQUEST, "payload": "{}"})
    killed = tmp_path / "killed"
    killed.mkdir()
    for file in tmp_path.glob("ledger.db*"):
        shutil.copy2(file, killed)
    log = killed / "ledger.db-wal"
    assert log.stat().st_size
    os.truncate(killed / "ledger.db", left_bytes)
    for create in (False, True):
        with pytest.raises(StateError, match="ledger restore"):
            open_ledger(killed / "ledger.db", create=create, lost=True)


def test_what_sqlite_raises_at_the_opening_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    (tmp_path / "ledger.db-wal").mkdir()
    with pytest.raises(StateError, match="cannot be opened and written"):
        open_ledger(tmp_path / "ledger.db")
