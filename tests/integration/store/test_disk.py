"""What the libraries raise on a real full disk is known for what it is, and disks that will soon be full are named."""

from __future__ import annotations

import os
import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as parquet
import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import DatabaseError

from flows.errors import DiskFull, StateError
from flows.runtime.shortages import is_full, is_locked, is_out_of_memory
from flows.store.disk import Free, free, mounts_in_use, room_for
from tests.integration.small_disk import SmallDisk, small_disk

FRAME = pl.DataFrame({"number": range(1000)})


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", size_bytes=1 << 20) as mounted:
        yield mounted


def raised(call: Callable[[], object]) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011  # what it is, is what is asked
        call()
    return caught.value


def duckdb_table(file: Path) -> None:
    with closing(duckdb.connect(str(file))) as opened:
        opened.execute("CREATE TABLE t AS SELECT range AS number FROM range(100000)")


def polars_into_an_open_file(file: Path) -> None:
    with file.open("wb") as opened:
        FRAME.write_parquet(opened)


WRITERS: dict[str, Callable[[Path], object]] = {
    "python": lambda file: file.write_bytes(b"x"),
    "polars": FRAME.write_parquet,
    "polars, an open file": polars_into_an_open_file,
    "polars, streaming": lambda file: FRAME.lazy().sink_parquet(file),
    "pyarrow": lambda file: parquet.write_table(FRAME.to_arrow(), file),
    "duckdb": duckdb_table,
}


@pytest.mark.parametrize("writer", WRITERS)
def test_what_a_writer_raises_on_a_full_disk_is_known(disk: SmallDisk, writer: str) -> None:
    disk.fill()
    assert is_full(raised(lambda: WRITERS[writer](disk.path / "file")))
    disk.make_room()
    WRITERS[writer](disk.path / "another file")


@pytest.mark.parametrize("writer", WRITERS)
def test_a_disk_that_takes_no_more_files_is_full(tmp_path: Path, writer: str) -> None:
    with small_disk(tmp_path / "disk", files=2) as disk:
        (disk.path / "one").touch()
        assert is_full(raised(lambda: WRITERS[writer](disk.path / "file")))
        found = free(disk.path)
        assert found.files == 0 and found.nearly_full and "no file more" in str(found)


@pytest.mark.parametrize("writer", WRITERS)
def test_what_is_wrong_with_a_path_is_no_full_disk(tmp_path: Path, writer: str) -> None:
    assert not is_full(raised(lambda: WRITERS[writer](tmp_path / "No space left on device" / "file")))


def test_a_limit_of_the_process_is_a_full_disk(tmp_path: Path) -> None:
    frame = pl.DataFrame({"bytes": [os.urandom(100_000)]})
    ledger = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    ledger.execute("PRAGMA journal_mode=WAL")
    ledger.execute("CREATE TABLE t (x)")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    try:
        errors = [
            raised(lambda: (tmp_path / "file").write_bytes(bytes(1 << 17))),
            raised(lambda: frame.write_parquet(tmp_path / "frame")),
            raised(lambda: ledger.execute("INSERT INTO t VALUES (zeroblob(100000))")),
        ]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        ledger.close()
    assert [is_full(error) for error in errors] == [True, True, True]


def test_a_duckdb_that_has_no_room_to_spill_met_a_full_disk(disk: SmallDisk) -> None:
    options: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": "20MB", "temp_directory": str(disk.path), "threads": 1,
    }  # fmt: skip
    with closing(duckdb.connect(":memory:", config=options)) as opened:
        error = raised(lambda: opened.execute("CREATE TABLE t AS SELECT range a, random() b FROM range(3000000)"))
    assert is_full(error) and not is_out_of_memory(error)
    with closing(duckdb.connect(":memory:", config={"memory_limit": "20MB", "temp_directory": ""})) as opened:
        error = raised(lambda: opened.execute("CREATE TABLE t AS SELECT range a, random() b FROM range(3000000)"))
    assert is_out_of_memory(error) and not is_full(error)


@pytest.fixture
def ledger(disk: SmallDisk) -> Path:
    file = disk.path / "ledger.db"
    with closing(sqlite3.connect(file)) as opened:
        opened.execute("PRAGMA journal_mode=WAL")
        opened.execute("CREATE TABLE t (x)")
    return file


