"""The ledger's SQLite file: found whole, made where there is none, brought up to date."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import DatabaseError

from flows.errors import LedgerUnavailable, StateError
from flows.store.disk import room_for
from flows.store.exchange import finish_exchange
from flows.store.ledger import BUSY_TIMEOUT_S, ROOM_BYTES, Ledger
from flows.store.migrations import migrate, refuse_strange, version_of
from flows.store.schema import SCHEMA_VERSION, metadata
from flows.store.state_directory import StateDirectory

_CACHED_STATEMENTS = 16
"""How many prepared statements a connection keeps: one for a batch differs with the number of its files, and takes
tens of kilobytes."""


def open_ledger(file: Path, *, create: bool = True, lost: bool = False) -> Ledger:
    """Open the ledger, make it if it is new, and check that it is whole; one of an earlier version is migrated.

    Args:
        file: the SQLite file.
        create: whether this process owns the state directory: it makes a ledger where there is none, and migrates one
            of an earlier version.
        lost: whether one must have been there, so that a new one would forget what it knew.

    Raises:
        StateError: the file is missing, damaged, of a version that this program does not know, or cannot be written;
            DiskFull where there is no room.
    """
    if create:
        finish_exchange(file)
    version = _sound_version(file, owned=create)
    if lost and not version:
        raise _missing(file)
    if not create and not file.exists():
        raise StateError("There is no ledger here", next_step="check --state, or start with cubefeed up", file=file)
    ledger = Ledger(_engine(file), file)
    try:
        with room_for("the ledger", file, ROOM_BYTES):
            _fill_new(ledger)
    except BaseException as error:
        ledger.close()
        if isinstance(error, DatabaseError):
            raise _unusable(file, error.orig) from error
        raise
    return ledger


@contextmanager
def ledger_required() -> Iterator[None]:
    """Where the block cannot read or write the ledger, it is locked or damaged: that is said without its library.

    Raises:
        LedgerUnavailable: so it is; its cause is what SQLAlchemy has raised.
    """
    try:
        yield
    except DatabaseError as error:
        raise LedgerUnavailable(
            f"The ledger cannot be read or written ({error.orig})", next_step="see cubefeed doctor, then ask again"
        ) from error


def _engine(file: Path) -> Engine:
    """The pool of connections to a ledger.

    A connection goes back to the pool in one thread and is taken by another, which SQLite allows and its driver forbids
    unless it is told otherwise:
    https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#threading-pooling-behavior
    """
    options = {"timeout": BUSY_TIMEOUT_S, "check_same_thread": False, "cached_statements": _CACHED_STATEMENTS}
    engine = create_engine(f"sqlite:///{file}", connect_args=options)
    event.listen(engine, "connect", _prepare_connection)
    return engine


def _missing(file: Path) -> StateError:
    return StateError(
        "The ledger is missing or empty, though its segments or its backups are there",
        next_step="make it again with: cubefeed ledger restore",
        file=file,
    )


def _unusable(file: Path, why: object) -> StateError:
    return StateError(
        f"The ledger cannot be opened and written ({why})",
        next_step="permit that for this user, and free space if there is none",
        file=file,
    )


def _sound_version(file: Path, *, owned: bool) -> int:
    """The version of a ledger that was found whole; 0 where there is none, or one without content.

    One without a byte is not looked at: SQLite would throw away a write-ahead log that lies beside it.
    """
    if not file.exists() or not file.stat().st_size:
        return 0
    with room_for("the ledger", file, ROOM_BYTES):
        _refuse_damage(file)
        return _bring_up_to_date(file, owned=owned)


def _refuse_damage(file: Path) -> None:
    try:
        with closing(sqlite3.connect(file, timeout=BUSY_TIMEOUT_S)) as connection:
            complaint = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError as error:
        raise _unusable(file, error) from None
    except sqlite3.DatabaseError as error:
        complaint = str(error)
    complaint = complaint.removeprefix("*** in database main ***").strip()
    if complaint != "ok":
        raise StateError(
            f"The ledger is damaged: {complaint}", next_step="make it again with: cubefeed ledger restore", file=file
        )


def _bring_up_to_date(file: Path, *, owned: bool) -> int:
    """Refuse a ledger of a version that this program does not know, and migrate one of an earlier version. Returns
    the version that was found; 0 where it has no content."""
    with closing(sqlite3.connect(file, timeout=BUSY_TIMEOUT_S)) as connection:
        version = version_of(connection)
    refuse_strange(version, file)
    if not 0 < version < SCHEMA_VERSION:
        return version
    if not owned:
        raise StateError(
            "The ledger is of an earlier version of Cubefeed",
            next_step="start the session anew (cubefeed up), which brings it up to date",
            expected=SCHEMA_VERSION,
            got=version,
            file=file,
        )
    migrate(file, StateDirectory(file.parent).backups)
    return version


def _fill_new(ledger: Ledger) -> None:
    with ledger.reading() as connection:
        if connection.scalar(text("PRAGMA user_version")) != 0:
            return  # who only reads does not wait for the lock of who writes
    with ledger.writing() as connection:
        if connection.scalar(text("PRAGMA user_version")) == 0:
            metadata.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _prepare_connection(dbapi: Any, _record: object) -> None:
    """Set up a connection.

    The driver would begin transactions by itself, and too late: those that only read would see several states of the
    ledger (https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#serializable-isolation-savepoints-transactional-ddl).
    With a write-ahead log nobody who reads waits for who writes (https://www.sqlite.org/wal.html), and only FULL lets a
    commit outlive a loss of power there (https://www.sqlite.org/pragma.html#pragma_synchronous).
    """
    dbapi.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        dbapi.execute(f"PRAGMA {pragma}")
