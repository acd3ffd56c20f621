"""What ends with what: the table of the boundaries, and files whose check raises."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing

import dataframely as dy
import duckdb
import pandas as pd
import polars as pl
import pytest
from polars.exceptions import PanicException
from sqlalchemy.exc import OperationalError

from flows.errors import EngineLost, QueryError
from flows.ingest.file_checks import check_files
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature
from flows.model.lifecycle import Identity
from flows.reading import file_reader as reader
from flows.reading.csv.parse import parse
from flows.reading.file_reader import FileContent
from flows.reading.port import Source
from flows.runtime.boundaries import (
    DatasetFailed,
    Failure,
    FileFailed,
    NothingFailed,
    QuestionFailed,
    RequestLost,
    Scope,
    SessionFailed,
    boundary,
)


def a_panic() -> BaseException:
    """What Polars raises when its Rust code panics; it is no Exception."""
    assert Exception not in PanicException.__mro__
    return PanicException("index out of bounds")


def a_locked_ledger() -> BaseException:
    """What SQLite raises while another program writes."""
    with closing(sqlite3.connect("file:locked?mode=memory&cache=shared", uri=True, timeout=0)) as one:
        one.execute("CREATE TABLE t (x)")
        one.execute("BEGIN EXCLUSIVE")
        with closing(sqlite3.connect("file:locked?mode=memory&cache=shared", uri=True, timeout=0)) as other:
            return sqlite_error(other, "BEGIN IMMEDIATE")


def a_full_ledger() -> BaseException:
    """What SQLite raises where there is no room."""
    with closing(sqlite3.connect(":memory:")) as ledger:
        ledger.execute("CREATE TABLE t (x)")
        ledger.execute("PRAGMA max_page_count = 2")
        return sqlite_error(ledger, "INSERT INTO t VALUES (zeroblob(1000000))")


def sqlite_error(connection: sqlite3.Connection, statement: str) -> BaseException:
    """As SQLAlchemy raises it."""
    with pytest.raises(sqlite3.OperationalError) as found:
        connection.execute(statement)
    wrapped = OperationalError(statement, {}, found.value)
    wrapped.__cause__ = found.value
    return wrapped


LOCKED, FULL = a_locked_ledger(), a_full_ledger()
NO_SPACE = pl.exceptions.ComputeError("underlying IO error: No space left on device (os error 28)")

TABLE: list[tuple[Scope, BaseException, type[BaseException]]] = [
    *[(Scope.FILE, error, FileFailed) for error in (ValueError(), a_panic(), SystemExit(1), RecursionError())],
    *[(Scope.FILE, error, FileFailed) for error in (MemoryError(), KeyboardInterrupt(), OSError(errno.EIO, ""))],
    *[(Scope.FILE, error, DatasetFailed) for error in (OSError(errno.ENOSPC, ""), NO_SPACE)],
    *[(Scope.DATASET, error, DatasetFailed) for error in (OSError(errno.ENOSPC, ""), a_panic(), ValueError())],
    *[(Scope.QUESTION, error, QuestionFailed) for error in (OverflowError(), a_panic(), SystemExit(1))],
    (Scope.QUESTION, QueryError("", next_step=""), QueryError),
    (Scope.QUESTION, EngineLost("", next_step=""), SessionFailed),
    (Scope.QUESTION, asyncio.CancelledError(), asyncio.CancelledError),
    *[(Scope.REQUEST, error, RequestLost) for error in (OverflowError(), a_panic(), FULL)],
    (Scope.REQUEST, EngineLost("", next_step=""), SessionFailed),
    *[(Scope.CUBE, error, DatasetFailed) for error in (OSError(errno.ENOSPC, ""), OSError(errno.EDQUOT, ""))],
    *[(Scope.CUBE, error, DatasetFailed) for error in (FULL, LOCKED, NO_SPACE)],
    *[(Scope.CUBE, error, DatasetFailed) for error in (MemoryError(), duckdb.OutOfMemoryException(""))],
    *[(Scope.CUBE, error, SessionFailed) for error in (ValueError(), a_panic(), OSError(errno.EIO, ""))],
    *[(Scope.CUBE, error, SessionFailed) for error in (duckdb.FatalException(""), sqlite3.DatabaseError("malformed"))],
    *[(Scope.PREFECT, error, NothingFailed) for error in (ConnectionError(), a_panic(), SystemExit(1))],
    (Scope.PREFECT, asyncio.CancelledError(), asyncio.CancelledError),
    *[(Scope.OTHER, error, SessionFailed) for error in (ValueError(), a_panic(), SystemExit(1), MemoryError())],
    (Scope.OTHER, KeyboardInterrupt(), KeyboardInterrupt),
]


@pytest.mark.parametrize(("doing", "raised", "ends"), TABLE, ids=lambda each: getattr(each, "__name__", repr(each)))
def test_what_ends_goes_by_what_was_being_done(doing: Scope, raised: BaseException, ends: type[BaseException]) -> None:
    with pytest.raises(ends) as found, boundary(doing):
        raise raised
    assert found.type is ends
    assert not isinstance(found.value, Failure) or found.value.cause is raised


def test_what_was_decided_further_in_is_not_decided_again() -> None:
    for inner in Scope:
        for outer in Scope:
            with pytest.raises(Failure) as found, boundary(outer), boundary(inner):
                raise a_panic()
            with pytest.raises(Failure) as alone, boundary(inner):
                raise a_panic()
            assert found.type is alone.type


class Fragile(dy.Schema):
    """Rules that raise: a strict cast, and a Python function."""

    ID = dy.Int64(primary_key=True)
    Text = dy.String(check=lambda text: text.str.to_date("%Y-%m-%d", strict=True).is_not_null())

    @dy.rule()
    def not_seven(cls) -> pl.Expr:  # noqa: N805  # dataframely makes a class method of it
        return pl.col("ID").map_batches(lambda ids: pl.Series([1 // (each - 7) < 5 for each in ids]))


def read(name: bytes, *rows: str) -> FileContent:
    body = "\n".join(["ID,Text", *rows, ""]).encode()
    signature = Signature(len(body), 1, 1, 1)
    return FileContent(SettledFile(name, signature), signature, body, Identity(name))


def good(name: bytes, first: int) -> FileContent:
    return read(name, f"{first},2021-05-01", f"{first + 1},2021-05-02")


def test_a_file_that_makes_a_rule_raise_is_refused_by_line_and_the_others_load() -> None:
    files = [good(b"%d.csv" % number, 10 * number) for number in range(1, 9)]
    files.insert(3, read(b"date.csv", "1,2021-05-01", "2,soon", "3,never"))
    files.insert(6, read(b"seven.csv", "5,2021-05-01", "7,2021-05-01"))
    checked = check_files(Dataset(schema=Fragile, landing="."), files)
    refused = {path: verdict for path, verdict in checked.verdicts.items() if not verdict.accepted}
    assert {path: (v.findings[0].rule, v.findings[0].line, v.findings[0].column) for path, v in refused.items()} == {
        b"date.csv": ("check", 3, "Text"),
        b"seven.csv": ("not_seven", 3, None),
    }
    assert "ZeroDivisionError" in str(refused[b"seven.csv"].reason)
    by_file = dict(checked.rows.group_by("_file").agg(pl.col("ID").sort()).iter_rows())
    assert {checked.files[number]: ids for number, ids in by_file.items()} == {
        b"%d.csv" % number: [10 * number, 10 * number + 1] for number in range(1, 9)
    }


def leave(_: pd.DataFrame) -> pd.DataFrame:
    sys.exit("enough")


def descend(frame: pd.DataFrame) -> pd.DataFrame:
    return descend(frame)


def want_memory(_: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"x": [bytearray(1 << 60)]})


@pytest.mark.parametrize(
    ("prepare", "raised"),
    [(leave, "SystemExit: enough"), (descend, "RecursionError"), (want_memory, "MemoryError")],
)
def test_whatever_prepare_raises_concerns_its_file_alone(
    prepare: Callable[[pd.DataFrame], pd.DataFrame], raised: str
) -> None:
    checked = check_files(Dataset(schema=Fragile, landing=".", prepare=prepare), [good(b"a.csv", 1)])
    verdict = checked.verdicts[b"a.csv"]
    assert not verdict.accepted and verdict.findings[0].rule == "prepare"
    assert raised in str(verdict.reason)


def test_a_panic_while_a_file_is_parsed_refuses_that_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def panic_at_b(dataset: Dataset, sources: list[Source]) -> object:
        if any(source.path == "b.csv" for source in sources):
            raise a_panic()
        return parse(dataset, sources)

    monkeypatch.setattr("flows.reading.csv.reader.parse", panic_at_b)
    files = [good(b"a.csv", 1), good(b"b.csv", 11), good(b"c.csv", 21)]
    checked = check_files(Dataset(schema=Fragile, landing="."), files)
    assert [path for path, verdict in checked.verdicts.items() if not verdict.accepted] == [b"b.csv"]
    assert "PanicException" in str(checked.verdicts[b"b.csv"].reason)
    assert checked.rows.height == 4


def test_a_file_whose_check_raises_now_and_then_is_refused_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is short at one time and not at the next."""
    calls = iter(range(100))

    def short_every_other_time(dataset: Dataset, sources: list[Source]) -> object:
        return parse(dataset, sources) if next(calls) % 2 else bytes(bytearray(1 << 60))

    monkeypatch.setattr("flows.reading.csv.reader.parse", short_every_other_time)
    verdict = check_files(Dataset(schema=Fragile, landing="."), [good(b"a.csv", 1)]).verdicts[b"a.csv"]
    assert not verdict.accepted and "MemoryError" in str(verdict.reason)


def test_a_file_that_cannot_be_read_for_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.ingest.file_checks import read_or_refuse

    def no_memory(*_: object) -> bytes:
        return bytes(bytearray(1 << 60))

    monkeypatch.setattr(reader, "read_bytes", no_memory)
    dataset = Dataset(schema=Fragile, landing="data/sales/current")
    found = read_or_refuse(dataset, SettledFile(b"sales_2021-05-01.csv", Signature(1, 1, 1, 1), "load"))
    assert isinstance(found, FileContent) and found.body is None
    verdict = check_files(dataset, [found]).verdicts[b"sales_2021-05-01.csv"]
    assert not verdict.accepted and verdict.findings[0].rule == "reading" and "MemoryError" in str(verdict.reason)
