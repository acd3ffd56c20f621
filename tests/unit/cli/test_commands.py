"""What the command line offers, and that people find it."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version

import pytest
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from flows.cli.main import app, group_of
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


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_in_the_group_that_is_made_ready_for_it(name: str) -> None:
    made = get_command(group_of(name.split()[:1]))
    assert isinstance(made, TyperGroup) and name.split()[0] in made.commands
    assert len(made.commands) < len(COMMANDS)


def test_all_are_there_where_none_is_named() -> None:
    made = get_command(group_of(["--help"]))
    assert isinstance(made, TyperGroup) and {name.split()[0] for name in COMMANDS} == set(made.commands)
