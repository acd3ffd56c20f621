"""What the command line offers, and that people find it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version

import pytest
from typer.main import get_command

from flows.cli.main import app
from tests.repository import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
OF_UP_ALONE = {"--prefect-port", "--name", "--reset-schedules"}
OF_WATCH_ALONE = {"--ready-file"}


def commands() -> Iterator[tuple[str, set[str], str]]:
    """Each command's name, options and help."""
    unseen = [("", get_command(app))]
    for name, command in unseen:
        below = getattr(command, "commands", {})
        unseen += [(f"{name} {each}".strip(), found) for each, found in below.items()]
        if not below:
            yield name, {option for each in command.params for option in each.opts}, command.help or ""


COMMANDS = {name: (options, text) for name, options, text in commands()}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_it_does_and_stands_in_the_readme(name: str) -> None:
    _, text = COMMANDS[name]
    assert text
    assert re.search(rf"`(cubefeed |make )?{name}\b|bin/cubefeed {name}\b", README), f"name {name} in README.md"


def test_a_session_takes_the_same_options_with_and_without_prefect() -> None:
    assert COMMANDS["up"][0] - OF_UP_ALONE == COMMANDS["watch"][0] - OF_WATCH_ALONE


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"init", "token"}))
def test_a_command_takes_the_state_directory(name: str) -> None:
    assert "--state" in COMMANDS[name][0]


def test_the_version_is_that_of_the_package() -> None:
    command = [sys.executable, "-m", "flows.cli.main", "--version"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, check=True, capture_output=True, text=True, timeout=30)
    assert done.stdout == f"cubefeed {version('cubefeed')}\n" and not done.stderr
