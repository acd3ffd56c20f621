"""The reports of business days, as files: one page per dataset and day, and its facts beside it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from flows.core.day_report import DayReport


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
        """Keep a day's page in the place of the one before. Returns where it lies."""
        lies = self.page(report.dataset, date.fromisoformat(report.day))
        lies.parent.mkdir(parents=True, exist_ok=True)
        _replace(self._facts(report), json.dumps(report.as_json(), indent=1, default=str) + "\n")
        _replace(lies, page)
        return lies

    def _facts(self, report: DayReport) -> Path:
        return self.page(report.dataset, date.fromisoformat(report.day)).with_suffix(".json")


def _replace(file: Path, text: str) -> None:
    partial = file.with_name(f".{file.name}.{os.getpid()}.partial")  # others may write the same day
    partial.write_text(text, encoding="utf-8")
    partial.rename(file)
