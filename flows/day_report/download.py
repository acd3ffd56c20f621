"""The report as a table to download, for people with a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from flows.day_report.wording import standing
from flows.model.day_facts import DayReport
from flows.text.escape import spreadsheet
from flows.text.numbers import format_number

COLUMNS = (
    "part", "date", "name", "value", "day_before", "day_change", "week_before", "week_change",
    "refused", "state", "why",
)  # fmt: skip


def make_csv(report: DayReport) -> str:
    """The totals, one per line, then the files with their rows as `value`, then the check, and rows
    without a match in joined tables."""
    written = io.StringIO()
    writer = csv.DictWriter(written, COLUMNS, lineterminator="\r\n", restval="")
    writer.writeheader()
    for row in _rows(report):
        writer.writerow({name: spreadsheet(value) for name, value in row.items()})
    return written.getvalue()


def _rows(report: DayReport) -> Iterator[dict[str, object]]:
    for total in report.totals:
        yield {
            "part": "total",
            "date": total.date,
            "name": total.measure,
            "value": total.value,
            "day_before": total.day_before,
            "day_change": total.day_change,
            "week_before": total.week_before,
            "week_change": total.week_change,
        }
    if report.state is not None:
        state = report.state
        yield {"part": "day", "date": report.day, "name": "state", "state": state.state, "why": standing(report)}
        for change in state.changes:
            was = f"{format_number(change.before)} when the day was closed"
            yield {"part": "restated", "date": report.day, "name": change.measure, "value": change.after, "why": was}
    for file in report.files:
        yield {
            "part": file.came,
            "date": file.detected_utc,
            "name": file.file,
            "value": file.rows,
            "refused": file.refused,
            "state": file.state,
            "why": file.why,
        }
    for name, value in (("rows", report.rows), ("missing", report.missing), ("extra", report.extra)):
        yield {"part": "check", "name": name, "value": value}
    for name, rows in report.unmatched.items():
        if rows:
            yield {"part": "unmatched", "name": name, "value": rows}
