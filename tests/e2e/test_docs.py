"""What the documents tell people to type is typed here."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.alerts.addresses import configured_addresses
from flows.cli.main import app
from tests.documents import ASKING, DECLARING, README, RUNNING, SECURITY, Typed, blocks, typed
from tests.e2e.program import SAMPLES, Place, watching
from tests.e2e.up.test_prefect_access import OPEN
from tests.repository import ROOT

LINES = [each for document in (README, RUNNING, ASKING, DECLARING) for each in typed(document)]
ASKED = re.compile(r"cubefeed (query|rows|export|files|findings|history|status|report|close-day|doctor)\b")
HERE = [each for each in LINES if ASKED.match(each.line)]
ELSEWHERE = {
    "make demo": "test_demo.py",
    ". .venv/bin/activate": "test_supply.py: what make sets up has the program",
    "cubefeed init ": "test_the_two_commands_of_the_readme_take_exports",
    "cubefeed watch --dataset exports.py:EXPORTS": "test_the_two_commands_of_the_readme_take_exports",
    "export CUBEFEED_STATE=": "test_the_two_commands_of_the_readme_take_exports",
    "mkdir -p landing/orders": "test_the_first_declaration_is_watched_as_it_is_typed",
    "cubefeed watch --dataset orders.py:ORDERS": "test_the_first_declaration_is_watched_as_it_is_typed",
    "export CUBEFEED_TOKEN=": "test_the_token_that_is_made_is_taken",
    "cubefeed up": "up/",
    "prefect deployment run": "up/",
    'eval "$(cubefeed prefect-env)"': "up/",
    "sudo ": "test_deployments.py: the unit is verified",
    "journalctl ": "test_deployments.py: the unit is verified",
    "docker compose -f deployments/compose.yaml": "test_deployments.py: the file is verified",
    "export PREFECT_AUTH=": "test_deployments.py: the variables are those of the file",
    "cubefeed deploy --pool cubefeed": "server/test_work_pool.py",
    "prefect worker start --pool cubefeed": "server/test_work_pool.py",
    "prefect --no-prompt deploy": "test_deployments.py",
    "python deployments/": "test_deployments.py",
    "python -m venv check": "test_light_check.py",
    "check/bin/": "test_light_check.py",
    "tar ": "test_a_backup_of_the_state_comes_back_as_it_is_written",
    "mv ": "test_a_backup_of_the_state_comes_back_as_it_is_written",
    "cubefeed ledger restore": "test_a_backup_of_the_state_comes_back_as_it_is_written",
}
REFUSED = "ID,Date,Product,Quantity\n11,2021-05-03,mouse,2\n12,2021-05-03,monitor,none\n"
SECURITY_TEXT, TEXT = (
    "".join(document.read_text(encoding="utf-8") for document in named)
    for named in ((SECURITY,), (README, RUNNING, ASKING, DECLARING, SECURITY))
)


def test_every_line_that_is_typed_is_tested() -> None:
    elsewhere = [each.line for each in LINES if not ASKED.match(each.line)]
    assert len(HERE) > 12
    assert [line for line in elsewhere if not line.startswith(tuple(ELSEWHERE))] == []
    assert [start for start in ELSEWHERE if not any(line.startswith(start) for line in elsewhere)] == []


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the sample is kept live as the documents have it, with a file that is refused."""
    place = Place(tmp_path_factory.mktemp("documents"))
    place.environment["CUBEFEED_STATE"] = "data/state"
    landing = place.root / "data" / "sales" / "current"
    shutil.copytree(SAMPLES / "current", landing)
    (landing / "sales_2021-05-03.csv").write_text(REFUSED)
    with watching(place):
        yield place.root
    place.assert_nothing_left()


