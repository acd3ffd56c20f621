"""The command line: composes the groups of commands. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from typer.main import get_command

from flows.cli import days, declarations, environment, export, files, history, questions, rows, session, upkeep
from flows.errors import CubefeedError, Interrupted, NotRunning, SessionEnded, out_of_reach
from flows.store.trust import PRIVATE
from flows.text.output import outlive_full_logs, plain_logs

app = typer.Typer(
    help="Keep an OLAP cube live from the files that land in a directory.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for group in (session, declarations, questions, rows, export, days, files, history, upkeep, environment):
    app.add_typer(group.commands)

_EXITS: dict[type[CubefeedError], int] = {NotRunning: 3, SessionEnded: SessionEnded.exit_code, Interrupted: 130}


def main() -> None:
    """Run a command. Errors that a person can act on end with exit 1, nothing running with exit 3, a session of which
    a part failed with 70; a wrong command line ends with exit 2, Ctrl-C while a request waits with 130."""
    outlive_full_logs("stderr")
    plain_logs()
    os.umask(PRIVATE)
    try:
        get_command(app)()  # called by itself, it would put another hook in the place of ours
    except CubefeedError as error:
        sys.stderr.write(f"cubefeed: {error}\n")
        sys.exit(_EXITS.get(type(error), 1))
    except OSError as error:
        sys.stderr.write(f"cubefeed: {out_of_reach(error)}\n")
        sys.exit(1)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"cubefeed {version('cubefeed')}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


if __name__ == "__main__":
    main()
