"""The report as one HTML page that needs nothing else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from importlib.resources import files

from flows.day_report.download import make_csv
from flows.day_report.numbers import NOTHING, change, counted, moment, shown
from flows.day_report.sentences import COUNTED, file_words, freshness, soundness, verdict
from flows.model.day_facts import DayFile, DayReport, Total
from flows.text.escape import markup
from flows.web.headers import hashed, in_page, policy

_STYLE = (files("flows.day_report") / "page.css").read_text(encoding="utf-8")
_POLICY = in_page(policy(style_src_elem=hashed(_STYLE), style_src_attr="'unsafe-inline'"))
"""No script, and no style but this one and those of the charts' parts."""


def make_page(report: DayReport) -> str:
    """The page: totals with their changes, charts, files, freshness, the check, and where to look further."""
    from flows.day_report.chart import draw_charts

    title = markup(f"{report.dataset} · {report.day}")
    parts = [
        f"<header><h1>{title}</h1>{_verdict(report)}</header>",
        "<main>",
        _day(report),
        _dates(report, draw_charts(report)),
        _files(report),
        _state(report),
        _links(report),
        "</main>",
    ]
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">'
        f"<title>{title}</title><style>{_STYLE}</style>"
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{"\n".join(parts)}\n</body></html>\n'


def _verdict(report: DayReport) -> str:
    well, sentences = verdict(report)
    lines = "".join(f'<li class="{"good" if well else "bad"}">{markup(line)}</li>' for line in sentences)
    return f'<ul class="said">{lines}</ul>'


def _day(report: DayReport) -> str:
    if not report.of_the_day:
        return (
            '<section><h2>The day</h2><p class="quiet">The table has no dates, and so no totals per day.</p></section>'
        )
    rows = [
        _row(
            f'<th scope="row">{markup(total.measure)}</th>',
            [
                shown(total.value),
                shown(total.day_before),
                _day_change(total),
                shown(total.week_before),
                _week_change(total),
            ],
        )
        for total in report.of_the_day
    ]
    heads = ["Measure", report.day, report.day_before or NOTHING, "Change", report.week_before or NOTHING, "Change"]
    caption = "Totals of the day, beside the day before and the same weekday of the week before"
    return f"<section><h2>The day</h2>{_table(caption, heads, rows)}</section>"


def _dates(report: DayReport, charts: list[tuple[str, str]]) -> str:
    if not report.totals:
        return ""
    drawn = "".join(
        f'<figure role="img" aria-label="{markup(name)} by {markup(report.level)}; the numbers are in the table below">'
        f"<figcaption>{markup(name)}</figcaption>{svg}</figure>"
        for name, svg in charts
    )
    heads = [report.level or "", *(head for name in report.measures for head in (name, "day before", "week before"))]
    by_date: dict[str, list[Total]] = {}
    for total in report.totals:
        by_date.setdefault(total.date, []).append(total)
    rows = [
        _row(
            f'<th scope="row" class="day">{markup(date)}</th>',
            [text for total in totals for text in (shown(total.value), _day_change(total), _week_change(total))],
            "today" if date == report.day else "",
        )
        for date, totals in by_date.items()
    ]
    caption = "Totals per date, with the change to the day before and to the same weekday of the week before"
    table = _table(caption, heads, rows)
    return f'<section><h2>Per date</h2><div class="charts">{drawn}</div>{table}</section>'


def _files(report: DayReport) -> str:
    facts = "".join(
        f"<div><dt>{markup(name)}</dt><dd>{report.counts.get(came, 0):,}</dd></div>" for came, name in COUNTED.items()
    )
    between = f"Files that came from {moment(report.since_utc)} to {moment(report.until_utc)}, or hold rows of the day"
    more = f'<p class="quiet">And {counted(report.more_files, "file")} more.</p>' if report.more_files else ""
    heads = ["File", "Came", "Rows", "Refused", "Found", "Why"]
    table = _table(between, heads, [_file(file) for file in report.files], numbers=range(2, 4))
    none = f'<p class="quiet">{between}: none.</p>'
    body = f'<dl class="files">{facts}</dl>{table if report.files else none}{more}'
    return f"<section><h2>Files</h2>{body}</section>"


def _file(file: DayFile) -> str:
    cells = [
        f'<th scope="row" class="file">{markup(file.file)}</th>',
        f'<td class="{markup(file.came)}">{markup(file_words(file))}</td>',
        f'<td class="number">{file.rows:,}</td>',
        f'<td class="number">{file.refused:,}</td>',
        f'<td class="day">{markup(moment(file.detected_utc))}</td>',
        f'<td class="why">{markup(file.why)}</td>',
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _state(report: DayReport) -> str:
    facts = "".join(f"<div><dt>{markup(name)}</dt><dd>{markup(value)}</dd></div>" for name, value in freshness(report))
    check = f'<p class="{"good" if report.sound else "bad"}">{markup(soundness(report))}</p>'
    return f"<section><h2>Freshness</h2><dl>{facts}</dl></section><section><h2>Cube and ledger</h2>{check}</section>"


def _links(report: DayReport) -> str:
    name = f"{report.dataset}-{report.day}.csv"
    data = b64encode(make_csv(report).encode()).decode()
    links = [f'<li><a href="{markup(run.url)}" rel="noreferrer">{markup(run.what)}</a></li>' for run in report.runs]
    download = f'<a download="{markup(name)}" href="data:text/csv;charset=utf-8;base64,{data}">Download as CSV</a>'
    links.append(f'<li class="download">{download}</li>')
    return f'<section><h2>Further</h2><ul class="links">{"".join(links)}</ul></section>'


def _table(caption: str, heads: list[str], rows: Iterable[str], *, numbers: range | None = None) -> str:
    """A table that scrolls by itself where it is wider than the page; by keyboard too."""
    right = range(1, len(heads)) if numbers is None else numbers
    cells = "".join(
        f'<th scope="col"{" class=number" if index in right else ""}>{markup(head)}</th>'
        for index, head in enumerate(heads)
    )
    label = markup(caption)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table>'
        f"<caption><span>{label}</span></caption>"
        f"<thead><tr>{cells}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(head: str, numbers: list[str], kind: str = "") -> str:
    cells = "".join(f'<td class="number">{markup(number)}</td>' for number in numbers)
    return f'<tr class="{kind}">{head}{cells}</tr>' if kind else f"<tr>{head}{cells}</tr>"


def _day_change(total: Total) -> str:
    return change(total.day_change, total.day_before)


def _week_change(total: Total) -> str:
    return change(total.week_change, total.week_before)
