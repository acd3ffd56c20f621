"""The report as one HTML page that needs nothing else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment
from markupsafe import Markup

from flows.day_report.download import make_csv
from flows.day_report.wording import (
    ARRIVAL_HEADINGS,
    arrival_words,
    freshness,
    soundness,
    standing,
    summary,
    unmatched,
)
from flows.model.day_facts import DayReport, Total
from flows.text.numbers import NOTHING, format_change, format_number, format_utc
from flows.text.plural import counted
from flows.web.headers import hashed, in_page, policy
from flows.web.templates import open_templates


@dataclass(frozen=True)
class Figure:
    """A chart as the page shows it."""

    measure: str
    svg: Markup


def make_page(report: DayReport) -> str:
    """The page: totals with their changes, charts, files, freshness, the check, and where to look further."""
    from flows.day_report.chart import draw_charts

    return (
        report_templates()
        .get_template("report.html.jinja")
        .render(
            policy=_policy(),
            report=report,
            nothing=NOTHING,
            summary=summary(report),
            # the one HTML that no template makes: matplotlib has escaped the texts in it
            figures=[Figure(chart.measure, Markup(chart.svg)) for chart in draw_charts(report)],
            date_heads=_date_heads(report),
            totals_by_date=_totals_by_date(report),
            file_counts=[(name, format_number(report.counts.get(came, 0))) for came, name in ARRIVAL_HEADINGS.items()],
            standing=standing(report),
            freshness=freshness(report),
            soundness=soundness(report),
            unmatched=unmatched(report),
            csv_base64=b64encode(make_csv(report).encode()).decode(),
        )
    )


@cache
def report_templates() -> Environment:
    """Those of the report, with the filters by which it writes numbers and times."""
    templates = open_templates("flows.day_report")
    templates.filters |= {
        "number": format_number,
        "change": format_change,
        "utc": format_utc,
        "counted": counted,
        "arrival_words": arrival_words,
    }
    return templates


@cache
def _policy() -> str:
    """No script, and no style but the page's own and those of the charts' parts."""
    style = report_templates().get_template("report.css").render()
    return in_page(policy(style_src_elem=hashed(style), style_src_attr="'unsafe-inline'"))


def _date_heads(report: DayReport) -> list[str]:
    heads = (head for name in report.measures for head in (name, "day before", "week before"))
    return [report.level or "", *heads]


def _totals_by_date(report: DayReport) -> Mapping[str, list[Total]]:
    by_date: dict[str, list[Total]] = {}
    for total in report.totals:
        by_date.setdefault(total.date, []).append(total)
    return by_date
