"""The charts of a report, as SVG inside its page. The only file that imports matplotlib: it takes half a second."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from flows.model.day_facts import DayReport, Total
from flows.model.tables import CONTRIBUTORS_COUNT
from flows.model.totals import Value
from flows.text.numbers import format_number

SIZE_IN = (4.6, 1.9)
"""Narrow enough that texts can be read where the page is as wide as a telephone."""
_INK, _BAR, _DAY = "#010101", "#020202", "#030303"
_COLOURS = {_INK: "var(--quiet)", _BAR: "var(--bar)", _DAY: "var(--good)"}
"""Colours that the page replaces by its own, which know dark from light."""
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 9.0,
    "font.family": "sans-serif",
    "axes.formatter.useoffset": False,
}
_LABELS = 5


@dataclass(frozen=True)
class Chart:
    """A measure by date, as SVG whose texts are escaped."""

    measure: str
    svg: str


def draw_charts(report: DayReport) -> list[Chart]:
    """One chart per sum, and one of the count of rows."""
    sums = [name for name in report.measures if name.endswith(".SUM") or name == CONTRIBUTORS_COUNT]
    by_measure = {name: [total for total in report.totals if total.measure == name] for name in sums}
    drawn = {
        name: totals
        for name, totals in by_measure.items()
        if any(not isinstance(total.value, str | None) for total in totals)
    }
    return [Chart(name, _draw(name, totals[::-1], report.day)) for name, totals in drawn.items()]


def _draw(name: str, totals: Sequence[Total], day: str) -> str:
    written = io.StringIO()
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):  # the same numbers give the same text
        figure = Figure(figsize=SIZE_IN, layout="constrained", facecolor="none")
        canvas = FigureCanvasSVG(figure)
        axes = figure.add_subplot(facecolor="none")
        colours = [_DAY if total.date == day else _BAR for total in totals]
        axes.bar(range(len(totals)), [_height(total.value) for total in totals], width=0.7, color=colours)
        _label(axes, totals)
        canvas.print_svg(written, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))  # type: ignore[no-untyped-call]
    return _fit_in(written.getvalue())


def _height(value: Value) -> float:
    return float(value) if not isinstance(value, str | None) and math.isfinite(value) else 0.0


def _label(axes: Axes, totals: Sequence[Total]) -> None:
    step = -(-len(totals) // _LABELS)
    marked = list(range(len(totals) - 1, -1, -step))
    axes.set_xticks(marked, [totals[index].date for index in marked], fontsize=8)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=not any(isinstance(t.value, float | Decimal) for t in totals)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda number, _: _tick(number)))
    axes.tick_params(colors=_INK, length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_INK)
    axes.set_xlim(-0.6, max(len(totals), 4) - 0.4)


def _tick(number: float) -> str:
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(number) >= size:
            return f"{number / (1e3 if letter == 'k' else size):g} {letter}"
    return format_number(int(number) if float(number).is_integer() else number)


def _fit_in(svg: str) -> str:
    """The SVG as part of a page: without prologue and size, its colours those of the page."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(
        r"<(metadata|style)\b.*?</\1>\s*", "", svg, flags=re.DOTALL
    )  # its style would hold for all of the page
    svg = re.sub(r' id="[a-z]+[\w.]*_\d+"', "", svg)  # several charts would have the same ones
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    svg = re.sub(r" font-family: [^;\"]+;", "", svg)
    for mark, colour in _COLOURS.items():
        svg = svg.replace(mark, colour)
    return svg.replace("<svg ", '<svg aria-hidden="true" ', 1).strip()
