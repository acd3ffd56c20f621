"""What `data/README.md` tells people to type is typed here, and shows what stands below it there."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from tests.e2e.program import Place, started
from tests.repository import ROOT

README = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^\$ (.+)\n((?:[^$`].*\n)*)", README, re.MULTILINE))
WATCH, STATE, *QUESTIONS = BLOCKS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the sample is kept live, as it is typed."""
    place = Place(tmp_path_factory.mktemp("sample"))
    shutil.copytree(ROOT / "data" / "shop", place.root / "data" / "shop")
    program, *arguments = shlex.split(WATCH)
    assert program == ".venv/bin/cubefeed"
    with started(place, *arguments) as running:
        running.wait_for_word("live page")
        yield place.root
        assert running.end() == 0
    place.assert_nothing_left()


@pytest.mark.parametrize("line", QUESTIONS)
def test_a_line_of_the_sample_shows_what_stands_below_it(
    shop: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop)
    variable, _, value = STATE.removeprefix("export ").partition("=")
    monkeypatch.setenv(variable, value)
    program, *arguments = shlex.split(line)
    assert program == ".venv/bin/cubefeed"
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0 and done.stdout.startswith(BLOCKS[line]) and done.stdout


def test_the_declaration_of_the_sample_is_the_one_that_is_shown() -> None:
    (shown,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert shown in (ROOT / "flows" / "datasets" / "shop.py").read_text(encoding="utf-8")


def test_the_directories_that_are_named_are_there() -> None:
    named = re.findall(r"`((?:sales|shop)/\w+)`", README)
    assert len(named) == 4 and all(any((ROOT / "data" / each).glob("*.csv")) for each in named)
