"""What the README tells people to type is typed here."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.e2e.program import SAMPLES, Place, watching
from tests.e2e.up.test_prefect_access import OPEN
from tests.repository import ROOT
from tests.waiting import until

README = (ROOT / "README.md").read_text(encoding="utf-8")
RUNNING = (ROOT / "deployments" / "README.md").read_text(encoding="utf-8")
SECURITY = (ROOT / ".github" / "SECURITY.md").read_text(encoding="utf-8")
TYPED = re.findall(r"^\$ (.+)$", README, re.MULTILINE)
COMMANDS = [line for line in TYPED if line.startswith(".venv/bin/cubefeed")]
ELSEWHERE = {
    "make demo": "test_demo.py",
    "make up": "up/",
    'eval "$(.venv/bin/cubefeed prefect-env)"  # the server\'s address and its secret, for this shell': "up/",
    "prefect deployment run": "up/",
    'export CUBEFEED_TOKEN="$(.venv/bin/cubefeed token)"': "test_the_token_of_the_readme_is_taken",
    "cubefeed init": "test_the_two_commands_of_the_readme_take_exports",
    "cubefeed watch": "test_the_dataset_of_the_readme_works",
}
RUN = re.findall(r"^\$ (.+)$", RUNNING, re.MULTILINE)
RUN_HERE = [line for line in RUN if line in {"cubefeed doctor", "cubefeed status"}]
RUN_ELSEWHERE = {
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
    "tar ": "test_a_backup_of_the_state_comes_back_as_it_is_written",
    "mv ": "test_a_backup_of_the_state_comes_back_as_it_is_written",
    "cubefeed ledger restore": "test_a_backup_of_the_state_comes_back_as_it_is_written",
}
BAD = "ID,Date,Product,Quantity\n5,2021-05-02,phone,none\n"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The sample files, one of them spoilt, kept live in the state directory that the README names."""
    place = Place(tmp_path_factory.mktemp("readme"))
    place.environment["CUBEFEED_STATE"] = "data/state"
    shutil.copytree(SAMPLES / "current", place.root / "data" / "sales" / "current")
    (place.root / "data" / "sales" / "current" / "sales_2021-05-02.csv").write_text(BAD)
    ready = place.root / "ready"
    process = subprocess.Popen(
        place.command("watch", "--ready-file", ready), cwd=place.root, env=place.variables, stderr=subprocess.DEVNULL
    )
    until(ready.exists, what="the initial load")
    yield place
    process.terminate()
    assert process.wait(20) == 0
    place.assert_nothing_left()


def test_every_line_that_is_typed_is_tested() -> None:
    assert len(TYPED) >= 8
    known = [line for line in TYPED if line.startswith(".venv/bin/cubefeed") or line in ELSEWHERE]
    known += [line for line in TYPED if any(f"/{start}" in line for start in ELSEWHERE)]
    assert set(TYPED) == set(known)


@pytest.mark.slow
@pytest.mark.parametrize("line", [line for line in COMMANDS if not re.search(r"\b(watch|init)\b", line)])
def test_a_command_of_the_readme_works(live: Place, line: str) -> None:
    _, *arguments = shlex.split(line)
    done = live.run(*arguments)
    assert done.stdout


def test_every_line_of_how_to_run_it_is_tested() -> None:
    assert RUN_HERE
    assert [line for line in RUN if line not in RUN_HERE and not line.startswith(tuple(RUN_ELSEWHERE))] == []
    assert [start for start in RUN_ELSEWHERE if not any(line.startswith(start) for line in RUN)] == []


@pytest.mark.slow
@pytest.mark.parametrize("line", RUN_HERE)
def test_a_command_of_how_to_run_it_works(live: Place, line: str) -> None:
    assert live.run(*shlex.split(line)[1:]).stdout


@pytest.mark.slow
def test_a_backup_of_the_state_comes_back_as_it_is_written(place: Place) -> None:
    place.environment["CUBEFEED_STATE"] = "data/state"
    shutil.copytree(SAMPLES / "current", place.root / "data" / "sales" / "current")

    def sales() -> dict[str, int]:
        with watching(place):
            return place.sales()

    def typed(start: str) -> None:
        (line,) = [line for line in RUN if line.startswith(start)]
        place.run_any(*shlex.split(line))

    before = sales()
    typed("tar -c")
    typed("mv ")
    typed("tar -x")
    (place.root / "data" / "state" / "ledger.db").unlink()
    place.run("ledger", "restore")
    (place.root / "data" / "sales" / "current" / "late.csv").write_text("ID,Date,Product,Quantity\n9,2021-05-03,tv,4\n")
    assert before and sales() == before | {"2021-05-03": 4}


