"""What the ledger knows of the business days of a dataset."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from flows.model.business_day import BusinessDay, DayState, TotalChange
from flows.model.lifecycle import LIVE
from flows.model.totals import JsonValue, Value, from_json, to_json
from flows.runtime.clock import now_utc
from flows.store.ledger import Ledger
from flows.store.schema import business_days as table
from flows.store.schema import datasets, paths, versions
from flows.store.statements import among, dataset_fact

LATE_DAYS = timedelta(days=31)
"""Days that were late longer ago are not told any more."""
_COLUMNS = [table.c[field.name] for field in fields(BusinessDay)]


def days_of(ledger: Ledger, dataset: str, first: date, last: date) -> list[BusinessDay]:
    """The days of a dataset from the first to the last, in order; only those of which something is known."""
    there = table.c.day.between(first.isoformat(), last.isoformat())
    return list(_found(ledger, _of(dataset).where(there).order_by(table.c.day)))


def last_days(ledger: Ledger, dataset: str, most: int) -> list[BusinessDay]:
    """The last days of a dataset of which something is known, in order."""
    return list(_found(ledger, _of(dataset).order_by(table.c.day.desc()).limit(most)))[::-1]


def known_days(ledger: Ledger, dataset: str, days: Iterable[date]) -> dict[date, BusinessDay]:
    """Those of these days of which something is known."""
    named = table.c.day.in_(among(day.isoformat() for day in days))
    return {found.day: found for found in _found(ledger, _of(dataset).where(named))}


def late_days(ledger: Ledger, dataset: str) -> list[BusinessDay]:
    """The days of the last month whose data is late and has not come, in order."""
    first = datetime.now(UTC).date() - LATE_DAYS
    late = (table.c.day >= first.isoformat()) & (table.c.state == DayState.LATE.value)
    return list(_found(ledger, _of(dataset).where(late).order_by(table.c.day)))


def closed_days(ledger: Ledger, dataset: str) -> list[BusinessDay]:
    """All days that were closed, also those that were restated since."""
    return list(_found(ledger, _of(dataset).where(table.c.closed_utc.is_not(None)).order_by(table.c.day)))


def said_by(ledger: Ledger, dataset: str, versions: Iterable[int]) -> list[BusinessDay]:
    """The days of which one of these file versions has said that they have no rows."""
    return list(_found(ledger, _of(dataset).where(table.c.version.in_(among(versions)))))


def last_closed(ledger: Ledger, dataset: str) -> date | None:
    """The last day that was closed, without a complaint; None where none was. `last_checked` counts the others too."""
    return _last(ledger, dataset, table.c.closed_utc)


def last_checked(ledger: Ledger, dataset: str) -> date | None:
    """The last day that a close has looked at, whatever it found; None where none has."""
    return _last(ledger, dataset, table.c.checked_utc)


def checked_days(ledger: Ledger, dataset: str) -> dict[date, datetime]:
    """The days that a close has looked at, whatever it found → when it did so last."""
    query = select(table.c.day, table.c.checked_utc).where(table.c.dataset == dataset, table.c.checked_utc.is_not(None))
    with ledger.reading() as connection:
        rows = connection.execute(query).tuples().all()
    return {date.fromisoformat(day): datetime.fromisoformat(at) for day, at in rows}


def write_days(connection: Connection, days: Iterable[BusinessDay], *, untold: bool = True) -> None:
    """Write days as they are now.

    Args:
        connection: a transaction that is open.
        days: the days.
        untold: whether what they have become is still to be told.
    """
    rows = [{**_row(day), "untold": untold} for day in days]
    if rows:
        statement = upsert(table)
        new: dict[str, Any] = {name: statement.excluded[name] for name in rows[0] if name not in ("dataset", "day")}
        new["untold"] = or_(table.c.untold, statement.excluded.untold)
        connection.execute(statement.on_conflict_do_update(index_elements=["dataset", "day"], set_=new), rows)


def note_late(ledger: Ledger, dataset: str, day: date) -> BusinessDay | None:
    """Note that a day's time has passed, in one transaction, since its rows may come at this moment.

    Returns the day; None where it has come, or was found late before.
    """
    with ledger.writing() as connection:
        row = connection.execute(_of(dataset).where(table.c.day == day.isoformat())).one_or_none()
        before = _day(row) if row is not None else BusinessDay(dataset, day)
        after = before.late(now_utc())
        if after == before:
            return None
        write_days(connection, [after])
    return after


def untold_days(ledger: Ledger, dataset: str) -> list[BusinessDay]:
    """The days of which nobody was told yet that they have become what they are: the process died before."""
    return list(_found(ledger, _of(dataset).where(table.c.untold).order_by(table.c.day)))


def mark_told(ledger: Ledger, dataset: str, days: Iterable[date]) -> None:
    """What these days have become was told."""
    with ledger.writing() as connection:
        named = (table.c.dataset == dataset) & table.c.day.in_(among(day.isoformat() for day in days))
        connection.execute(update(table).where(named).values(untold=False))


def day_column(ledger: Ledger, dataset: str) -> str | None:
    """The column whose days the ledger knows; None where they have to be derived."""
    with ledger.reading() as connection:
        column: str | None = dataset_fact(connection, datasets.c.day_column, dataset)
    return column


def set_days(ledger: Ledger, dataset: str, column: str | None, days: Iterable[BusinessDay]) -> None:
    """Write days of which nobody is told, and that the ledger knows those of this column from now on."""
    with ledger.writing() as connection:
        write_days(connection, days, untold=False)
        connection.execute(update(datasets).where(datasets.c.name == dataset).values(day_column=column))


def loaded_at(ledger: Ledger, ids: Iterable[int]) -> dict[int, str]:
    """Version → when it was loaded."""
    at = func.coalesce(versions.c.loaded_utc, versions.c.staged_utc, versions.c.detected_utc)
    with ledger.reading() as connection:
        return dict(connection.execute(select(versions.c.id, at).where(versions.c.id.in_(among(ids)))).tuples().all())


class VersionWithoutRows(NamedTuple):
    """A sound file of a header alone."""

    id: int
    path: bytes
    detected_utc: str
    loaded_utc: str


def versions_without_rows(ledger: Ledger, dataset: str) -> list[VersionWithoutRows]:
    """Those that their paths show, in the order in which they came."""
    loaded = func.coalesce(versions.c.loaded_utc, versions.c.detected_utc)
    query = (
        select(versions.c.id, paths.c.path, versions.c.detected_utc, loaded)
        .join(paths, paths.c.id == versions.c.path_id)
        .where(versions.c.dataset == dataset, versions.c.state.in_(LIVE))
        .where(versions.c.rows == 0, versions.c.refused == 0)
        .order_by(versions.c.id)
    )
    with ledger.reading() as connection:
        return [VersionWithoutRows(*row) for row in connection.execute(query)]


def _of(dataset: str) -> Select[Any]:
    return select(*_COLUMNS).where(table.c.dataset == dataset)


def _last(ledger: Ledger, dataset: str, when: Any) -> date | None:
    last = select(func.max(table.c.day)).where(table.c.dataset == dataset, when.is_not(None))
    with ledger.reading() as connection:
        found = connection.scalar(last)
    return date.fromisoformat(found) if found else None


def _found(ledger: Ledger, query: Select[Any]) -> Iterator[BusinessDay]:
    with ledger.reading() as connection:
        found = connection.execute(query).all()
    yield from (_day(row) for row in found)


def _day(row: Any) -> BusinessDay:
    facts = dict(row._mapping)
    facts |= {"day": date.fromisoformat(row.day), "state": DayState(row.state)}
    facts["totals"] = _totals(json.loads(row.totals)) if row.totals else None
    facts["changes"] = tuple(map(TotalChange.from_json, json.loads(row.changes or "[]")))
    return BusinessDay(**facts)


def _totals(facts: Mapping[str, JsonValue]) -> dict[str, Value]:
    return {name: from_json(value) for name, value in facts.items()}


def _row(day: BusinessDay) -> dict[str, Any]:
    changes = json.dumps([change.as_json() for change in day.changes]) if day.changes else None
    totals = None
    if day.totals is not None:
        totals = json.dumps({name: to_json(value) for name, value in day.totals.items()})
    facts = {name: getattr(day, name) for name in BusinessDay.__dataclass_fields__}
    return {**facts, "day": day.day.isoformat(), "state": day.state.value, "totals": totals, "changes": changes}
