"""Every place where something is written for people, with what makes text of the data in it."""

from __future__ import annotations

import ast
import re

import pytest

from tests.repository import FLOWS
from tests.unit.test_boundary_list import parts

pytestmark = pytest.mark.slow

WRITERS = {
    "sys.stdout.write", "sys.stderr.write", "print", "writelines", "writerow", "writerows", "echo", "secho",
    "acreate_table_artifact", "acreate_markdown_artifact", "acreate_link_artifact", "acreate_progress_artifact",
    "aupdate_progress_artifact", "update_flow_run", "Response", "HTMLResponse", "FileResponse",
    "PlainTextResponse", "StreamingResponse", "Console", "add_row",
}  # fmt: skip
"""Calls that show something, or hand it to what does. Log records are made plain in one place, whoever makes them, and
Prefect shows events as JSON."""

OURS = "no data in it but our own: numbers, names of settings, a secret"
ERROR = "an error, whose text is plain"
PLAIN = "errors.plain"
MADE = "what is shown was made by markdown or spreadsheet, or is JSON"

KNOWN = {
    ("cli/answer_lines.py", "show_context"): PLAIN,
    ("cli/main.py", "main"): ERROR,
    ("cli/questions.py", "query"): PLAIN,
    ("cli/questions.py", "status"): PLAIN,
    ("cli/rows.py", "rows"): OURS,
    ("cli/tail.py", "tail"): PLAIN,
    ("cli/support.py", "support"): PLAIN,
    ("cli/main.py", "_options"): OURS,
    ("cli/export.py", "export"): PLAIN,
    ("cli/file_output.py", "save_answer"): PLAIN,
    ("cli/file_output.py", "shown_bytes"): OURS,
    ("cli/questions.py", "report"): MADE,
    ("cli/environment.py", "token"): OURS,
    ("cli/environment.py", "prefect_password"): OURS,
    ("cli/environment.py", "prefect_env"): OURS,
    ("cli/upkeep.py", "restore"): PLAIN,
    ("cli/declarations.py", "show_verdicts"): OURS,
    ("cli/sample_declaration.py", "_say"): PLAIN,
    ("cli/sample_declaration.py", "_shown_while"): OURS,
    ("cli/files.py", "accept"): PLAIN,
    ("cli/days.py", "close_day"): PLAIN,
    ("cli/main.py", "_show_version"): OURS,
    ("cli/files.py", "_change_files"): OURS,
    ("cli/files.py", "_waiting_files"): ERROR,
    ("cli/questions.py", "_show_status"): PLAIN,
    ("cli/questions.py", "_show_datasets"): PLAIN,
    ("cli/upkeep.py", "_show_difference"): PLAIN,
    ("cli/files.py", "_show_outcome"): OURS,
    ("installation/demo.py", "_chapters"): OURS,
    ("text/output.py", "show"): "JSON with all but ASCII escaped",
    ("text/output.py", "show_one"): "JSON with all but ASCII escaped",
    ("text/output.py", "_show_csv"): "escape.spreadsheet",
    ("text/output.py", "_show_table"): PLAIN,
    ("text/output.py", "_show_traceback"): "errors.plain_lines",
    ("installation/notices.py", "write_notice"): "errors.plain_lines",
    ("installation/watch_command.py", "_shown_progress"): OURS,
    ("installation/foreground.py", "run_deploy"): "errors.plain_lines",
    ("day_report/download.py", "make_csv"): "escape.spreadsheet",
    ("orchestration/artifacts.py", "publish_table"): "escape.markdown",
    ("orchestration/artifacts.py", "publish_report"): "escape.markdown",
    ("orchestration/artifacts.py", "publish_links"): OURS,
    ("orchestration/artifacts.py", "name_run"): "Prefect shows it as text",
    ("orchestration/artifacts.py", "ProgressArtifact._send"): OURS,
    ("orchestration/corrupt_runs.py", "_end"): "the name of a run that could not be read",
    ("web/answers.py", "reply"): "JSON",
    ("web/protocol.py", "BoundedProtocol.send_400_response"): "JSON",
    ("web/etags.py", "unchanged"): "headers, and nothing else",
    ("web/api.py", "_head"): "headers, and nothing else",
    ("web/api.py", "_descriptions.page"): "a template made the page",
    ("web/metrics.py", "Metrics._reply"): "the Prometheus client escapes labels, which are datasets' names",
    ("web/sign_in.py", "sign_in_page"): OURS,
    ("web/page.py", "_text_route.endpoint"): OURS,
    ("web/page.py", "_file_route.endpoint"): OURS,
    ("web/reports.py", "report_route.endpoint"): "a template made the page",
}
"""Where something is shown → what makes text of the data in it."""

SINKS = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc")
"""What makes markup or code of a text in a browser."""


def test_every_place_that_shows_something_is_known_with_what_makes_text_of_the_data_in_it() -> None:
    found = set()
    for file, node, inside in parts():
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in WRITERS or called.rpartition(".")[2] in WRITERS:
                found.add((file, inside))
    assert found - KNOWN.keys() == set(), "make text of the data in it, and name it here"
    assert KNOWN.keys() - found == set(), "it is gone"


def test_the_pages_scripts_make_markup_of_no_text() -> None:
    scripts = [file for folder in ("assets", "templates") for file in (FLOWS / "web" / folder).glob("*.[jh]*")]
    lines = [line for file in scripts for line in file.read_text().splitlines()]
    used = [line.strip() for line in lines if SINKS.search(line)]
    assert used == [
        "if (to.dataset.shown !== made.innerHTML) {",  # these two only read it
        "to.dataset.shown = made.innerHTML;",
    ]


def test_the_pages_have_no_script_and_no_style_in_attributes_of_their_own() -> None:
    for file in FLOWS.rglob("*.html.jinja"):
        assert not re.search(r'\s(on\w+|style)="|javascript:', file.read_text()), file
