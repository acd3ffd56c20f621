"""A producer whose file names and cells are commands: to a terminal, a spreadsheet, a browser, to Prefect's pages."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from markdown_it import MarkdownIt
from playwright.sync_api import BrowserContext

from flows.datasets.sales import SALES
from flows.ingest.load_summary import LoadSummary
from flows.ingest.work import FileOutcome, Outcome
from flows.model.calendar import calendar_day
from flows.model.findings import Finding
from flows.orchestration import artifacts as reporting
from tests.attack.system import HEADER, System
from tests.e2e.browser import CHROMIUM, wait
from tests.waiting import until

pytestmark = pytest.mark.slow

NAMES = [
    "=cmd|' ;c calc'!A0.csv", "![x](javascript:alert(1)).csv", "<img src=x onerror=document.title=1>.csv",
    "\x1b[2J\x1b]0;mine\x07.csv", "\u202evsc.exe.csv", "a\nb: forged line.csv", "1. item.csv", "-rf.csv",
    "'; touch stolen #.csv", "`id`.csv", "\u2028.csv",
]  # fmt: skip
CELLS = [
    "=HYPERLINK(1)", "![x](https://evil.example/a.png)", "<script>document.title=1</script>", "\x1b[31mred",
    "\u202etxt", "b'\x1b[31m'", "+1+1", "# heading", "@SUM(1)", "a;=1+1", "www.evil.example",
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def landed(system: System) -> list[dict[str, Any]]:
    """What was found in the hostile files, once all of them have been looked at."""
    for number, (name, cell) in enumerate(zip(NAMES, CELLS, strict=True)):
        quoted = cell.replace('"', '""')
        system.place.drop(name, f'{HEADER}{number},2021-05-01,"{quoted}",1\n1{number},2021-05-01,x,"{quoted}"\n')

    def refused() -> list[dict[str, Any]]:
        found = list(system.place.json("findings"))
        return found if len({finding["file"] for finding in found}) == len(NAMES) else []

    return until(refused, what="every file is refused")


def harmless(text: str) -> bool:
    """Whether a terminal shows every line as it is."""
    return all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize("command", [["findings"], ["files"], ["status"]])
@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_no_command_gives_the_terminal_one(system: System, command: list[str], form: str) -> None:
    done = system.place.run(*command, "--format", form)
    assert harmless(done.stdout) and harmless(done.stderr) and done.stdout
    system.assert_still_loading()


def test_neither_the_log_nor_an_error_nor_a_complaint_gives_the_terminal_one(system: System) -> None:
    output = system.running.output
    assert (harmless(output) and "refused" in output) or "quarantined" in output
    assert not any(line.startswith("b: forged") for line in output.splitlines())
    done = system.place.run("findings", "\x1b[2Jnone.csv", code=1)
    assert harmless(done.stderr) and "Next:" in done.stderr
    assert harmless(system.place.run("status", "--check", code=1).stderr)
    system.assert_still_loading()


@pytest.mark.parametrize("command", ["findings", "files"])
def test_a_spreadsheet_computes_nothing_of_it_and_numbers_stay_numbers(system: System, command: str) -> None:
    rows = system.place.csv(command)
    cells = [part.lstrip(' "') for row in rows for cell in row.values() for part in cell.split(";")]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert any("'=cmd" in row["file"] for row in rows)
    if command == "findings":
        assert {row["line"] for row in rows} == {"3"}
    system.assert_still_loading()


def test_json_has_each_text_exactly_for_programs(system: System, landed: list[dict[str, Any]]) -> None:
    assert set(CELLS) <= {finding["raw"] for finding in landed}
    system.assert_still_loading()


def test_prefect_is_given_text_and_no_markup(
    system: System, landed: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []

    async def keep(*, key: str, table: list[dict[str, Any]], description: str) -> None:
        shown.extend([description, *(value for row in table for value in row.values() if isinstance(value, str))])

    monkeypatch.setattr(reporting, "acreate_table_artifact", keep)
    names = ("rule", "line", "column", "raw", "expected")
    findings = {each["file"]: Finding(**{name: each[name] for name in names}) for each in landed}
    loads = LoadSummary()
    for number, (name, finding) in enumerate(findings.items()):
        file = FileOutcome(name, "quarantined", findings=1, first_finding=finding, reason=finding.words, version=number)
        loads.add(Outcome("sales", (file,)))
    by_number = list(findings.values())
    asyncio.run(reporting.publish_loads(loads, LoadSummary(), lambda _, version: [by_number[version]]))
    reader = MarkdownIt("gfm-like", {"html": True, "linkify": False})
    for text in shown:
        tags = {token.tag for block in reader.parse(text) for token in (block, *(block.children or ()))}
        assert tags <= {"p", "code", ""} and text.isprintable()
    assert any("cubefeed findings -- -rf.csv" in text for text in shown) and len(shown) > 3 * len(NAMES)
    system.assert_still_loading()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_the_page_and_the_report_show_it_and_run_nothing(system: System, context: BrowserContext) -> None:
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda output: wrong.append(output.text) if "Content Security Policy" in output.text else None)
    page.on("request", lambda request: wrong.append(request.url) if "evil" in request.url else None)
    page.goto(system.url)
    wait(page, lambda: "img src=x" in page.locator("#refused").inner_text())
    text = page.locator("aside").inner_text()
    assert harmless(text.replace("\t", "")) and "<img src=x onerror=document.title=1>" in text
    assert page.locator("aside img, aside script, aside iframe").count() == 0
    came = datetime.fromisoformat(system.place.json("files")[0]["detected_utc"])
    assert SALES.expect is not None
    due = calendar_day(SALES.expect, came)
    assert due is not None
    day = due + timedelta(days=1)
    _, address = system.place.run("report", "--date", str(day)).stdout.split()
    page.goto(address)
    assert "document.title" in page.locator("body").inner_text()
    assert page.locator("img, script, iframe").count() == 0 and page.title() == f"sales · {day}"
    assert wrong == []
    system.assert_still_loading()
