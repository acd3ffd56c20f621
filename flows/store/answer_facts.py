"""What the ledger says of a dataset that its answers have to say too. Asked once per commit, not per question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Select, exists, func, select

from flows.model.alerts import Kind
from flows.model.business_day import DayState
from flows.model.caveats import AsOf
from flows.model.files import shown
from flows.model.lifecycle import LIVE, State
from flows.store.ledger import Ledger
from flows.store.schema import alerts, batches, business_days, overruled, paths, versions
from flows.store.statements import OF, among_named, named

_ACCEPTED = versions.alias("accepted")
_HAS_ROWS = exists().where(_ACCEPTED.c.id == paths.c.accepted, _ACCEPTED.c.state.in_(LIVE))
_OF_PATHS = paths.c.dataset == OF


def _count(*conditions: Any) -> Select[tuple[int]]:
    return select(func.count()).where(*conditions)


# Refused versions and those that are overruled are few: from these to their paths, never through all paths.
_REFUSED_NOW = (
    _count(versions.c.dataset == OF, versions.c.state == State.QUARANTINED.value, paths.c.present)
    .select_from(versions.join(paths, paths.c.id == versions.c.path_id))
    .where(paths.c.judged == versions.c.id)
)
_REFUSED, _STALE = _REFUSED_NOW.where(~_HAS_ROWS), _REFUSED_NOW.where(_HAS_ROWS)
_SKIPPED = (
    select(versions.c.state, func.sum(versions.c.refused))
    .select_from(versions.join(paths, paths.c.id == versions.c.path_id))
    .where(versions.c.dataset == OF, versions.c.refused > 0, paths.c.accepted == versions.c.id)
    .group_by(versions.c.state)
)
_OVERRULED = select(overruled.c.content).where(overruled.c.dataset == OF)
_OVERRULED_NOW = (
    select(versions.c.state)
    .select_from(versions.join(paths, paths.c.id == versions.c.path_id))
    .where(versions.c.content.in_(among_named()), paths.c.accepted == versions.c.id)
    .where((paths.c.judged == paths.c.accepted) | ~paths.c.present)
)
_GONE_WITH_ROWS = _count(_OF_PATHS, ~paths.c.present, _HAS_ROWS).select_from(paths)
_DAYS = select(business_days.c.state, business_days.c.day).where(
    business_days.c.dataset == OF, business_days.c.state.in_((DayState.LATE.value, DayState.RESTATED.value))
)
_COMMIT = (
    select(batches.c.id, batches.c.loaded_utc)
    .where(batches.c.dataset == OF, batches.c.state == State.LOADED.value)
    .order_by(batches.c.id.desc())
    .limit(1)
)
_NEWEST = (
    select(versions.c.path_id)
    .where(versions.c.dataset == OF, versions.c.state == State.LOADED.value)
    .order_by(versions.c.id.desc())
    .limit(1)
)
_NEWEST_FILE = select(paths.c.path).where(paths.c.id == _NEWEST.scalar_subquery())
_RESTORED = select(func.max(alerts.c.since_utc)).where(alerts.c.kind == Kind.RESTORED.value)
_CHECKED = select(func.max(business_days.c.checked_utc)).where(business_days.c.dataset == OF)


@dataclass(frozen=True)
class AnswerFacts:
    """How a dataset stood after its last commit.

    Args:
        as_of: that commit.
        refused: present files that are refused, and of which nothing is in the cube.
        stale: files of which the cube has older rows than what lies there, or rows that would be refused now.
        skipped: refused rows of files whose other rows are in the cube.
        kept: deleted files whose rows are in the cube.
        days: late and restated → which days are that.
        restored: whether the ledger was restored, and no day was closed since.
    """

    as_of: AsOf = field(default_factory=AsOf)
    refused: int = 0
    stale: int = 0
    skipped: int = 0
    kept: int = 0
    days: Mapping[DayState, tuple[date, ...]] = field(default_factory=dict)
    restored: bool = False


def answer_facts(ledger: Ledger, dataset: str) -> AnswerFacts:
    """How a dataset stands in the ledger."""
    of = {"of": dataset}
    with ledger.reading() as connection:
        return AnswerFacts(
            _as_of(connection, dataset),
            connection.scalar(_REFUSED, of) or 0,
            (connection.scalar(_STALE, of) or 0) + _overruled(connection, dataset),
            _skipped(connection, dataset),
            connection.scalar(_GONE_WITH_ROWS, of) or 0,
            _days(connection, dataset),
            _is_restored(connection, dataset),
        )


def _skipped(connection: Connection, dataset: str) -> int:
    return sum(rows for state, rows in connection.execute(_SKIPPED, {"of": dataset}) if state in LIVE)


def _overruled(connection: Connection, dataset: str) -> int:
    """The states are looked at here: to ask for them would choose the index of all versions that are loaded."""
    contents = connection.scalars(_OVERRULED, {"of": dataset}).all()
    states = connection.scalars(_OVERRULED_NOW, named(contents)).all() if contents else ()
    return sum(state in LIVE for state in states)


def _as_of(connection: Connection, dataset: str) -> AsOf:
    found = connection.execute(_COMMIT, {"of": dataset}).one_or_none()
    path = connection.scalar(_NEWEST_FILE, {"of": dataset})
    commit, at_utc = found or (0, None)
    return AsOf(commit, at_utc, None if path is None else shown(path))


def _days(connection: Connection, dataset: str) -> dict[DayState, tuple[date, ...]]:
    days: dict[DayState, list[date]] = {}
    for state, day in connection.execute(_DAYS, {"of": dataset}):
        days.setdefault(DayState(state), []).append(date.fromisoformat(day))
    return {state: tuple(sorted(found)) for state, found in days.items()}


def _is_restored(connection: Connection, dataset: str) -> bool:
    """A close finds what a restore cannot know: which totals have changed."""
    restored, checked = connection.scalar(_RESTORED), connection.scalar(_CHECKED, {"of": dataset})
    if restored is None:
        return False
    return checked is None or datetime.fromisoformat(checked) < datetime.fromisoformat(restored)
