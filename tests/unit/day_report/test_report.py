"""Reports of hostile facts: what files and values say is shown, and does nothing."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from flows.day_report.download import make_csv
from flows.day_report.html import make_page
from flows.day_report.markdown import make_markdown
from flows.model.business_day import BusinessDay
from flows.model.day_facts import DayFile, DayReport, Run, Total
from flows.text.escape import markdown, spreadsheet
from flows.text.numbers import format_change, format_number

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "[x](javascript:alert(1))",
    "![x](http://evil.example/x.png)",
    "<http://evil.example>",
    "http://evil.example www.evil.example a@evil.example",
    "a | b \\| c",
    "`code` ``more`` *b* _i_ ~~s~~ ***",
    "line\nbreak\r\n# heading\n\n- item",
    "&lt;b&gt; &#60;",
    "\u202egpj.exe\x00\x1b[31m",
    "=cmd()|'/c calc'!A0",
    "$e^x$",
)
FILES = tuple(
    DayFile(text, "refused", "quarantined", 0, 1, f"min; got {text}", "2021-05-02T08:00:00.000+00:00")
    for text in HOSTILE
)
TOTALS = tuple(
    Total(day, measure, value, before, None)
    for day, value, before in (("2021-05-02", 7, 10), ("2021-05-01", -10, None))
    for measure in ("Quantity.SUM", "=<b>$x$|`y`.SUM", "contributors.COUNT")
)
RESTATED = (
    BusinessDay("sales", date(2021, 5, 2))
    .closed({HOSTILE[0]: 10}, 17, "2021-05-03T06:00:00.000+00:00", run=None)
    .compared({HOSTILE[0]: 12}, 17, "2021-05-04T06:00:00.000+00:00")
)
REPORT = DayReport(
    dataset="<i>sales</i>", day="2021-05-02", level="D|<b>", day_before="2021-05-01", week_before="2021-04-25",
    since_utc="2021-05-02T05:00:00+00:00", until_utc="2021-05-03T05:00:00+00:00", due=True, totals=TOTALS,
    counts={"refused": len(FILES)}, files=FILES, more_files=3, loaded_utc=None, stale=0, waiting=1, rows=17,
    missing=1, extra=0, complaints=(HOSTILE[0],), state=RESTATED,
    unmatched={"Shop": 0, HOSTILE[0]: 3}, runs=(Run("a <b>", "http://127.0.0.1:4200/runs?a=1&b=<"),),
)  # fmt: skip


@pytest.mark.slow
def test_each_form_says_what_the_day_is_and_which_totals_are_others() -> None:
    words = "restated 2021-05-04 06:00:00 UTC, 17 rows"
    page = " ".join(PageText(make_page(REPORT)).texts)
    for text in (page, make_markdown(REPORT), make_csv(REPORT)):
        assert words in text and "10 → 12" in text and "Shop" not in text
    assert f"3 rows have no {HOSTILE[0]}" in page
    assert DayReport.from_json(json.loads(json.dumps(REPORT.as_json()))).as_json() == REPORT.as_json()


class PageText(HTMLParser):
    """What a browser makes of a page: its elements, its texts, and whether each is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_a_page_shows_hostile_text_and_holds_nothing_else() -> None:
    read = PageText(make_page(REPORT))
    names = {name for name, _ in read.elements}
    assert read.open == [] and not names & {"script", "img", "iframe", "object", "i", "b", "base", "form", "image"}
    assert not [name for _, attributes in read.elements for name in attributes if name.startswith("on")]
    for text in (HOSTILE[0], HOSTILE[1], "[x](javascript:alert(1))", "&lt;b&gt; &#60;", "\\u202egpj.exe\\x00\\x1b[31m"):
        assert text in read.texts
    for attributes in (attributes for _, attributes in read.elements):
        for name in ("href", "src", "xlink:href", "style", "clip-path"):
            assert not re.search(r"url\((?!#)|javascript:", attributes.get(name) or "")
    addresses = {str(each["href"]).partition(":")[0] for each in read.named("a")}
    assert addresses == {"http", "data"} and not read.named("link")
    assert "url(" not in "".join(read.texts) and "@import" not in "".join(read.texts)


def test_a_page_is_made_for_everybody() -> None:
    read = PageText(make_page(REPORT))
    assert len(read.named("table")) == len(read.named("caption")) == 3
    assert all(each.get("scope") in ("row", "col") for each in read.named("th"))
    assert len(read.named("h1")) == 1 and read.named("html") == [{"lang": "en"}]
    assert all(each["role"] == "img" and each["aria-label"] for each in read.named("figure")) and read.named("svg")


