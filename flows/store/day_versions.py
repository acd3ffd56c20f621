"""Which file versions belong to a business day, as the ledger knows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, func, select

from flows.model.calendar import in_zone
from flows.model.lifecycle import State
from flows.store.history import RULED_OUT, FileRow, file_row
from flows.store.ledger import Ledger
from flows.store.schema import overruled, paths, versions
from flows.store.statements import among


@dataclass(frozen=True)
class DayVersion:
    """A version; `accepted` says that it was ever in the cube, `corrects` that another of its path was before it."""

    row: FileRow
    accepted: bool
    corrects: bool


def day_versions(
    ledger: Ledger, dataset: str, *, since: datetime, until: datetime, holding: Iterable[int]
) -> list[DayVersion]:
    """Versions in the order in which they came.

    Args:
        ledger: the ledger.
        dataset: the dataset's name.
        since: those found after this,
        until: and not after this.
        holding: other versions that are wanted too.
    """
    query = _versions_of(dataset)
    wanted = (
        query.where(versions.c.detected_utc > _utc(since), versions.c.detected_utc <= _utc(until)),
        query.where(versions.c.id.in_(among(holding))),
    )
    with ledger.reading() as connection:
        found = {row.id: row for each in wanted for row in connection.execute(each)}
    return [
        DayVersion(file_row(row), _was_accepted(row), _was_accepted(row) and row.first < id)
        for id, row in sorted(found.items())
    ]


def _versions_of(dataset: str) -> Select[Any]:
    """All versions of a dataset, each with the first one that its path has accepted."""
    earlier = versions.alias()
    accepted = earlier.c.state.not_in((State.QUARANTINED.value, State.DUPLICATE.value))
    first = select(func.min(earlier.c.id)).where(earlier.c.path_id == versions.c.path_id, accepted).scalar_subquery()
    return (
        select(
            versions,
            paths.c.path,
            paths.c.present,
            paths.c.accepted,
            paths.c.judged,
            first.label("first"),
            *RULED_OUT,
        )
        .join(paths, paths.c.id == versions.c.path_id)
        .outerjoin(overruled, overruled.c.content == versions.c.content)
        .where(versions.c.dataset == dataset)
    )


def _was_accepted(row: Any) -> bool:
    return row.state not in (State.QUARANTINED, State.DUPLICATE)


def _utc(moment: datetime) -> str:
    """A moment as the ledger writes it, so that texts compare as times do."""
    return in_zone(moment, UTC).isoformat(timespec="milliseconds")
