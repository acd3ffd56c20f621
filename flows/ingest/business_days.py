"""The owner's work on whole days: closing one, checking the cube, and the facts of a report."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

from flows.ingest.commit import Appender
from flows.ingest.dataset_state import DatasetState
from flows.ingest.day_totals import day_report, require_data_by
from flows.ingest.resources import Resources
from flows.ingest.restore_check import restored_otherwise
from flows.ingest.table_fill import TableFill
from flows.ingest.verification import complaints_of, day_facts, read_again, require_day_column, retain_from, verify
from flows.model.calendar import business_day, calendar_day, in_zone, shifted
from flows.model.dataset import Dataset
from flows.model.merge import ChangeSet
from flows.runtime.boundaries import Scope, boundary
from flows.store.backup import make_backup
from flows.store.exchange import remove_old_ledgers
from flows.store.upkeep import first_day, horizon_of, set_first_day

log = logging.getLogger(__name__)

SCRATCH = "verify-"


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
            with _scratch(resources.backups.parent) as directory:
                segments, crashes = resources.segments, resources.crashes
                files = read_again(dataset, ledger, segments, parts, mount, directory, crashes)
                found = compare(files=files)
                return {**found, "restore": restored_otherwise(dataset, resources, mount, directory)}

    def close(
        self, state: DatasetState, day: date | None, *, as_of: datetime | None = None, run: str | None = None
    ) -> dict[str, Any]:
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
        self._retain(dataset)
        checked, closed = self.verify(state), day or _passed_day(dataset, moment)
        report = self._report(state, closed or _day_before(moment), checked)
        make_backup(ledger.file, self._resources.backups)
        remove_old_ledgers(ledger.file)
        self._appender.compact(dataset)
        found = day_facts(dataset, self._resources.cube, closed)
        complaints = complaints_of(checked, found, state.monitor.inbox.problem)
        return {
            "day": {"dataset": dataset.name, **found, **checked, "complaints": complaints},
            "report": {**report, "closed_by": run},
        }

    def report(self, state: DatasetState, day: date | None) -> dict[str, Any]:
        """The facts of a day; of the one that is due by default.

        Raises:
            RequestFailed: the day lies before all data, and no file came for it.
        """
        now = datetime.now(UTC)
        chosen = day or _due_day(state.dataset, now) or _day_before(now)
        report = self._report(state, chosen, self.verify(state))
        if day is not None and not report["files"]:
            require_data_by(state.dataset, self._resources.cube, day)
        return report

    def _report(self, state: DatasetState, day: date, checked: Mapping[str, Any]) -> dict[str, Any]:
        dataset, inbox, resources = state.dataset, state.monitor.inbox, self._resources
        cube, ledger = resources.cube, resources.ledger
        with resources.segments.reading():
            parts = self._appender.live.parts(dataset.name, {id: {} for id in ledger.segments(dataset.name)})
            report = day_report(dataset, day, cube=cube, ledger=ledger, parts=parts, checked=checked, inbox=inbox)
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
