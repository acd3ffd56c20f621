"""The report as markdown: what Prefect shows as an artifact, and a terminal can."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flows.day_report.wording import ARRIVAL_HEADINGS, arrival_words, freshness, soundness, standing, summary, unmatched
from flows.model.day_facts import DayReport
from flows.text.escape import markdown
from flows.text.numbers import format_change, format_number, format_utc
from flows.text.plural import counted


def make_markdown(report: DayReport) -> str:
    """The same as the page, without the charts."""
    top = summary(report)
    parts = [
        f"# {markdown(report.dataset)} · {report.day}",
        "\n".join(f"- {'' if top.is_good else '! '}{markdown(sentence)}" for sentence in top.sentences),
        *([f"{markdown(words)}."] if (words := standing(report)) else []),
        *_totals(report),
        "## Files",
        ", ".join(f"{name.lower()} {report.counts.get(came, 0):,}" for came, name in ARRIVAL_HEADINGS.items()) + ".",
        *_files(report),
        "## Freshness",
        "\n".join(f"- {name}: {value}" for name, value in freshness(report)),
        "## Cube and ledger",
        f"{soundness(report)}.",
        *(f"{markdown(words)}." for words in unmatched(report)),
    ]
    if report.runs:
        parts += ["## Further", "\n".join(f"- [{markdown(run.what)}](<{run.url}>)" for run in report.runs)]
    return "\n\n".join(parts) + "\n"


def _totals(report: DayReport) -> list[str]:
    if not report.totals:
        return []
    heads = (report.level, "measure", "value", "change to the day before", "to the same weekday before")
    rows = (
        (
            total.date,
            total.measure,
            format_number(total.value, form := report.formats.get(total.measure)),
            format_change(total.day_change, total.day_before, form),
            format_change(total.week_change, total.week_before, form),
        )
        for total in report.totals
    )
    return ["## Totals per date", _table(heads, rows, right=range(2, 5))]


def _files(report: DayReport) -> list[str]:
    if not report.files:
        return []
    heads = ("file", "came", "rows", "refused", "found", "why")
    rows = (
        (file.file, arrival_words(file), f"{file.rows:,}", f"{file.refused:,}", format_utc(file.detected_utc), file.why)
        for file in report.files
    )
    more = [f"And {counted(report.more_files, 'file')} more."] if report.more_files else []
    return [_table(heads, rows, right=range(2, 4)), *more]


def _table(heads: Sequence[object], rows: Iterable[Sequence[object]], *, right: range) -> str:
    lines = [heads, *rows]
    rule = "|".join("---:" if index in right else "---" for index in range(len(heads)))
    written = [f"| {' | '.join(markdown(cell) for cell in line)} |" for line in lines]
    return "\n".join([written[0], f"|{rule}|", *written[1:]])