def test_what_a_ledger_raises_on_a_full_disk_is_known_also_behind_its_rollback(disk: SmallDisk, ledger: Path) -> None:
    engine = create_engine(f"sqlite:///{ledger}", connect_args={"isolation_level": None})
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT * FROM t")
        disk.fill()
        connection.exec_driver_sql("BEGIN IMMEDIATE")

        def write() -> None:
            try:
                connection.exec_driver_sql("INSERT INTO t VALUES (zeroblob(3000000))")
            except DatabaseError:
                connection.exec_driver_sql("ROLLBACK")

        error = raised(write)
    engine.dispose()
    assert "cannot rollback" in str(error) and is_full(error) and not is_locked(error)


def test_a_ledger_that_cannot_even_be_read_met_a_full_disk(disk: SmallDisk, ledger: Path) -> None:
    disk.fill()
    with closing(sqlite3.connect(ledger)) as opened:
        assert is_full(raised(lambda: opened.execute("SELECT * FROM t")))


def test_a_ledger_that_another_holds_is_locked_and_its_disk_is_not_full(ledger: Path) -> None:
    engine = create_engine(f"sqlite:///{ledger}", connect_args={"isolation_level": None, "timeout": 0})
    with closing(sqlite3.connect(ledger, isolation_level=None)) as other, engine.connect() as connection:
        other.execute("BEGIN IMMEDIATE")
        error = raised(lambda: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        assert is_locked(error) and not is_full(error)
    engine.dispose()
    assert not is_locked(ValueError("database is locked"))


@pytest.mark.parametrize("error", [ValueError("No space left on device (os error 28)"), OSError(13, "no"), OSError()])
def test_other_errors_are_no_full_disks(error: Exception) -> None:
    assert not is_full(error)


def test_values_that_read_like_a_full_disk_are_none() -> None:
    error = raised(lambda: pl.Series(["No space left on device (os error 28)"]).cast(pl.Int64))
    assert isinstance(error, pl.exceptions.PolarsError) and not is_full(error)


def test_an_error_that_came_of_a_full_disk_is_known(disk: SmallDisk) -> None:
    disk.fill()

    def write() -> None:
        try:
            (disk.path / "file").write_bytes(b"x")
        except OSError:
            raise StateError("It did not work", next_step="try again") from None

    assert is_full(raised(write))


def test_who_finds_no_room_is_told_what_is_full_and_how_much_is_missing(disk: SmallDisk) -> None:
    disk.fill(leave_bytes=8192)
    with pytest.raises(DiskFull, match="no room for a segment") as caught, room_for("a segment", disk.path, 3_000_000):
        (disk.path / "file").write_bytes(bytes(3_000_000))
    assert caught.value.where == {"path": disk.path, "needed": "3.0 MB", "free": "0 bytes"}
    assert "free 3.0 MB or more" in caught.value.next_step and is_full(caught.value)


def test_other_errors_go_through_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), room_for("a segment", tmp_path, 1):
        (tmp_path / "nowhere" / "file").write_bytes(b"x")


@pytest.mark.parametrize(
    ("total_bytes", "free_bytes", "nearly_full"),
    [
        (10**13, 9 * 10**11, True),
        (10**13, 11 * 10**11, False),
        (5 * 10**9, 9 * 10**8, True),
        (5 * 10**9, 11 * 10**8, False),
        (10**8, 4 * 10**7, True),
        (10**8, 10**8, False),
        (0, 0, False),
    ],
)
def test_a_disk_is_nearly_full_with_a_tenth_or_a_gigabyte_left(
    total_bytes: int, free_bytes: int, nearly_full: bool
) -> None:
    assert Free(total_bytes, free_bytes).nearly_full is nearly_full


def test_each_mount_in_use_is_measured_once_also_where_nothing_is_yet(tmp_path: Path, disk: SmallDisk) -> None:
    paths = {"state": tmp_path / "state", "segments": disk.path / "not" / "yet", "reports": tmp_path / "reports"}
    on_tmp, on_disk = mounts_in_use({**paths, "quarantine": disk.path})
    assert (on_tmp.uses, on_disk.uses) == (("state", "reports"), ("segments", "quarantine"))
    inside = {"state": tmp_path, "reports": tmp_path / "reports"}
    assert [mount.uses for mount in mounts_in_use(inside)] == [("state",)], "what is inside goes without saying"
    assert on_disk.path == disk.path and on_disk.free.total_bytes == 1 << 20
    disk.fill(leave_bytes=65_536)
    assert mounts_in_use({"segments": disk.path})[0].free.free_bytes == 65_536
