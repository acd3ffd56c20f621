"""Makes reports out of what the owner answers, in the process that asks: charts cost more time than the facts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from flows.day_report.download import make_csv
from flows.day_report.formats import ReportFormat
from flows.day_report.html import make_page
from flows.day_report.markdown import make_markdown
from flows.ingest.client import ask
from flows.model.day_facts import DayReport, Run
from flows.store.owner import Owner
from flows.store.reports import Reports
from flows.store.state_directory import StateDirectory

_RENDERERS: dict[ReportFormat, Callable[[DayReport], str]] = {
    ReportFormat.markdown: make_markdown,
    ReportFormat.csv: make_csv,
    ReportFormat.json: lambda report: json.dumps(report.as_json(), indent=1, default=str) + "\n",
}


def render_report(state: Path, dataset: str, day: str | None, form: ReportFormat, *, timeout_s: float) -> str:
    """What `cubefeed report` prints: where the page lies now, or the report itself.

    Raises:
        NotRunning: nothing runs on this state directory.
        RequestFailed: there is no such day.
    """
    answer = ask(state, dataset, "report", {"date": day}, timeout_s=timeout_s)
    report = complete_report(state, answer["report"])
    if form is not ReportFormat.html:
        return _RENDERERS[form](report)
    return "".join(f"{line}\n" for line in keep_report(state, report))


def complete_report(state: Path, facts: Mapping[str, Any]) -> DayReport:
    """The report that the owner's facts make, with the addresses of its runs."""
    directory = StateDirectory(state)
    report = Reports(directory.reports).with_its_close(DayReport.from_json(facts))
    return replace(report, runs=_runs(directory.owner(), report))


def keep_report(state: Path, report: DayReport) -> list[str]:
    """Keep the report's page. Returns where it lies, and its address on the live page."""
    directory = StateDirectory(state)
    path = Reports(directory.reports).keep(report, make_page(report))
    owner = directory.owner()
    address = [f"{owner.url}/reports/{report.dataset}/{report.day}.html"] if owner and owner.url else []
    return [str(path), *address]


def _runs(owner: Owner | None, report: DayReport) -> tuple[Run, ...]:
    if owner is None or owner.prefect_url is None:
        return ()
    prefect = owner.prefect_url.rstrip("/")
    known = {"The run that closed the day": report.closed_by, "The run of the live session": owner.run}
    runs = [Run(what, f"{prefect}/runs/flow-run/{id}") for what, id in known.items() if id]
    return (*runs, Run("All runs", f"{prefect}/runs"))
