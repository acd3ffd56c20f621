"""How everything stands: what the API, the page and the command line show."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from math import isfinite
from typing import Any

import polars as pl

from flows.cube.bounds import Bounds
from flows.ingest.answer_context import AnswerContexts
from flows.ingest.cell_rows import CellRows
from flows.ingest.dataset_state import DatasetState
from flows.ingest.disk_warnings import Disks
from flows.ingest.feed import Feed
from flows.ingest.references import References
from flows.ingest.shown_days import shown_days
from flows.ingest.whole_table import whole_table
from flows.model.caveats import AnswerContext
from flows.model.files import first_names, shown
from flows.model.lifecycle import State
from flows.model.query import Query
from flows.model.row_query import RowQuery
from flows.model.tables import Table
from flows.runtime.clock import now_utc
from flows.runtime.health import Phase
from flows.store.business_days import late_days
from flows.store.derived import overruled_versions
from flows.store.history import (
    CommitRow,
    FileRow,
    commit_rows,
    counts,
    file_rows,
    file_warnings,
    newest_commit,
)
from flows.store.owner import Owner
from flows.store.quarantine_facts import quarantine_facts
from flows.store.reports import Reports
from flows.text.hindrances import hindrances
from flows.text.plural import counted

SHOWN_WAITING = 20
SHOWN_FILES = 12


@dataclass
class FeedSource:
    """A feed as the HTTP server sees it; `alerts` says who is told what goes wrong."""

    feed: Feed
    owner: Owner
    reports: Reports
    disks: Disks
    alerts: Callable[[], list[dict[str, Any]]] = list

    def __post_init__(self) -> None:
        self._cell_rows = CellRows(self.feed.ledger)
        self._references = References(self.feed.cube, self.feed.datasets, self.is_ready)
        self._contexts = AnswerContexts(self.feed, self._references)

    def model(self) -> tuple[Table, ...]:
        return self.feed.cube.model

    def query(self, query: Query, *, bounds: Bounds | None = None) -> pl.DataFrame:
        self.require_ready(query.table)
        return self.feed.cube.query(query, bounds=bounds)

    def rows(self, query: RowQuery, *, raw: bool, bounds: Bounds) -> tuple[list[dict[str, Any]], int]:
        self.require_ready(query.table)
        page = self.feed.cube.rows(query, bounds=bounds)
        return self._cell_rows.describe(self.feed.datasets[query.table], page, raw=raw, bounds=bounds), page.count

    def row_frame(self, query: RowQuery, *, bounds: Bounds) -> tuple[pl.DataFrame, int]:
        self.require_ready(query.table)
        page = self.feed.cube.rows(query, bounds=bounds)
        return self._cell_rows.with_files(page.rows), page.count

    def state_mark(self) -> str | None:
        return self.feed.cube.state_mark

    def table(self, dataset: str) -> tuple[Generator[pl.DataFrame], int | None]:
        self.require_ready(dataset)
        return whole_table(self.feed.cube, self.feed.ledger, dataset)

    def query_together(self, queries: Sequence[Query], *, bounds: Bounds | None = None) -> list[pl.DataFrame]:
        for query in queries:
            self.require_ready(query.table)
        return self.feed.cube.query_together(queries, bounds=bounds)

    def require_ready(self, table: str) -> None:
        """Not of the tables that are joined to it: what is not there yet has no match, and answers say so."""
        if table in self.feed.datasets and not self.is_ready(table):
            raise self.feed.health.starting_error(table, self.feed.datasets[table].degraded)

    def context(self, query: Query) -> AnswerContext:
        return self._contexts.of(query)

    def is_ready(self, table: str) -> bool:
        """Whether readers see all that the ledger holds; of a new cube, all that lay there at the start."""
        started = self.feed.health.phase is not Phase.STARTING
        return self.feed.datasets[table].filled and (started or self.feed.cube.row_count(table) > 0)

    def status(self) -> dict[str, Any]:
        """See `cubefeed status`."""
        found = self._standing()
        for name, facts in found["datasets"].items():
            table = self.feed.datasets[name].dataset.table
            standing = self._references.of(table, table.references, counted=facts["ready"])
            facts["references"] = {each.name: each.as_json() for each in standing}
        return found

    def _standing(self) -> dict[str, Any]:
        """The status, but for what has to be counted."""
        return {
            "pid": os.getpid(),
            "engine": self.feed.cube.engine,
            "url": self.owner.url,
            "engine_url": self.feed.cube.url,
            "prefect_url": self.owner.prefect_url,
            "run": self.owner.run,
            "since_utc": self.owner.since_utc,
            "phase": self.feed.health.phase.value,
            "progress": self.feed.health.progress or None,
            "datasets": {name: self._dataset(state) for name, state in self.feed.datasets.items()},
            "disks": self.disks.as_json(),
            "alerts": self.alerts(),
        }

    def complaints(self) -> list[str]:
        """What is stale, degraded or refused."""
        own = [f"{name}: {complaint}" for name in self.feed.datasets for complaint in self._complaints(name)]
        return [*self.feed.health.list_complaints(), *own]

    def files(
        self, dataset: str | None, states: tuple[str, ...], limit: int, *, current_only: bool = False
    ) -> list[FileRow]:
        return file_rows(self.feed.ledger, dataset=dataset, states=states, current_only=current_only, limit=limit)

    def overview(self) -> dict[str, Any]:
        """What the live page shows around the pivots: the status, the last files, and those refused now."""
        refused = self.files(None, ("quarantined",), SHOWN_FILES, current_only=True)
        return {
            "now_utc": now_utc(),
            **self._standing(),
            "complaints": self.complaints(),
            "recent": [asdict(row) for row in self.files(None, (), SHOWN_FILES)],
            "refused": [asdict(row) for row in refused if row.present],
        }

    def waiting_files(self, dataset: str | None) -> list[dict[str, Any]]:
        """Files that have not settled, or wait for something, as rows of `files`; there is no version of them yet."""
        found = []
        for name, state in self.feed.datasets.items():
            if dataset in (None, name):
                waiting = state.monitor.inbox.list_waiting()
                found += [_waiting_row(name, shown(path), why) for path, why in waiting.items()]
        return found

    def commits(self, after: int | None, most: int) -> tuple[int, list[CommitRow]]:
        last = newest_commit(self.feed.ledger)
        return last, [] if after is None or after >= last else commit_rows(self.feed.ledger, after, most)

    def days(self, dataset: str, most: int) -> list[dict[str, Any]]:
        return shown_days(self.feed.datasets[dataset].dataset, self.feed.ledger, most=most)

    def findings(self, dataset: str, version: int, *, raw: bool, bounds: Bounds) -> dict[str, Any] | None:
        report = self._findings(dataset, version) if dataset in self.feed.datasets else None
        if report is None or not raw:
            return report
        kept = self.feed.quarantine.refused_file(dataset, version)
        state = self.feed.datasets[dataset]
        return report | {"findings": self._cell_rows.with_raw(state, version, report["findings"], kept, bounds)}

    def _findings(self, dataset: str, version: int) -> dict[str, Any] | None:
        ruled_out = overruled_versions(self.feed.ledger, dataset).get(version)
        if ruled_out is None:
            return self.feed.quarantine.report(dataset, version)
        return {
            "dataset": dataset,
            "version": version,
            "accepted": True,
            "reason": ruled_out.reason,
            "counts": dict(ruled_out.counts),
            "findings": [asdict(finding) for finding in ruled_out.findings],
        }

    def _dataset(self, state: DatasetState) -> dict[str, Any]:
        name, inbox = state.dataset.name, state.monitor.inbox
        found, waiting = counts(self.feed.ledger, name), inbox.list_waiting()
        died_over = self.feed.crashes.suspects(name)
        return {
            "ready": self.is_ready(name),
            "rows": self.feed.cube.row_count(state.dataset.table.name),
            "landing": str(state.dataset.directory),
            "observer": state.monitor.observer,
            "files": found.files,
            "size_bytes": found.size_bytes,
            "stale": found.stale + found.overruled,
            "warnings": self._warnings(name),
            "waiting": len(waiting),
            "lag_s": inbox.longest_wait_s(),
            "scan_age_s": time.monotonic() - inbox.scanned_at if isfinite(inbox.scanned_at) else None,
            "waits": [{"file": shown(path), "for": why} for path, why in list(waiting.items())[:SHOWN_WAITING]],
            "left_out": {shown(path): why for path, why in list(inbox.refused.items())[:SHOWN_WAITING]},
            "beside": None if inbox.beside is None else inbox.beside.words(state.dataset.all_patterns),
            "quarantine": quarantine_facts(state.dataset, self.feed.quarantine),
            "died_over": {shown(path): why for path, why in list(died_over.items())[:SHOWN_WAITING]},
            "last_loaded_utc": found.last_loaded_utc,
            "late_days": [day.day.isoformat() for day in late_days(self.feed.ledger, name)],
            "days": shown_days(state.dataset, self.feed.ledger),
            "report_day": self.reports.last_day(name),
            "age_s": _age_s(found.last_loaded_utc),
            "degraded": state.degraded,
            "problem": inbox.problem,
        }

    def _warnings(self, name: str) -> list[dict[str, Any]]:
        return [asdict(warning) for warning in file_warnings(self.feed.ledger, name)[:SHOWN_WAITING]]

    def _complaints(self, name: str) -> list[str]:
        state = self.feed.datasets[name]
        found = counts(self.feed.ledger, name)
        problem, lost, refused = state.monitor.inbox.problem, state.repairs.lost, found.files.get("quarantined", 0)
        died_over = self.feed.crashes.suspects(name)
        complaints = list(hindrances(degraded=state.degraded, problem=problem))
        if found.stale:
            complaints.append(f"{counted(found.stale, 'stale file')}: the rows in the cube are older than the file")
        if found.overruled:
            complaints.append(
                f"{counted(found.overruled, 'file')} stale by declaration: what is in the cube of them would be "
                "refused now; see cubefeed files"
            )
        if lost:
            names = first_names(lost, SHOWN_WAITING)
            complaints.append(f"{counted(len(lost), 'version')} lost with the segment; put back {names}")
        if died_over:
            names = first_names([shown(path) for path in died_over], SHOWN_WAITING)
            complaints.append(f"the process died over {counted(len(died_over), 'file')}: {names}")
        if refused:
            complaints.append(f"{counted(refused, 'refused file')}; see cubefeed findings")
        return complaints


def _waiting_row(dataset: str, file: str, why: str) -> dict[str, Any]:
    known = {"dataset": dataset, "file": file, "state": State.DETECTED.value, "rows": 0, "refused": 0, "present": True}
    words = {"standing": "waiting", "explanation": f"it waits: {why}", "current": False, "stale": False}
    return {**dict.fromkeys(each.name for each in fields(FileRow)), **known, **words}


def _age_s(utc: str | None) -> float | None:
    return (datetime.now(UTC) - datetime.fromisoformat(utc)).total_seconds() if utc else None
