"""The command line: composes the groups of commands. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import os
import sys
from copy import copy
from typing import Annotated

import typer
from typer.main import get_command, get_command_name

from flows.cli import (
    days,
    declarations,
    environment,
    export,
    files,
    history,
    questions,
    rows,
    session,
    support,
    tail,
    upkeep,
)
from flows.errors import CubefeedError, Interrupted, NotRunning, SessionEnded, out_of_reach
from flows.store.trust import PRIVATE
from flows.text.output import outlive_full_logs, plain_logs

app = typer.Typer(
    help="Keep an OLAP cube live from the files that land in a directory.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for group in (session, declarations, questions, rows, export, tail, days, files, history, upkeep, environment, support):
    app.add_typer(group.commands)

FIRST_STEPS = """\
Cubefeed keeps an OLAP cube live from the files that land in a directory. To begin:

  cubefeed demo                       see it work on sample files
  cubefeed init FILES -o my_data.py   understand your files, and write their declaration
  cubefeed watch --dataset my_data.py:MY_DATA
                                      keep their cube live, with a page that shows it
  cubefeed query MEASURE --by LEVEL   ask it, from another terminal

  cubefeed --help                     all commands
  cubefeed --install-completion       complete commands and options with Tab
"""

_EXITS: dict[type[CubefeedError], int] = {NotRunning: 3, SessionEnded: SessionEnded.exit_code, Interrupted: 130}


def main() -> None:
    """Run a command. Errors that a person can act on end with exit 1, nothing running with exit 3, a session of which
    a part failed with 70; a wrong command line ends with exit 2, Ctrl-C while a request waits with 130."""
    outlive_full_logs("stderr")
    plain_logs()
    os.umask(PRIVATE)
    try:
        get_command(group_of(sys.argv[1:2]))()  # called by itself, it would put another hook in the place of ours
    except CubefeedError as error:
        sys.stderr.write(f"cubefeed: {error}\n")
        sys.exit(_EXITS.get(type(error), 1))
    except OSError as error:
        sys.stderr.write(f"cubefeed: {out_of_reach(error)}\n")
        sys.exit(1)


def group_of(named: list[str]) -> typer.Typer:
    """The group of the command that is named: to make the others ready takes as long as to import this one. All of
    them where none is."""
    found = [group for group in app.registered_groups if set(named) & _names_of(group.typer_instance)]
    one = copy(app)
    one.registered_groups = found or app.registered_groups
    return one


def _names_of(group: typer.Typer | None) -> set[str | None]:
    """The commands of a group, and the groups in it."""
    if group is None:
        return set()
    commands = {
        each.name or (each.callback and get_command_name(each.callback.__name__)) for each in group.registered_commands
    }
    return commands | {each.name for each in group.registered_groups}


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"cubefeed {version('cubefeed')}\n")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        sys.stdout.write(FIRST_STEPS)


if __name__ == "__main__":
    main()
