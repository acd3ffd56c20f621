"""The forms in which a report is written."""

from __future__ import annotations

from enum import StrEnum


class ReportFormat(StrEnum):
    """How a report is written."""

    html = "html"
    markdown = "markdown"
    csv = "csv"
    json = "json"
