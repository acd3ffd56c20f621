"""The words of a report, in whichever form."""

from __future__ import annotations

from dataclasses import dataclass

from flows.model.day_facts import Came, DayFile, DayReport
from flows.text.day_words import day_words
from flows.text.numbers import format_utc
from flows.text.plural import counted
from flows.text.reference_words import unmatched_words

ARRIVAL_HEADINGS: dict[Came, str] = {
    "received": "Received in time",
    "late": "Late",
    "corrected": "Corrected",
    "refused": "Refused",
    "duplicate": "Duplicates",
}
"""As what files came → its heading."""


def arrival_words(file: DayFile) -> str:
    """As what a file came, and what it is by now where that is something else."""
    plain = file.state in ("loaded", "staged", "quarantined", file.came)
    return file.came if plain else f"{file.came}, {file.state}"


@dataclass(frozen=True)
class Summary:
    """Whether all is well, and why not or what that means."""

    is_good: bool
    sentences: tuple[str, ...]


def summary(report: DayReport) -> Summary:
    """What stands at the top of a report."""
    refused = report.counts.get("refused", 0)
    refusals = (f"{counted(refused, 'file')} of the day refused",) if refused else ()
    complaints = (*report.complaints, *refusals)
    if complaints:
        return Summary(False, complaints)
    return Summary(True, (f"Not due before {format_utc(report.until_utc)}" if report.due is False else "All is well",))


def standing(report: DayReport) -> str | None:
    """What the business day is; None where nothing is known of it."""
    return f"The day is {day_words(report.state)}" if report.state is not None else None


def freshness(report: DayReport) -> list[tuple[str, str]]:
    """How fresh the day is: heading and value."""
    return [
        ("Rows expected by", "no rows are expected" if report.due is None else format_utc(report.until_utc)),
        ("Rows of the day last loaded", format_utc(report.loaded_utc)),
        ("Stale files", f"{report.stale:,}"),
        ("Files waiting", f"{report.waiting:,}"),
    ]


def unmatched(report: DayReport) -> list[str]:
    """How many rows have no match in joined tables, of those in which some have none."""
    return [unmatched_words(rows, name) for name, rows in report.unmatched.items() if rows]


def soundness(report: DayReport) -> str:
    """Whether the cube equals the ledger."""
    rows = counted(report.rows, "row")
    if report.sound:
        return f"The cube equals the ledger, row for row: {rows}"
    return f"The cube differs from the ledger: {rows}, {report.missing:,} missing, {report.extra:,} extra"
