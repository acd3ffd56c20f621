"""`cubefeed check FILE…` as suppliers and pipelines use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner, Result

from flows.cli.main import app
from flows.errors import QueryError
from flows.model.findings import MAX_FINDINGS
from tests.repository import ROOT

GOOD = "ID,Date,Product,Quantity\n1,2021-05-01,phone,1\n"
HEAVY = {"apprise", "atoti", "duckdb", "matplotlib", "pandas", "prefect", "sqlalchemy", "starlette", "watchdog"}
PROGRAM = """
import sys
from flows.cli.main import main
try:
    main()
finally:
    sys.stderr.write("\\n" + " ".join({name.partition(".")[0] for name in sys.modules}))
"""


def check(*arguments: str, declared: str = "sales") -> Result:
    return CliRunner().invoke(app, ["check", "--dataset", declared, *arguments])


def test_it_needs_no_state_and_imports_nothing_that_serves_a_session(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    command = [sys.executable, "-c", PROGRAM, "check", "--dataset", "sales", "a.csv"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "accepted" in done.stdout
    assert not HEAVY & set(done.stderr.split("\n")[-1].split())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv"], "nothing is left behind"


def test_refusals_are_told_to_people_programs_and_pipelines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.csv").write_text(GOOD)
    (tmp_path / "bad.csv").write_text(GOOD + "2,2021-05-01,\x1b[31m<red>&,x\n")
    (tmp_path / "many.csv").write_text(GOOD + "".join(f"{n},2021-05-01,phone,x\n" for n in range(2, 1_102)))
    table = check("good.csv", "bad.csv")
    assert table.exit_code == 1
    assert "bad.csv" in table.stdout and "Quantity" in table.stdout and "\x1b" not in table.stdout

    done = check("good.csv", "bad.csv", "many.csv", "--format", "json", "--junit", "junit.xml")
    assert done.exit_code == 1
    good, bad, _ = json.loads(done.stdout)
    assert (good["verdict"], good["rows"], good["findings"]) == ("accepted", 1, [])
    assert (bad["verdict"], bad["reason"]) == ("refused", "findings: integer 1")
    expected = "Int64 in plain digits, such as 7 or -7"
    assert bad["findings"] == [
        {"rule": "integer", "line": 3, "column": "Quantity", "raw": "x", "expected": expected}
    ]  # fmt: skip

    suites = ElementTree.parse(tmp_path / "junit.xml").getroot()
    (suite,) = suites
    assert suites.tag == "testsuites" and suite.tag == "testsuite"
    for counted in (suites, suite):
        assert {name: counted.attrib[name] for name in ("tests", "failures", "errors")} == {
            "tests": "3", "failures": "2", "errors": "0",
        }  # fmt: skip
    assert [(case.tag, case.attrib["classname"], case.attrib["name"]) for case in suite] == [
        ("testcase", "sales", name) for name in ("good.csv", "bad.csv", "many.csv")
    ]
    first, second, third = (case.findall("failure") for case in suite)
    assert first == []
    assert [(each.attrib["type"], each.attrib["message"], each.text) for each in second] == [
        ("integer", "findings: integer 1", "line 3, Quantity: integer, got 'x'")
    ]
    (many,) = third
    assert many.text is not None and many.text.endswith(f"\nand {1_100 - MAX_FINDINGS} more")


def test_what_is_let_pass_is_shown_and_refused_on_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "from cubefeed import Csv, Dataset\nfrom flows.datasets.sales import Sales\n"
        "MINE = Dataset(schema=Sales, landing='landing', format=Csv(footer=('TOTAL.*',)))\n"
    )
    (tmp_path / "a.csv").write_text(GOOD + "TOTAL,1\n")
    done = check("a.csv", "--junit", "junit.xml", declared="mine.py:MINE")
    assert done.exit_code == 0, done.output
    said = "1 footer line left out, line 3: 'TOTAL,1'"
    assert said in done.stdout
    assert ElementTree.parse(tmp_path / "junit.xml").findtext(".//system-out") == said
    assert check("a.csv", "--strict", declared="mine.py:MINE").exit_code == 1


def test_files_are_checked_against_one_dataset() -> None:
    done = check("a.csv", declared="sales,orders")
    assert isinstance(done.exception, QueryError)
    assert done.exception.next_step == "name one: --dataset FILE.py:NAME"
