"""The facts of a business day: its totals, the files that came for it, and whether the cube is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from flows.cube.port import Cube
from flows.errors import RequestFailed
from flows.ingest.day_measures import Measured
from flows.ingest.verification import complaints_of
from flows.landing.inbox import Inbox
from flows.model.calendar import day_before, in_zone, is_due, shifted, span_of
from flows.model.dataset import Dataset
from flows.model.day_facts import Came, DayFile, DayReport, Total
from flows.model.query import Query
from flows.model.tables import CONTRIBUTORS_COUNT
from flows.model.types import DATE
from flows.store.business_days import known_days
from flows.store.day_versions import DayVersion, day_versions
from flows.store.history import counts
from flows.store.ledger import Ledger
from flows.store.segment_rows import Part, newest_dates

SHOWN_DATES = 15
SHOWN_WARNINGS = 20
SHOWN_FILES = 200
"""A report is read by people, and its facts lie in the ledger as the answer to a request."""
_FIRST: tuple[Came, ...] = ("refused", "late", "corrected", "received", "duplicate")
_WEEK_DAYS = 7

Newest = Mapping[int, tuple[date | None, bool]]
"""Version → its newest date, and whether it has rows of the day."""


def day_report(
    dataset: Dataset,
    day: date,
    *,
    measured: Measured | None,
    found: Mapping[str, Any],
    ledger: Ledger,
    parts: list[Part],
    checked: Mapping[str, Any],
    inbox: Inbox,
    unmatched: Mapping[str, int],
) -> DayReport:
    """What there is to say of a day.

    Args:
        dataset: the dataset.
        day: the business day.
        measured: its measures by day; None where it has no dates.
        found: what `day_facts` says of the day, where it is due.
        ledger: the ledger.
        parts: all segments of the dataset, also those without live rows.
        checked: what the check of the cube against the ledger found.
        inbox: what waits.
        unmatched: how many rows have no match in each joined table.
    """
    level, before, week_before = day_level(dataset), day_before(dataset.expect, day), shifted(day, -_WEEK_DAYS)
    since, until = span_of(dataset.expect, day)
    newest = newest_dates(parts, level, day) if level else {}
    state = known_days(ledger, dataset.name, [day]).get(day) if dataset.expect is not None else None
    holding = [version for version, (_, has) in newest.items() if has]
    holding += [state.version] if state is not None and state.version is not None else []
    came = day_versions(ledger, dataset.name, since=since, until=until, holding=holding)
    files = [_file(version, newest, day, until if dataset.expect else None) for version in came]
    files.sort(key=lambda file: _FIRST.index(file.came))
    due = is_due(dataset.expect, day, datetime.now(UTC))
    stands = counts(ledger, dataset.name)
    return DayReport(
        dataset=dataset.name,
        day=day.isoformat(),
        level=level,
        day_before=None if before is None else before.isoformat(),
        week_before=None if week_before is None else week_before.isoformat(),
        since_utc=_utc(since),
        until_utc=_utc(until),
        due=due,
        totals=tuple(_totals(dataset, measured, day)) if measured is not None else (),
        counts=dict(Counter(file.came for file in files)),
        files=tuple(files[:SHOWN_FILES]),
        more_files=max(0, len(files) - SHOWN_FILES),
        loaded_utc=max((v.row.loaded_utc for v in came if v.row.loaded_utc and _has(newest, v)), default=None),
        stale=stands.stale + stands.overruled,
        waiting=len(inbox.list_waiting()),
        rows=checked["rows"],
        missing=checked["missing"],
        extra=checked["extra"],
        complaints=(
            *complaints_of(checked, found, inbox.problem),
            *([*measured.complaints, *measured.too_large_on(day)] if measured is not None else ()),
            *_warnings(came),
        ),
        state=state,
        formats=dataset.table.number_formats,
        unmatched=unmatched,
    )


def require_data_by(dataset: Dataset, cube: Cube, day: date) -> None:
    """Refuse a day that lies before all that the cube holds; who names it has mistyped it.

    Raises:
        RequestFailed: all rows are of later days.
    """
    level = day_level(dataset)
    if level is None:
        return
    first = cube.query(Query(dataset.table.name, (CONTRIBUTORS_COUNT,), (level,)))[level].min()
    if isinstance(first, date) and first > day:
        raise RequestFailed("The data begins after that day", next_step=f"name {first} or a later day", got=day)


def day_level(dataset: Dataset) -> str | None:
    """The column that holds the business day; the first date where the dataset does not say."""
    if dataset.expect is not None:
        return dataset.expect.day
    return next((level.name for level in dataset.table.column_levels if level.type is DATE), None)


def _has(newest: Newest, version: DayVersion) -> bool:
    return newest.get(version.row.version, (None, False))[1]


def _totals(dataset: Dataset, measured: Measured, day: date) -> list[Total]:
    """The measures on the last dates until the day, and on the day itself even where it has no rows."""
    until = sorted(at for at in measured.by_day if at <= day)
    dates = sorted({*until[-SHOWN_DATES:], day}, reverse=True)[:SHOWN_DATES]
    return [
        Total(
            at.isoformat(),
            measure,
            value,
            measured.shown_on(day_before(dataset.expect, at))[measure],
            measured.shown_on(shifted(at, -_WEEK_DAYS))[measure],
        )
        for at in dates
        for measure, value in measured.shown_on(at).items()
    ]


def _file(version: DayVersion, newest: Newest, day: date, due: datetime | None) -> DayFile:
    row = version.row
    came, late_for = _came(version, newest, day, due)
    reasons = [f"rows of {late_for} came late" if late_for else "", row.reason or ""]
    reasons += [row.warning or "", row.tolerated]
    reasons += [row.first_finding.words] if row.first_finding else []
    return DayFile(
        file=row.file,
        came=came,
        state=row.state,
        rows=row.rows,
        refused=row.refused,
        why="; ".join(filter(None, reasons)),
        detected_utc=row.detected_utc,
    )


def _came(version: DayVersion, newest: Newest, day: date, due: datetime | None) -> tuple[Came, date | None]:
    """As what a version came, and the day that it was late for."""
    if not version.accepted:
        return ("duplicate" if version.row.state == "duplicate" else "refused"), None
    if version.corrects:
        return "corrected", None
    last, has = newest.get(version.row.version, (None, False))
    found = datetime.fromisoformat(version.row.detected_utc)
    if due is not None and has and found > due:
        return "late", day
    if due is not None and not has and last is not None and last < day:
        return "late", last
    return "received", None


def _warnings(came: Sequence[DayVersion]) -> list[str]:
    """Of the versions that their files still show."""
    warned = [each.row for each in came if each.row.warning and each.row.current]
    return [f"{row.file}: {row.warning}" for row in warned[:SHOWN_WARNINGS]]


def _utc(moment: datetime) -> str:
    return in_zone(moment, UTC).isoformat(timespec="seconds")
