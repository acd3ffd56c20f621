"""What people see of the ledger: counts, files, last loads."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func, select

from flows.model.files import shown
from flows.model.findings import Finding
from flows.model.lifecycle import LIVE, State
from flows.model.tolerances import read_tolerances
from flows.store.ledger import Ledger
from flows.store.schema import batches, overruled, paths, versions
from flows.store.standing import Sharer, rows_sharers, standing_of

RULED_OUT = (
    overruled.c.reason.label("ruled_out"),
    overruled.c.findings.label("found_now"),
    overruled.c.counts.label("counts_now"),
)
"""Columns that `file_row` needs besides those of the version and its path: of `overruled`, outer joined."""


@dataclass(frozen=True)
class FileRow:
    """One file version as people see it. `current` says whether its rows are in the cube; `stale` whether the
    file now shows other bytes than the rows in the cube, or the declaration would refuse these now; `standing` and
    `explanation` what it is, in a word and in a sentence; `warning` what people should know of it, though it was
    accepted; `tolerated` what was let pass in it because the format says so, in words."""

    dataset: str
    file: str
    version: int
    state: str
    reason: str | None
    rows: int
    refused: int
    collapsed: int
    findings: int
    first_finding: Finding | None
    current: bool
    stale: bool
    present: bool
    size_bytes: int
    detected_utc: str
    loaded_utc: str | None
    ended_utc: str | None
    warning: str | None = None
    standing: str = ""
    explanation: str = ""
    tolerated: str = ""


@dataclass(frozen=True)
class CommitRow:
    """A batch that is in the cube: its number, and what it brought."""

    commit: int
    dataset: str
    files: int
    rows: int
    at_utc: str


@dataclass(frozen=True)
class Counts:
    """How one dataset stands, by paths."""

    files: dict[str, int]
    size_bytes: int
    stale: int
    overruled: int
    last_loaded_utc: str | None


@dataclass(frozen=True)
class FileWarning:
    """What people should know of the version that is in the cube."""

    file: str
    warning: str
    detected_utc: str


def counts(ledger: Ledger, dataset: str) -> Counts:
    """Paths by the state of what they show now, or showed last, without refused files that are gone; the size of the
    files in the cube, how many are stale, of how many the declaration would refuse now what is loaded, and when a
    version was last loaded."""
    shown_now = versions.c.state
    by_state = (
        select(shown_now, func.count())
        .select_from(paths.join(versions, versions.c.id == paths.c.judged))
        .where(paths.c.dataset == dataset, paths.c.present | (shown_now != State.QUARANTINED.value))
        .group_by(shown_now)
    )
    accepted = versions.alias()
    stale = (
        select(func.count())
        .select_from(paths.join(accepted, accepted.c.id == paths.c.accepted))
        .where(paths.c.dataset == dataset, paths.c.present, accepted.c.state.in_(LIVE))
        .where(paths.c.judged != paths.c.accepted)
    )
    refused_now = (
        select(func.count())
        .select_from(paths.join(accepted, accepted.c.id == paths.c.accepted))
        .join(overruled, overruled.c.content == accepted.c.content)
        .where(paths.c.dataset == dataset, accepted.c.state.in_(LIVE))
        .where((paths.c.judged == paths.c.accepted) | ~paths.c.present)
    )
    size = (
        select(func.sum(accepted.c.size_bytes))
        .select_from(paths.join(accepted, accepted.c.id == paths.c.accepted))
        .where(paths.c.dataset == dataset, accepted.c.state.in_(LIVE))
    )
    last = select(func.max(versions.c.loaded_utc)).where(
        versions.c.dataset == dataset, versions.c.state == State.LOADED.value
    )
    with ledger.reading() as connection:
        files = dict(connection.execute(by_state).tuples().all())
        sized = int(connection.scalar(size) or 0)
        ruled_out = connection.scalar(refused_now) or 0
        return Counts(files, sized, connection.scalar(stale) or 0, ruled_out, connection.scalar(last))


def newest_commit(ledger: Ledger) -> int:
    """The number of the last batch that is in the cube; 0 where none is."""
    loaded = select(batches.c.id).where(batches.c.state == State.LOADED.value)
    with ledger.reading() as connection:
        return connection.scalar(loaded.order_by(batches.c.id.desc()).limit(1)) or 0


def commit_rows(ledger: Ledger, after: int, limit: int) -> list[CommitRow]:
    """The batches in the cube after one, the oldest first."""
    query = (
        select(batches.c.id, batches.c.dataset, batches.c.files, batches.c.rows, batches.c.loaded_utc)
        .where(batches.c.id > after, batches.c.state == State.LOADED.value)
        .order_by(batches.c.id)
        .limit(limit)
    )
    with ledger.reading() as connection:
        return [CommitRow(*row) for row in connection.execute(query).tuples()]


def refused_now(ledger: Ledger, dataset: str) -> tuple[int, int]:
    """How many paths show refused bytes now, and the newest version of these; 0 where there is none."""
    found = (
        select(func.count(), func.max(versions.c.id))
        .select_from(paths.join(versions, versions.c.id == paths.c.judged))
        .where(paths.c.dataset == dataset, versions.c.state == State.QUARANTINED.value)
    )
    with ledger.reading() as connection:
        number, newest = connection.execute(found).one()
    return int(number), int(newest or 0)


def file_warnings(ledger: Ledger, dataset: str) -> list[FileWarning]:
    """The warnings that hold: of the versions that their paths still show, the newest first."""
    query = (
        select(paths.c.path, versions.c.state, versions.c.warning, versions.c.detected_utc)
        .join(paths, (paths.c.id == versions.c.path_id) & (paths.c.accepted == versions.c.id))
        .where(versions.c.dataset == dataset, versions.c.warning.is_not(None))
        .order_by(versions.c.id.desc())
    )
    with ledger.reading() as connection:
        warned = [row for row in connection.execute(query) if row.state in LIVE]  # the state would choose another index
    return [FileWarning(shown(row.path), row.warning, row.detected_utc) for row in warned]


def file_rows(
    ledger: Ledger,
    *,
    dataset: str | None = None,
    states: tuple[str, ...] = (),
    current_only: bool = False,
    limit: int = 1000,
) -> list[FileRow]:
    """Versions, the newest first.

    Args:
        ledger: the ledger.
        dataset: only this one's.
        states: only versions in one of these states.
        current_only: only what each path shows now, and what is in the cube.
        limit: how many at most.
    """
    judged = versions.alias()
    query = (
        select(
            versions,
            *(paths.c[name] for name in ("path", "present", "accepted", "judged")),
            judged.c.reason.label("refusal"),
            judged.c.detected_utc.label("refused_utc"),
            *RULED_OUT,
        )
        .join(paths, paths.c.id == versions.c.path_id)
        .outerjoin(judged, judged.c.id == paths.c.judged)
        .outerjoin(overruled, overruled.c.content == versions.c.content)
        .order_by(versions.c.id.desc())
        .limit(limit)
    )
    if dataset is not None:
        query = query.where(versions.c.dataset == dataset)
    if states:
        query = query.where(versions.c.state.in_(states))
    if current_only:
        query = query.where((versions.c.id == paths.c.judged) | (versions.c.id == paths.c.accepted))
    with ledger.reading() as connection:
        found = connection.execute(query).all()
        sharers = rows_sharers(connection, {row.content for row in found if row.state in LIVE and row.content})
    return [_explained(row, sharers.get(row.content)) for row in found]


def _explained(row: Any, sharer: Sharer | None) -> FileRow:
    other = shown(sharer.path) if sharer is not None and sharer.version != row.id else None
    word, sentence = standing_of(row, other)
    return replace(file_row(row), standing=word, explanation=sentence)


def file_row(row: Any) -> FileRow:
    """A row of `versions`, with all its columns, joined with its path, as people see it; `file_rows` and `day_versions`
    ask for such rows."""
    current = row.id == row.accepted and row.state in LIVE
    ruled_out = row.ruled_out if current else None
    first, findings = row.first_finding, row.findings
    if ruled_out is not None:
        first, findings = json.dumps(json.loads(row.found_now)[0]), sum(json.loads(row.counts_now).values())
    return FileRow(
        dataset=row.dataset,
        file=shown(row.path),
        version=row.id,
        state=row.state,
        reason=row.reason or ruled_out,
        rows=row.rows,
        refused=row.refused,
        collapsed=row.collapsed,
        findings=findings,
        first_finding=Finding(**json.loads(first)) if first else None,
        current=current,
        stale=current and ((row.present and row.judged != row.accepted) or ruled_out is not None),
        present=row.present,
        size_bytes=row.size_bytes,
        detected_utc=row.detected_utc,
        loaded_utc=row.loaded_utc,
        ended_utc=row.ended_utc,
        warning=row.warning,
        tolerated="; ".join(each.words for each in read_tolerances(row.tolerances)),
    )


def last_commit(ledger: Ledger, dataset: str) -> int | None:
    """The number of the last batch whose rows are in the cube; None where there is none, or one is being committed."""
    loaded = func.max(batches.c.id).filter(batches.c.state == State.LOADED.value)
    with ledger.reading() as connection:
        newest, last = connection.execute(
            select(func.max(batches.c.id), loaded).where(batches.c.dataset == dataset)
        ).one()
    return None if newest != last else last
