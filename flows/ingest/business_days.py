"""The owner's work on whole days: closing one, checking the cube, and the facts of a report."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

from flows.ingest.commit import Appender
from flows.ingest.dataset_state import DatasetState
from flows.ingest.day_changes import note_close
from flows.ingest.day_measures import Measured, measure_days
from flows.ingest.day_totals import day_level, day_report, require_data_by
from flows.ingest.resources import Resources
from flows.ingest.table_fill import TableFill
from flows.ingest.verification import complaints_of, day_facts, read_again, require_day_column, retain_from, verify
from flows.model.business_day import DayChange
from flows.model.calendar import business_day, calendar_day, in_zone, is_due, shifted
from flows.model.dataset import Dataset
from flows.model.merge import ChangeSet
from flows.runtime.boundaries import Scope, boundary
from flows.store.backup import make_backup
from flows.store.business_days import known_days
from flows.store.exchange import remove_old_ledgers
from flows.store.upkeep import first_day, horizon_of, set_first_day

log = logging.getLogger(__name__)

SCRATCH = "verify-"


@dataclass(frozen=True)
class ClosedDay:
    """What a close has found, and the days that have become something else by it."""

    answer: dict[str, Any]
    changes: tuple[DayChange, ...]


class Days:
    """Closes days, and says what they were. All of it runs in the thread that writes the cube."""

    def __init__(self, resources: Resources, appender: Appender, tables: TableFill) -> None:
        self._resources = resources
        self._appender = appender
        self._tables = tables

    def verify(self, state: DatasetState, *, deep: bool = False) -> dict[str, Any]:
        """Compare the cube with the ledger's segments; where `deep` with the landing files, and what a restore would
        make of the segments with the ledger."""
        dataset, resources, ledger = state.dataset, self._resources, self._resources.ledger
        with resources.segments.reading():
            parts = self._appender.live.all(dataset)
            compare = partial(verify, dataset.table, resources.cube, parts, horizon=horizon_of(ledger, dataset))
            if not deep:
                return compare()
            mount = state.monitor.read_thread
            from flows.ingest.restore_check import restored_otherwise  # only now: no start waits for it

            with _scratch(resources.backups.parent) as directory:
                segments, crashes = resources.segments, resources.crashes
                files = read_again(dataset, ledger, segments, parts, mount, directory, crashes)
                found = compare(files=files)
                return {**found, "restore": restored_otherwise(dataset, resources, mount, directory)}

    def close(
        self, state: DatasetState, day: date | None, *, as_of: datetime | None = None, run: str | None = None
    ) -> ClosedDay:
        """Close a business day: move the horizon, check, report, back up, compact.

        Args:
            state: whose day.
            day: the day; by default the one whose time has passed last.
            as_of: the moment that counts for that; now by default.
            run: the Prefect run that asks for it.

        Raises:
            RequestFailed: the dataset does not say which of its rows belong to a day.
        """
        dataset, ledger, moment = state.dataset, self._resources.ledger, as_of or datetime.now(UTC)
        require_day_column(dataset, day)
        self._appender.open_days.forget(dataset.name)
        self._retain(dataset)
        checked, closed = self.verify(state), day or _passed_day(dataset, moment)
        measured = self._measure(dataset)
        found = self._facts(dataset, measured, closed)
        complaints = _complaints(state, checked, found, measured)
        changes: list[DayChange] = []
        if closed is not None and measured is not None:
            changes = note_close(dataset, ledger, measured, closed, is_sound=not complaints, run=run)
        report = self._report(state, closed or _day_before(moment), checked, measured)
        make_backup(ledger.file, self._resources.backups)
        remove_old_ledgers(ledger.file)
        self._appender.compact_if_possible(dataset)
        stands = report["state"]["state"] if report["state"] is not None else None
        answer = {
            "day": {"dataset": dataset.name, **found, **checked, "state": stands, "complaints": complaints},
            "report": {**report, "closed_by": run},
        }
        return ClosedDay(answer, tuple(changes))

    def report(self, state: DatasetState, day: date | None) -> dict[str, Any]:
        """The facts of a day; of the one that is due by default.

        Raises:
            RequestFailed: the day lies before all data, and no file came for it.
        """
        now = datetime.now(UTC)
        chosen = day or _due_day(state.dataset, now) or _day_before(now)
        report = self._report(state, chosen, self.verify(state), self._measure(state.dataset))
        if day is not None and not report["files"]:
            require_data_by(state.dataset, self._resources.cube, day)
        return report

    def _measure(self, dataset: Dataset) -> Measured | None:
        """All measures by day; None where no column holds days."""
        level = day_level(dataset)
        if level is None:
            return None
        return measure_days(self._resources.cube, dataset.table, level, with_calculated=True)

    def _facts(self, dataset: Dataset, measured: Measured | None, day: date | None) -> dict[str, Any]:
        known = known_days(self._resources.ledger, dataset.name, [day]).get(day) if day is not None else None
        return day_facts(dataset, measured, known, day)

    def _report(
        self, state: DatasetState, day: date, checked: Mapping[str, Any], measured: Measured | None
    ) -> dict[str, Any]:
        dataset, ledger = state.dataset, self._resources.ledger
        due = is_due(dataset.expect, day, datetime.now(UTC))
        with self._resources.segments.reading():
            report = day_report(
                dataset,
                day,
                measured=measured,
                found=self._facts(dataset, measured, day if due else None),
                ledger=ledger,
                parts=self._appender.live.parts(dataset.name, {id: {} for id in ledger.segments(dataset.name)}),
                checked=checked,
                inbox=state.monitor.inbox,
                unmatched=self._resources.cube.unmatched(dataset.table.name),
            )
        return report.as_json()

    def _retain(self, dataset: Dataset) -> None:
        """Move the horizon; days that a longer retention brings back are rebuilt."""
        ledger = self._resources.ledger
        before, after = first_day(ledger, dataset.name), retain_from(dataset)
        if before == after:
            return
        with self._appender.ahead(dataset.name):
            set_first_day(ledger, dataset.name, after)
            log.info("%s: rows from %s on are kept", dataset.name, after or "the first day")
            horizon = horizon_of(ledger, dataset)
            if before is not None and (after is None or after < before):
                self._tables.rebuild(dataset)
            elif horizon is not None:
                with boundary(Scope.CUBE):
                    self._resources.cube.apply(ChangeSet(dataset.table.name, frozenset(), dataset.no_rows, horizon))


def _complaints(
    state: DatasetState, checked: Mapping[str, Any], found: Mapping[str, Any], measured: Measured | None
) -> list[str]:
    """What is not as it should be of a day. Why the landing directory cannot be seen matters where data is missing."""
    is_missed = found["business_day"] is None or (found["expected"] and not found["arrived"])
    problem = state.monitor.inbox.problem if is_missed else None
    return [*complaints_of(checked, found, problem), *(measured.complaints if measured is not None else ())]


@contextmanager
def _scratch(root: Path) -> Iterator[Path]:
    """A directory for the time of a check; one that a crash has left behind goes too."""
    for left in root.glob(f"{SCRATCH}*"):
        rmtree(left, ignore_errors=True)
    with TemporaryDirectory(prefix=SCRATCH, dir=root) as directory:
        yield Path(directory)


def _due_day(dataset: Dataset, moment: datetime) -> date | None:
    return business_day(dataset.expect, moment) if dataset.expect else None


def _passed_day(dataset: Dataset, moment: datetime) -> date | None:
    return calendar_day(dataset.expect, moment) if dataset.expect else None


def _day_before(moment: datetime) -> date:
    day = in_zone(moment, UTC).date()
    return shifted(day, -1) or day