@pytest.mark.slow
@pytest.mark.parametrize("line", HERE, ids=[each.line for each in HERE])
def test_a_question_of_the_documents_is_answered_as_it_stands_there(
    live: Path, line: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(live)
    monkeypatch.setenv("CUBEFEED_STATE", "data/state")
    done = CliRunner().invoke(app, shlex.split(line.line)[1:], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert done.output and done.stdout.startswith(line.shown)


@pytest.mark.slow
def test_the_python_of_the_readme_runs(live: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(live)
    monkeypatch.setenv("CUBEFEED_STATE", "data/state")
    names: dict[str, Any] = {}
    (shown,) = blocks(README, "python")
    exec(shown.text, names)
    assert names["frame"]["Quantity.SUM"].sum() == 17


@pytest.mark.slow
def test_a_backup_of_the_state_comes_back_as_it_is_written(place: Place) -> None:
    place.environment["CUBEFEED_STATE"] = "data/state"
    shutil.copytree(SAMPLES / "current", place.root / "data" / "sales" / "current")

    def sales() -> dict[str, int]:
        with watching(place):
            return place.sales()

    def type_it(start: str) -> None:
        (line,) = [each.line for each in LINES if each.line.startswith(start)]
        place.run_any(*shlex.split(line))

    before = sales()
    type_it("tar -c")
    type_it("mv ")
    type_it("tar -x")
    (place.root / "data" / "state" / "ledger.db").unlink()
    place.run("ledger", "restore")
    (place.root / "data" / "sales" / "current" / "late.csv").write_text("ID,Date,Product,Quantity\n9,2021-05-03,tv,4\n")
    assert before and sales() == before | {"2021-05-03": 4}


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`cubefeed ([a-z-]+(?: restore| test| accept)?)", TEXT))))
def test_a_command_that_is_named_exists(command: str) -> None:
    done = CliRunner().invoke(app, [*command.split(), "--help"])
    assert done.exit_code == 0 and "Usage:" in done.stdout


@pytest.mark.parametrize("variable", sorted(set(re.findall(r"`(CUBEFEED_[A-Z_]+)`", TEXT))))
def test_a_setting_that_is_named_exists(variable: str) -> None:
    from flows.settings import variables

    assert variable in {each.name for each in variables()}


def test_the_token_that_is_made_is_taken(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.web.token import TOKEN, token_here

    first, second = (place.run("token").stdout.strip() for _ in range(2))
    monkeypatch.setenv(TOKEN, first)
    assert token_here() == first != second


def test_what_prefect_leaves_open_is_what_the_security_page_says() -> None:
    (listed,) = re.findall(r"\*\*Without it\*\* these answer all the same: (.*?)\. None", SECURITY_TEXT, re.DOTALL)
    assert set(re.findall(r"`(/[^`]*)`", listed)) == set(OPEN)


def test_what_the_security_page_names_is_there() -> None:
    places = re.findall(r"`((?:flows|tests|deployments)/[^`]*)`", SECURITY_TEXT)
    assert len(places) > 8 and all((ROOT / place).exists() for place in places)


def test_the_alerts_of_the_documents_are_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    (shown,) = blocks(RUNNING, "sh")
    (assignment,) = shlex.split(shown.text)
    monkeypatch.setenv(*assignment.split("=", 1))
    assert [address.scheme for address in configured_addresses("")] == ["mailto", "slack"]


@pytest.mark.slow
def test_the_first_declaration_is_watched_as_it_is_typed(place: Place) -> None:
    first, rows = blocks(DECLARING, "python")[0], blocks(DECLARING, "csv")[0]
    (place.root / "orders.py").write_text(first.text)
    (made, watch) = (shlex.split(each.line) for each in typed(DECLARING) if "orders" in each.line)
    place.run_any(*made)
    (place.root / "landing" / "orders" / "one.csv").write_text(rows.text)
    place.environment["CUBEFEED_STATE"] = watch[watch.index("--state") + 1]
    with watching(place, *watch[2:]):
        assert place.json("query", "Amount.SUM", "--by", "Day") == [{"Day": "2021-05-01", "Amount.SUM": "3.75"}]


@pytest.mark.slow
def test_the_two_commands_of_the_readme_take_exports(place: Place) -> None:
    exports = place.root / "exports"
    exports.mkdir()
    (exports / "may.csv").write_text("Orders of May\n\nOrder;Day;Amount\n1;03.05.2024;1,5\n2;13.05.2024;2,25\n")
    (exports / "june.csv").write_text("Order;Amount;Day;Shop\n3;7,10;03.06.2024;Lyon\nTOTAL;7,10;;\n")
    written, watch, set_once = (shlex.split(each.line) for each in typed(README) if "exports" in each.line)
    assert "3 rows of 2 files are taken" in place.run(*written[1:]).stdout
    variable, _, state = set_once[1].partition("=")
    place.environment[variable] = state
    with watching(place, *watch[2:]):
        found = place.json("query", "Amount.SUM", "--by", "Day")
        assert {each["Day"]: each["Amount.SUM"] for each in found} == {
            "2024-05-03": "1.50", "2024-05-13": "2.25", "2024-06-03": "7.10",
        }  # fmt: skip
