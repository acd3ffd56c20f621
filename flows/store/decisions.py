"""What a batch decides, as rows of the ledger: written into its segment before they are written into the ledger, so
that a lost ledger is made again from them and nothing is judged anew.

Rows are named by their numbers and say what they are afterwards, so that to write them again changes nothing. The rows
of several batches, as they are at some time, are decisions too: those that a merged segment carries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, Update, bindparam, select, update

from flows.store.schema import batches, paths, versions
from flows.store.schema import decisions as actions
from flows.store.statements import among

HERE = 0
"""In place of a segment's number: the segment in which this is written."""


class BatchRow(NamedTuple):
    """A row of `batches`."""

    id: int
    state: str
    files: int
    rows: int
    staged_utc: str
    loaded_utc: str | None = None


class PathRow(NamedTuple):
    """A row of `paths`."""

    id: int
    path: bytes
    arrival: int | None
    accepted: int | None
    judged: int | None
    present: bool
    size_bytes: int | None
    mtime_ns: int | None
    ctime_ns: int | None
    inode: int | None


class UnseenPathRow(NamedTuple):
    """A row of `paths` of which the signature stays as it is."""

    id: int
    path: bytes
    arrival: int | None
    accepted: int | None
    judged: int | None
    present: bool


class VersionRow(NamedTuple):
    """A row of `versions`."""

    id: int
    path_id: int
    digest: bytes
    path_values: str
    content: int | None
    size_bytes: int
    mtime_ns: int
    state: str
    cause: str | None
    reason: str | None
    rows: int
    refused: int
    collapsed: int
    findings: int
    first_finding: str | None
    segment: int | None
    batch: int
    detected_utc: str
    staged_utc: str | None
    loaded_utc: str | None
    ended_utc: str | None
    warning: str | None = None
    tolerances: str | None = None

    def in_segment(self, segment: int | None) -> tuple[Any, ...]:
        """The row, with the number of the segment in which it is written."""
        at = _SEGMENT_AT
        return (*self[:at], segment, *self[at + 1 :]) if self.segment == HERE else self


_SEGMENT_AT = VersionRow._fields.index("segment")


class Restated(NamedTuple):
    """What became of a version that was there before."""

    id: int
    state: str
    cause: str | None
    content: int | None
    ended_utc: str | None
    reason: str | None = None
    warning: str | None = None


class Moved(NamedTuple):
    """A version that belongs to another path now."""

    id: int
    path_id: int


class Disowned(NamedTuple):
    """A version that its path did not give up for another: it went with a file that was renamed."""

    id: int
    cause: str


class ActionRow(NamedTuple):
    """A row of `decisions`: what became of a path, where its versions do not say it."""

    batch: int
    number: int
    path_id: int
    action: str
    version: int | None
    other_id: int | None
    cause: str | None
    who: str | None


@dataclass(frozen=True)
class Decisions:
    """Rows to be written into the ledger, in this order."""

    batches: Sequence[BatchRow] = ()
    paths: Sequence[PathRow] = ()
    unseen: Sequence[UnseenPathRow] = ()
    versions: Sequence[VersionRow] = ()
    moved: Sequence[Moved] = ()
    disowned: Sequence[Disowned] = ()
    restated: Sequence[Restated] = ()
    actions: Sequence[ActionRow] = ()

    def path_ids(self) -> set[int]:
        """The paths that these rows are of, or name."""
        owners = {row.path_id for row in self.versions} | {row.path_id for row in self.moved}
        return owners | {row.id for row in self.paths} | {row.id for row in self.unseen}

    def named_paths(self) -> dict[bytes, int]:
        """Path → its number, of all of which there are rows."""
        return {row.path: row.id for row in self.paths} | {row.path: row.id for row in self.unseen}

    def arrivals(self) -> set[int]:
        """The numbers of their places."""
        found = {row.arrival for row in self.paths} | {row.arrival for row in self.unseen}
        return {arrival for arrival in found if arrival is not None}

    def version_ids(self) -> set[int]:
        """The versions that these rows are of."""
        changed = {row.id for row in self.moved} | {row.id for row in self.disowned} | {row.id for row in self.restated}
        return changed | {row.id for row in self.versions}


def current_rows(
    connection: Connection, *, path_ids: Iterable[int], version_ids: Iterable[int], batch_ids: Iterable[int]
) -> Decisions:
    """Rows of the ledger as they are: of these paths, versions and batches, and of the batches of these versions."""
    found = _rows(connection, versions, VersionRow, version_ids)
    numbers = {row.batch for row in found}.union(batch_ids)
    return Decisions(
        batches=_rows(connection, batches, BatchRow, numbers),
        paths=_rows(connection, paths, PathRow, path_ids),
        versions=found,
        actions=_rows(connection, actions, ActionRow, numbers),
    )


def _rows[R: tuple[Any, ...]](connection: Connection, table: Table, kind: type[R], ids: Iterable[int]) -> list[R]:
    """Rows by the first of their columns."""
    columns = [table.c[name] for name in _fields(kind)]
    found = connection.execute(select(*columns).where(columns[0].in_(among(ids))).order_by(*table.primary_key))
    return [kind(*row) for row in found]


def _fields(kind: type[Any]) -> tuple[str, ...]:
    fields: tuple[str, ...] = kind._fields
    return fields


def write_decisions(
    connection: Connection, dataset: str, decisions: Decisions, *, segment: int | None, again: bool = False
) -> None:
    """Write rows into the ledger.

    Args:
        connection: in a transaction.
        dataset: whose rows.
        decisions: the rows.
        segment: the number of the segment in which they are written, if it is recorded.
        again: whether the batches and versions may be there already; then they become these.
    """
    _put(connection, batches, dataset, BatchRow, decisions.batches, again=again)
    _put(connection, paths, dataset, PathRow, decisions.paths, again=True)
    _put(connection, paths, dataset, UnseenPathRow, decisions.unseen, again=True)
    rows = [row.in_segment(segment) for row in decisions.versions]
    _put(connection, versions, dataset, VersionRow, rows, again=again)
    _change(connection, Moved, decisions.moved)
    _change(connection, Disowned, decisions.disowned)
    _change(connection, Restated, decisions.restated)
    _put(connection, actions, dataset, ActionRow, decisions.actions, again=again)


def _put(
    connection: Connection,
    table: Table,
    dataset: str,
    kind: type[Any],
    rows: Sequence[tuple[Any, ...]],
    *,
    again: bool,
) -> None:
    """Write whole rows; where they may be there already, each in place of the one that has its number. SQLite takes the
    values as they are: to have each row's looked at takes longer than the rest."""
    if not rows:
        return
    names = _fields(kind)
    statement = f"INSERT INTO {table.name} ({', '.join(names)}, dataset) VALUES ({', '.join('?' * len(names))}, ?)"
    if again:
        keys = tuple(table.primary_key.columns.keys())
        changed = ", ".join(f"{name} = excluded.{name}" for name in (*names, "dataset") if name not in keys)
        statement = f"{statement} ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changed}"
    connection.exec_driver_sql(statement, [(*row, dataset) for row in rows])


def _change(connection: Connection, kind: type[Any], rows: Sequence[tuple[Any, ...]]) -> None:
    """Write some columns of versions that are there."""
    if rows:
        names = kind._fields[1:]
        bound = ("number", *(f"new_{name}" for name in names))
        connection.execute(_changing(names), [dict(zip(bound, row, strict=True)) for row in rows])


@cache
def _changing(names: tuple[str, ...]) -> Update:
    changed = update(versions).where(versions.c.id == bindparam("number"))
    return changed.values({name: bindparam(f"new_{name}") for name in names})