def test_what_how_to_run_it_names_is_there() -> None:
    files = {each for line in RUN for each in re.findall(r"deployments/[a-z_.]+", line)}
    files |= set(re.findall(r"`(deployments/[^`]*)`", RUNNING))
    files |= {f"deployments/{link}" for link in re.findall(r"\]\(([a-z_.]+)\)", RUNNING)}
    assert len(files) >= 5 and all((ROOT / file).exists() for file in files), files
    headings = {
        re.sub(r"[^a-z -]", "", each.lower()).replace(" ", "-") for each in re.findall(r"^## (.+)$", RUNNING, re.M)
    }
    assert set(re.findall(r"\]\(#([^)]*)\)", RUNNING)) <= headings


@pytest.mark.parametrize(
    "command", sorted(set(re.findall(r"`cubefeed ([a-z-]+(?: restore| test| accept)?)", README + SECURITY + RUNNING)))
)
def test_a_command_that_the_readme_names_exists(command: str) -> None:
    from flows.cli.main import app

    done = CliRunner().invoke(app, [*command.split(), "--help"])
    assert done.exit_code == 0 and "Usage:" in done.stdout


@pytest.mark.parametrize("variable", sorted(set(re.findall(r"`(CUBEFEED_[A-Z_]+)`", README + SECURITY + RUNNING))))
def test_a_setting_of_the_readme_exists(variable: str) -> None:
    from flows.settings import variables

    assert variable in {each.name for each in variables()}


def test_the_token_of_the_readme_is_taken(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.web.token import TOKEN, token_here

    first, second = (place.run("token").stdout.strip() for _ in range(2))
    monkeypatch.setenv(TOKEN, first)
    assert token_here() == first != second


def test_what_prefect_leaves_open_is_what_the_security_page_says() -> None:
    (listed,) = re.findall(r"\*\*Without it\*\* these answer all the same: (.*?)\. None", SECURITY, re.DOTALL)
    assert set(re.findall(r"`(/[^`]*)`", listed)) == set(OPEN)


def test_what_the_security_page_names_is_there() -> None:
    places = re.findall(r"`((?:flows|tests|deployments)/[^`]*)`", SECURITY)
    assert len(places) > 8 and all((ROOT / place).exists() for place in places)
    targets = set(re.findall(r"`make ([a-z-]+)`", SECURITY))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert {"audit", "licences", "test-attack"} <= targets
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
    assert "(.github/SECURITY.md)" in README


@pytest.mark.slow
def test_the_dataset_of_the_readme_works(place: Place) -> None:
    (declaration,) = re.findall(r"```python\n# orders.py\n(.*?)```", README, re.DOTALL)
    Path(place.root / "orders.py").write_text(declaration)
    landing = place.root / "landing" / "orders"
    landing.mkdir(parents=True)
    (landing / "one.csv").write_text("Order;Day;Amount\na;2021-05-01;1,5\nb;2021-05-01;2,25\n")
    (line,) = [line for line in TYPED if "watch --dataset orders.py" in line]
    _, *arguments = shlex.split(line)
    arguments[arguments.index("--state") + 1] = str(place.state)
    with _started(place, arguments):
        assert place.json("query", "Amount.SUM", "--by", "Day") == [{"Day": "2021-05-01", "Amount.SUM": "3.75"}]


@pytest.mark.slow
def test_the_two_commands_of_the_readme_take_exports(place: Place) -> None:
    exports = place.root / "exports"
    exports.mkdir()
    (exports / "may.csv").write_text("Orders of May\n\nOrder;Day;Amount\n1;03.05.2024;1,5\n2;13.05.2024;2,25\n")
    (exports / "june.csv").write_text("Order;Amount;Day;Shop\n3;7,10;03.06.2024;Lyon\nTOTAL;7,10;;\n")
    written, started = (shlex.split(line)[1:] for line in TYPED if "exports" in line)
    assert "3 rows of 2 files are taken" in place.run(*written).stdout
    with _started(place, started):
        found = place.json("query", "Amount.SUM", "--by", "Day")
        assert {each["Day"]: each["Amount.SUM"] for each in found} == {
            "2024-05-03": "1.50", "2024-05-13": "2.25", "2024-06-03": "7.10",
        }  # fmt: skip


@contextmanager
def _started(place: Place, arguments: Sequence[str]) -> Iterator[None]:
    """What is typed to watch a dataset, once its cube is complete."""
    ready = place.root / "ready"
    command = [sys.executable, "-m", "flows.cli.main", *arguments, "--ready-file", str(ready)]
    process = subprocess.Popen(command, cwd=place.root, env=place.variables, stderr=subprocess.DEVNULL)
    try:
        until(ready.exists, what="the initial load")
        yield
    finally:
        process.terminate()
        assert process.wait(20) == 0
