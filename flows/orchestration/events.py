"""The events that Prefect's automations can wait for: of files, datasets and sessions."""

from __future__ import annotations

import contextlib
import threading
from contextvars import ContextVar, copy_context
from typing import Any

from prefect.context import FlowRunContext, TaskRunContext
from prefect.events import emit_event

from flows.ingest.work import Outcome
from flows.model.business_day import DayState
from flows.orchestration.event_catalogue import RESOURCE, EventName
from flows.orchestration.run_log import file_line
from flows.runtime.boundaries import NothingFailed, Scope, boundary
from flows.settings import Settings
from flows.store.owner import Owner

INSTALLATION = "cubefeed.installation"
"""The label of an event's resource that names the installation, where it has a name."""
NAMED_FILES = 200
"""Files that an event names at most; the ledger has them all."""

NAMED_DAYS = 31
"""Business days of one batch that have events, the last ones."""
_DAYS = {
    DayState.LATE: EventName.DAY_LATE,
    DayState.ARRIVED: EventName.DAY_ARRIVED,
    DayState.RESTATED: EventName.DAY_RESTATED,
    DayState.CLOSED: EventName.DAY_CLOSED,
}


def emit_session(name: EventName, owner: Owner) -> None:
    """An event of the session, once per dataset."""
    for dataset in owner.datasets:
        _emit(name, dataset, {"engine": owner.engine, "url": owner.url})


class Events:
    """Emits what Prefect's users can wait for, from the outcomes of one session."""

    def __init__(self) -> None:
        self._problems: dict[str, str] = {}
        self._lock = threading.Lock()

    def emit(self, outcome: Outcome) -> None:
        """The events of one outcome, in the thread that does the work; returns at once.

        A dataset may fail in several threads in the same moment: while it is listed, checked and committed.
        """
        _emit_files(outcome)
        _emit_days(outcome)
        with self._lock:
            self._emit_problem(outcome)

    def _emit_problem(self, outcome: Outcome) -> None:
        """One event when a dataset begins to fail, and one when it is over."""
        before = self._problems.pop(outcome.dataset, None)
        if outcome.problem is not None:
            self._problems[outcome.dataset] = outcome.problem
            if before is None:
                _emit(EventName.SESSION_DEGRADED, outcome.dataset, {"why": outcome.problem})
        elif before is not None:
            _emit(EventName.SESSION_RECOVERED, outcome.dataset, {"why": before})


def _emit_files(outcome: Outcome) -> None:
    """One event per batch and state, naming its files."""
    for state, name in (("loaded", EventName.FILE_LOADED), ("quarantined", EventName.FILE_QUARANTINED)):
        files = [file for file in outcome.files if file.state == state and file.version is not None]
        if files:
            _emit(
                name,
                outcome.dataset,
                {
                    "count": len(files),
                    "rows": sum(file.rows for file in files),
                    "files": [file.file for file in files[:NAMED_FILES]],
                    "first": file_line(files[0]),
                },
            )


def _emit_days(outcome: Outcome) -> None:
    """One event for each business day that has become something else; a history that is loaded at once is no news."""
    for state, name in _DAYS.items():
        for change in sorted((c for c in outcome.days if c.state is state), key=lambda c: c.day)[-NAMED_DAYS:]:
            _emit(name, outcome.dataset, change.as_json())


def _emit(name: str, dataset: str, payload: dict[str, Any]) -> None:
    """Emit an event with the dataset as its resource, and no run beside it.

    Prefect would add the run in whose context its events worker began, with its task, flow and deployment: not the
    run that did the work, and most of what an event takes in the database.
    """
    context = copy_context()
    running: tuple[ContextVar[Any], ...] = (FlowRunContext.__var__, TaskRunContext.__var__)
    for variable in running:
        context.run(variable.set, None)
    resource = {"prefect.resource.id": f"{RESOURCE}{dataset}", "prefect.resource.name": dataset}
    if installation := Settings.read().name:
        resource[INSTALLATION] = installation
    with contextlib.suppress(NothingFailed), boundary(Scope.PREFECT):
        context.run(emit_event, name, resource=resource, payload=payload)
