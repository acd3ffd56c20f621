"""The files that the rows of the cube are of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select

from flows.model.calendar import DailyBy
from flows.model.files import shown
from flows.model.lifecycle import LIVE
from flows.model.merge import RowSource
from flows.model.relative_days import Clock
from flows.store.ledger import Ledger
from flows.store.schema import paths, versions
from flows.store.statements import among


@dataclass(frozen=True)
class RowFile:
    """A file that rows of the cube are of.

    Args:
        paths: that show these bytes, the one that did so first before the others; where none does any more, the one
            that did so last.
        version: of the first of them.
        loaded_utc: when that was loaded; None in the moment before.
        digest: of its bytes.
    """

    paths: tuple[bytes, ...]
    version: int
    loaded_utc: str | None
    digest: bytes


def row_files(ledger: Ledger, contents: Iterable[int]) -> dict[int, RowFile]:
    """Content, which is what `_version` says of a row → its file."""
    return {content: _row_file(held_by) for content, held_by in holders(ledger, contents).items()}


def row_sources(ledger: Ledger, contents: Iterable[int], expect: DailyBy | None) -> dict[int, RowSource]:
    """Content → its file, as `row_files` has it, and the day on which that was loaded.

    Args:
        ledger: where it is told.
        contents: whose.
        expect: its zone says which day it was; without it this machine's.
    """
    query = (
        select(versions.c.content, paths.c.path, func.coalesce(versions.c.staged_utc, versions.c.detected_utc))
        .join(paths, paths.c.id == versions.c.path_id)
        .where(versions.c.content.in_(among(contents)), versions.c.state.in_(LIVE))
        .order_by(versions.c.id.desc())
    )
    with ledger.reading() as connection:
        found = connection.execute(query).tuples().all()
    first = {content: (path, at) for content, path, at in found}  # the first path's version is the last one here
    days = {at: loaded_day(at, expect) for at in {at for _, at in first.values()}}
    return {content: RowSource(shown(path), days[at]) for content, (path, at) in first.items()}


def loaded_day(at_utc: str, expect: DailyBy | None) -> date:
    """The day that it was, as `today` in a condition."""
    return Clock(datetime.fromisoformat(at_utc).astimezone(), expect).today


def version_file(ledger: Ledger, version: int) -> RowFile | None:
    """The file that a version is of, whatever became of that; None where the ledger does not know it."""
    query = select(versions, paths.c.path).join(paths, paths.c.id == versions.c.path_id).where(versions.c.id == version)
    with ledger.reading() as connection:
        found = connection.execute(query).first()
    return None if found is None else RowFile((found.path,), found.id, found.loaded_utc, found.digest)


def holders(ledger: Ledger, contents: Iterable[int]) -> Mapping[int, Sequence[Any]]:
    """Content → the versions that have it, each with its path: those in the cube first, then the newest."""
    query = (
        select(versions, paths.c.path)
        .join(paths, paths.c.id == versions.c.path_id)
        .where(versions.c.content.in_(among(contents)))
        .order_by(versions.c.state.not_in(LIVE), versions.c.id.desc())
    )
    found: dict[int, list[Any]] = {}
    with ledger.reading() as connection:
        for row in connection.execute(query):
            found.setdefault(row.content, []).append(row)
    return found


def _row_file(held_by: Sequence[Any]) -> RowFile:
    showing = [each for each in reversed(held_by) if each.state in LIVE] or held_by[:1]
    first = showing[0]
    return RowFile(tuple(each.path for each in showing), first.id, first.loaded_utc, first.digest)
