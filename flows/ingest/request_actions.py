"""What a request asks for besides its files."""

from __future__ import annotations

from typing import Any

from flows.errors import CubefeedError, RequestFailed
from flows.ingest.business_days import Days
from flows.ingest.dataset_state import DatasetState
from flows.ingest.resources import Resources
from flows.ingest.table_fill import TableFill
from flows.model.business_day import DayChange
from flows.runtime.boundaries import describe
from flows.store.backup import make_backup
from flows.store.payload import Payload


class RequestActions:
    """Checks, rebuilds, closes days and reports. All of it runs in the thread that writes the cube."""

    def __init__(self, resources: Resources, tables: TableFill, days: Days) -> None:
        self._resources = resources
        self._tables = tables
        self._days = days

    def perform(self, state: DatasetState, kind: str, payload: Payload) -> tuple[dict[str, Any], tuple[DayChange, ...]]:
        """Do what a request of this kind asks for. Returns what its answer says of that, and the business days that
        have become something else by it.

        Raises:
            RequestFailed: it cannot be done.
            DatasetFailed: the dataset cannot do it now.
        """
        if kind != "close-day":
            return self._perform(state, kind, payload), ()
        self._tables.repair_damaged(state)
        closed = self._days.close(state, payload.date, as_of=payload.as_of, run=payload.run)
        return closed.answer, closed.changes

    def _perform(self, state: DatasetState, kind: str, payload: Payload) -> dict[str, Any]:
        dataset, dry_run = state.dataset, payload.dry_run
        repairs = self._tables.repair_damaged(state) if kind == "verify" else []
        if kind == "verify" or (kind == "rebuild" and dry_run):
            return {"verify": {**self._days.verify(state, deep=payload.deep), "mended": repairs}}
        if kind == "rebuild":
            return {"rows": self._tables.rebuild(dataset)}
        if kind == "unload" and not dry_run:
            self._back_up_unload(dataset.name)
        if kind == "report":
            return {"report": self._days.report(state, payload.date)}
        return {}

    def _back_up_unload(self, name: str) -> None:
        """Make a backup, so that it is remembered though the segment be lost that says that these rows have left."""
        try:
            make_backup(self._resources.ledger.file, self._resources.backups)
        except (OSError, CubefeedError) as error:
            raise RequestFailed(
                "The rows have left the cube, but the backup that remembers it could not be made",
                next_step="mend that; the next close-day makes a backup too",
                dataset=name,
                why=describe(error),
            ) from error