def test_the_same_facts_make_the_same_page_and_charts_do_not_share_names() -> None:
    page = make_page(REPORT)
    assert page == make_page(DayReport.from_json(REPORT.as_json()))
    names = re.findall(r' id="([^"]+)"', page)
    assert len(names) == len(set(names))


def test_markdown_shows_hostile_text_and_makes_no_markup_of_it() -> None:
    written = make_markdown(replace(REPORT, runs=()))
    rendered = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(written)
    read = PageText(rendered)
    allowed = {"h1", "h2", "ul", "li", "p", "table", "thead", "tbody", "tr", "th", "td"}
    assert {name for name, _ in read.elements} <= allowed
    assert len(read.named("tr")) == 1 + len(TOTALS) + 1 + len(FILES)
    assert not re.search(r"(?<!\\)(https?:/|www\.|[^\\]@)", written)
    text = "".join(read.texts)
    for hostile in (
        HOSTILE[0],
        HOSTILE[2],
        "a | b \\| c",
        HOSTILE[7],
        "&lt;b&gt; &#60;",
        "line\\nbreak\\r\\n# heading",
    ):
        assert hostile in text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_cell_of_markdown_is_one_line(text: str) -> None:
    assert len(markdown(text).splitlines()) == 1


def test_a_download_computes_nothing_and_leaves_numbers_alone() -> None:
    rows = list(csv.DictReader(io.StringIO(make_csv(REPORT), newline="")))
    names = {row["name"] for row in rows}
    assert "'=cmd()|'/c calc'!A0" in names and "'=<b>$x$|`y`.SUM" in names and "Quantity.SUM" in names
    assert not [
        value for row in rows for name, value in row.items() if name in ("name", "why") and value[:1] in "=+@" and value
    ]
    total = next(row for row in rows if row["date"] == "2021-05-01")
    assert total["value"] == "-10" and rows[0]["day_change"] == "-3"


@pytest.mark.parametrize(
    "text", ["=1", "+1+1", "-1-1", "@x", " =1", "＝1", '"=1', "-", "+cmd|' /c calc'!A0", "-1e", "-٣"]
)
def test_text_that_a_spreadsheet_would_compute_is_marked_as_text(text: str) -> None:
    assert spreadsheet(text) == f"'{text}"


@pytest.mark.parametrize(("text", "cell"), [("\t=1", r"\t=1"), ("\r=1", r"\r=1"), ("\n=1", r"\n=1")])
def test_a_sign_that_ends_a_cell_or_a_line_is_escaped(text: str, cell: str) -> None:
    assert spreadsheet(text) == cell


def test_a_cell_that_ends_at_a_semicolon_begins_no_formula_behind_it() -> None:
    assert spreadsheet("a;=1+1;b; @c") == "a;'=1+1;b;' @c"


@pytest.mark.parametrize("number", [-3, 1.5, None, True, "-3", "+1.50", "-.5", "-1e9", "12"])
def test_a_number_stays_one_in_a_spreadsheet(number: object) -> None:
    assert spreadsheet(number) == number


def test_other_text_stays_as_it_is() -> None:
    texts = ["", "a=1", "sales-1.csv", "'=1", "a;b", "2021-05-01"]
    assert [spreadsheet(text) for text in texts] == texts


@pytest.mark.parametrize(
    ("number", "before", "text"),
    [
        (3, 10, "+3 (+30 %)"), (-12345, 10, "−12,345 (−123,450 %)"), (0, 5, "±0"), (4, 0, "+4"), (None, 3, "–"),
        (-0.5, 100.0, "−0.5 (−0.5 %)"),
    ],
)  # fmt: skip
def test_a_change_stands_with_its_share(number: float | None, before: float | None, text: str) -> None:
    assert format_change(number, before) == text


def test_numbers_are_grouped_and_short() -> None:
    assert [format_number(n) for n in (None, 1234567, 0.00001234, 2.5, 1234.5678, float("inf"))] == [
        "–", "1,234,567", "1.234e-05", "2.5", "1,234.57", "inf",
    ]  # fmt: skip


@pytest.mark.slow
def test_charts_are_loaded_only_where_a_report_is_made() -> None:
    code = "import sys, flows.cli.main, flows.day_report.build; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
