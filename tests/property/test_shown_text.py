"""Whatever a name or a value from a file is, people are shown it as text, in every medium."""

from __future__ import annotations

import csv
import io
import logging
import sys
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from flows.errors import CubefeedError, plain
from flows.model.findings import Finding
from flows.text import output
from flows.text.escape import code, markdown, spreadsheet
from flows.text.output import Format, show
from flows.web.templates import page_templates

ATTACKS = [
    "![x](https://evil.example/a.png)", "[x](javascript:alert(1))", "<img src=x onerror=alert(1)>", "# heading",
    "</td></table><script>", "- item", "1. item", "===", "---", "> quote", "```", "~~~", "    code", "| a | b |",
    "https://evil.example", "www.evil.example", "a@evil.example", "[x]: /y", "\x1b]0;title\x07", "\x1b[2J",
    "\u202etxt.exe", "\u2066", "\u2028", "\x85", "\r\nforged", "\ud800", "\x9b31m", "=cmd|' /c calc'!A0",
    "@SUM(1)", "+1+1", "a;=1+1", "\t=1", '"=1', "&lt;b&gt;", "\\", "`", "b'\x1b[31m'", "%s", "{0}", "[red]x[/red]",
]  # fmt: skip
SIGNS = "\\`*_{}[]()#+-.!|~<>&\"'=@;:/ \t\r\n\x00\x07\x1b\x7f\x85\x9b\u200b\u202e\u2066\u2028\u2029\ufeff\ud800aw1 "
HOSTILE = st.one_of(
    st.sampled_from(ATTACKS),
    st.text(SIGNS, max_size=40),
    st.text(max_size=20),
    st.lists(st.sampled_from(ATTACKS), max_size=3).map(" ".join),
)


class Elements(HTMLParser):
    """The elements of HTML, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


TEMPLATE = page_templates().from_string('<p title="{{ text }}">{{ text }}</p>')


def harmless(text: str) -> bool:
    """Whether a terminal shows it as it is, on one line."""
    return text.isprintable() and text.encode().decode() == text


@given(HOSTILE)
def test_a_terminal_is_given_no_command_and_no_other_line(text: str) -> None:
    assert harmless(plain(text)) and plain(plain(text)) == plain(text)
    assert harmless(str(CubefeedError(f"It is {text}", next_step=f"mend {text}", got=text)))
    assert harmless(Finding(text, line=1, column=text, raw=text, expected=text).words)
    assert harmless(Finding("rule", raw=f"b'{text}'").words)


@given(HOSTILE)
def test_html_makes_one_text_of_it_also_in_an_attribute(text: str) -> None:
    read = Elements(TEMPLATE.render(text=text))
    assert read.names == ["p"] and read.attributes == [("title", plain(text))] and read.text == plain(text)


@given(HOSTILE)
def test_markdown_makes_one_paragraph_of_it_and_one_cell(text: str) -> None:
    reader = MarkdownIt("gfm-like", {"html": True, "linkify": False})
    alone, cell = Elements(reader.render(markdown(text))), Elements(reader.render(f"|a|\n|-|\n|{markdown(text)} |"))
    shown = " ".join(plain(text).split())
    assert set(alone.names) <= {"p"} and " ".join(alone.text.split()) == shown
    assert set(cell.names) <= {"table", "thead", "tbody", "tr", "th", "td"} and cell.names.count("td") == 1
    assert " ".join(cell.text.split()) == f"a {shown}".strip()


@given(HOSTILE)
def test_code_in_markdown_is_what_can_be_copied(text: str) -> None:
    read = Elements(MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(f"Type {code(f'x {text} y')}"))
    assert read.names == ["p", "code"] and read.text.strip() == f"Type x {plain(text)} y"


@given(HOSTILE)
def test_a_spreadsheet_computes_nothing_of_it_whatever_it_takes_for_the_end_of_a_cell(text: str) -> None:
    cell = str(spreadsheet(text))
    assert harmless(cell)
    for part in cell.split(";"):
        begins = part.lstrip(' "')
        assert not begins.startswith(("=", "+", "-", "@")) or float(cell) is not None
    assert cell.replace("'", "") == plain(text).replace("'", "")


@given(HOSTILE, HOSTILE)
def test_a_log_line_is_one_line_and_a_traceback_gives_no_command(text: str, value: str) -> None:
    try:
        raise ValueError(value)
    except ValueError:
        trace = sys.exc_info()
    for name in ("flows.ingest.commit", "prefect.flow_runs"):
        record = output._PlainRecord(name, logging.ERROR, "x.py", 1, "%s", (text,), trace)
        first, *rest = logging.Formatter("%(message)s").format(record).split("\n")
        assert harmless(first) and all(map(harmless, rest)) and rest[0].startswith("Traceback")
    other = output._PlainRecord("library", logging.ERROR, "x.py", 1, text, (), None)
    assert all(map(harmless, other.getMessage().split("\n")))


@given(HOSTILE, st.sampled_from(Format))
def test_what_a_command_prints_is_text_in_every_form(text: str, form: Format) -> None:
    written = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", written)
        rows: list[dict[str, Any]] = [{"file": text, "rows": -3, "more": [text], text or "x": 1}]
        show(rows, form, title=text)
    assert all(map(harmless, written.getvalue().split("\n")))
    if form is Format.csv:
        (row,) = csv.DictReader(io.StringIO(written.getvalue()))
        assert row["rows"] == "-3" and row["file"] == str(spreadsheet(text))
