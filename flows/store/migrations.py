"""How a ledger of an earlier version becomes one of this version.

The version lies in SQLite's own `PRAGMA user_version`, and a migration is a few statements: there is one kind of
database, one writer, and no way back but the backup that is made before. Alembic would bring its environment, its
version table and a directory of scripts for the same list, and would still leave the backup and the refusals to us.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

from flows.errors import StateError
from flows.runtime.progress import show_progress
from flows.store.backup import make_backup
from flows.store.schema import SCHEMA_VERSION

log = logging.getLogger(__name__)

OLD_VALUES = "?"
"""In place of the values that a path gives, of a version whose digest mixes them with the bytes. It equals no other."""

MIGRATIONS: dict[int, tuple[str, ...]] = {
    3: (
        "ALTER TABLE datasets ADD COLUMN volumes VARCHAR",
        "ALTER TABLE datasets ADD COLUMN doubted_after INTEGER",
        "ALTER TABLE segments ADD COLUMN uuid VARCHAR",
    ),
    4: (
        "ALTER TABLE paths RENAME COLUMN place TO arrival",
        f"ALTER TABLE versions ADD COLUMN path_values VARCHAR NOT NULL DEFAULT '{OLD_VALUES}'",
        "ALTER TABLE versions ADD COLUMN content INTEGER",
        "UPDATE versions SET content = id WHERE segment IS NOT NULL AND rows > 0",
        "ALTER TABLE versions DROP COLUMN place",
        "ALTER TABLE segments ADD COLUMN keys_repeat BOOLEAN NOT NULL DEFAULT 0",
        "ALTER TABLE versions ADD COLUMN warning VARCHAR",
        "ALTER TABLE versions ADD COLUMN tolerances VARCHAR",
        "CREATE INDEX versions_by_warning ON versions (dataset) WHERE warning IS NOT NULL",
        """CREATE TABLE decisions (
            batch INTEGER NOT NULL, number INTEGER NOT NULL, dataset VARCHAR NOT NULL, path_id INTEGER NOT NULL,
            action VARCHAR NOT NULL, version INTEGER, other_id INTEGER, cause VARCHAR, who VARCHAR,
            PRIMARY KEY (batch, number))""",
        "CREATE INDEX decisions_by_path ON decisions (path_id)",
        "ALTER TABLE datasets ADD COLUMN meaning VARCHAR",
        "DROP INDEX versions_by_digest",
        "CREATE INDEX versions_by_digest ON versions (digest) WHERE rows > 0",
        "CREATE INDEX versions_by_content ON versions (content)",
        "CREATE INDEX paths_gone ON paths (dataset) WHERE present = 0",
        "CREATE INDEX versions_with_refused_rows ON versions (dataset) WHERE refused > 0",
        "ALTER TABLE datasets ADD COLUMN merge_keys VARCHAR",
        """CREATE TABLE derived (id INTEGER NOT NULL PRIMARY KEY, source VARCHAR NOT NULL, dataset VARCHAR NOT NULL,
            file VARCHAR NOT NULL, sha256 VARCHAR NOT NULL, size_bytes INTEGER NOT NULL, rows INTEGER NOT NULL,
            fingerprint VARCHAR NOT NULL, key_low VARCHAR, key_high VARCHAR, uuid VARCHAR,
            keys_repeat BOOLEAN NOT NULL)""",
        """CREATE TABLE overruled (content INTEGER NOT NULL PRIMARY KEY, dataset VARCHAR NOT NULL,
            reason VARCHAR NOT NULL, counts VARCHAR NOT NULL, findings VARCHAR NOT NULL)""",
        """CREATE TABLE business_days (dataset VARCHAR NOT NULL, day VARCHAR NOT NULL, state VARCHAR NOT NULL,
            arrived_utc VARCHAR, rows INTEGER, said_by VARCHAR, version INTEGER, late_utc VARCHAR,
            checked_utc VARCHAR, closed_utc VARCHAR, closed_by VARCHAR, restated_utc VARCHAR, totals VARCHAR,
            changes VARCHAR, untold BOOLEAN NOT NULL, PRIMARY KEY (dataset, day))""",
        "CREATE INDEX business_days_untold ON business_days (dataset) WHERE untold",
        "ALTER TABLE datasets ADD COLUMN day_column VARCHAR",
        """CREATE TABLE alerts (source VARCHAR NOT NULL, kind VARCHAR NOT NULL, dataset VARCHAR NOT NULL,
            subject VARCHAR NOT NULL, text VARCHAR NOT NULL, details VARCHAR NOT NULL, news INTEGER NOT NULL,
            since_utc VARCHAR NOT NULL, changed_utc VARCHAR NOT NULL, said_utc VARCHAR, said_news INTEGER NOT NULL,
            gone_utc VARCHAR, over_utc VARCHAR, returns INTEGER NOT NULL,
            PRIMARY KEY (source, kind, dataset, subject))""",
        """CREATE TABLE alert_messages (source VARCHAR NOT NULL, number INTEGER NOT NULL, address VARCHAR NOT NULL,
            title VARCHAR NOT NULL, body VARCHAR NOT NULL, mood VARCHAR NOT NULL, page VARCHAR,
            made_utc VARCHAR NOT NULL, tries INTEGER NOT NULL, PRIMARY KEY (source, number))""",
        # What was a duplicate may count now, and what was refused for its manifest has a digest that mixes both.
        """UPDATE paths SET judged = NULL, ctime_ns = 0, inode = 0 WHERE judged IN (
            SELECT id FROM versions WHERE state = 'duplicate' OR state = 'quarantined' AND reason LIKE 'manifest:%')""",
        "DELETE FROM versions WHERE state = 'duplicate'",
    ),
}
"""Version → the statements that make it from the one before."""
INSTRUCTIONS = 1_000_000
"""After so many of SQLite's a migration shows that it goes on."""
OLDEST = min(MIGRATIONS) - 1
"""The oldest version that can be brought up to date."""


def migrate(file: Path, backups: Path) -> None:
    """Bring a ledger up to date, each version in a transaction of its own, after a backup.

    Killed at any moment, it is of the version before or of the one after.

    Args:
        file: the ledger; of version OLDEST or later.
        backups: where the ledger as it was is kept.
    """
    kept = make_backup(file, backups)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=FULL")
        connection.set_progress_handler(_goes_on, INSTRUCTIONS)
        for version in range(version_of(connection) + 1, SCHEMA_VERSION + 1):
            _apply(connection, version)
            log.warning("The ledger is of version %s now; what it was is in %s", version, kept.name)


def _goes_on() -> int:
    show_progress()
    return 0


def _apply(connection: sqlite3.Connection, version: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for number, statement in enumerate(MIGRATIONS[version], start=1):
            log.info("The ledger is brought to version %s: step %s of %s", version, number, len(MIGRATIONS[version]))
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def version_of(connection: sqlite3.Connection) -> int:
    """The version of a ledger; 0 for one without content."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def refuse_strange(version: int, file: Path) -> None:
    """Refuse a ledger that this program cannot bring up to date.

    Raises:
        StateError: it is newer than this program, or older than any migration knows.
    """
    if version > SCHEMA_VERSION:
        raise StateError(
            "The ledger was written by a newer Cubefeed",
            next_step="use that one, or another --state directory",
            expected=f"at most {SCHEMA_VERSION}",
            got=version,
            file=file,
        )
    if 0 < version < OLDEST:
        raise StateError(
            "The ledger was written by a Cubefeed so old that this one cannot read it",
            next_step="use another --state directory, and the files are loaded anew",
            expected=f"at least {OLDEST}",
            got=version,
            file=file,
        )
