"""The reports of business days, as files: one page per dataset and day, and its facts beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from flows.model.day_facts import DayReport
from flows.store.atomic_write import make_inside, remove_partials, write_file
from flows.store.disk import room_for

LEFT_S = 3600.0
"""A page takes far less time to be written; what has lain half written for so long was left by a crash."""


@dataclass(frozen=True)
class Reports:
    """Where reports are kept."""

    directory: Path

    def page(self, dataset: str, day: date) -> Path:
        """Where a day's page is, if there is one."""
        return self.directory / dataset / f"{day.isoformat()}.html"

    def last_day(self, dataset: str) -> str | None:
        """The last day that has a page."""
        return max((page.stem for page in (self.directory / dataset).glob("[0-9]*.html")), default=None)

    def with_its_close(self, report: DayReport) -> DayReport:
        """The report with the run that first closed the day, so that a repetition gives the same report."""
        try:
            kept = json.loads(self._facts(report).read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return report
        return replace(report, closed_by=kept.get("closed_by") or report.closed_by)

    def keep(self, report: DayReport, page: str) -> Path:
        """Keep a day's page in the place of the one before. Returns where it lies.

        Raises:
            DiskFull: there is no room; the one before is still there.
            OSError: it cannot be written; the one before is still there.
        """
        lies = self.page(report.dataset, date.fromisoformat(report.day))
        with room_for("a report", self.directory, len(page)):
            make_inside(self.directory.parent, self.directory.name, report.dataset)
        facts = json.dumps(report.as_json(), indent=1, default=str) + "\n"
        write_file(self._facts(report), facts, what="a report")
        write_file(lies, page, what="a report")
        return lies

    def remove_partial(self) -> None:
        """Remove what crashes left half written."""
        for dataset in self.directory.glob("*/"):
            remove_partials(dataset, older_than_s=LEFT_S)

    def _facts(self, report: DayReport) -> Path:
        return self.page(report.dataset, date.fromisoformat(report.day)).with_suffix(".json")
