"""What the command line offers, and that people find it."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from tests.reference import commands
from tests.repository import ROOT

OF_UP_ALONE = {"--prefect-port", "--name", "--reset-schedules"}
OF_WATCH_ALONE = {"--ready-file"}


COMMANDS = {name: ({each for one in found.params for each in one.opts}, found.help or "") for name, found in commands()}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_it_does_and_what_its_options_are(name: str) -> None:
    assert COMMANDS[name][1]
    assert [each.opts for each in dict(commands())[name].params if not each.help] == []


def test_a_session_takes_the_same_options_with_and_without_prefect() -> None:
    assert COMMANDS["up"][0] - OF_UP_ALONE == COMMANDS["watch"][0] - OF_WATCH_ALONE


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"init", "token"}))
def test_a_command_takes_the_state_directory(name: str) -> None:
    assert "--state" in COMMANDS[name][0]


def test_the_demo_ends_in_one_way() -> None:
    done = CliRunner().invoke(app, ["demo", "--once", "--keep"])
    assert done.exit_code == 2 and "name one of them" in done.output


def test_the_version_is_that_of_the_package() -> None:
    command = [sys.executable, "-m", "flows.cli.main", "--version"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, check=True, capture_output=True, text=True, timeout=30)
    assert done.stdout == f"cubefeed {version('cubefeed')}\n" and not done.stderr
