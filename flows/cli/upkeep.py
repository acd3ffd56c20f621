"""Commands that keep an installation right: compare, fill again, restore."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from flows.cli.options import (
    DatasetOption,
    DatasetsOption,
    DryRunOption,
    FormatOption,
    StateOption,
    TimeoutOption,
    settings_of,
)
from flows.cli.session_client import request_of_session
from flows.errors import plain
from flows.text.output import Format, show, show_one

commands = typer.Typer()
ledger_commands = typer.Typer(help="The durable record of files, versions and requests.", no_args_is_help=True)
commands.add_typer(ledger_commands, name="ledger")


@commands.command()
def rebuild(
    accept_keys: Annotated[
        bool, typer.Option("--accept-keys", help="Merge the rows under the key that is declared now.")
    ] = False,
    dataset: DatasetOption = None, state: StateOption = None, dry_run: DryRunOption = False,
    timeout: TimeoutOption = 600.0, form: FormatOption = Format.table,
) -> None:  # fmt: skip
    """Fill the live cube again from the segments."""
    accepted = {"accept_keys": True} if accept_keys else {}
    outcome = request_of_session("rebuild", dataset, state, timeout, dry_run=dry_run, **accepted)
    if dry_run:
        _show_difference(outcome["verify"], form)
    else:
        show_one({"rows": outcome["rows"]}, form)


@commands.command()
def verify(
    deep: Annotated[
        bool, typer.Option("--deep", help="Compare also with the landing files, and with what a restore would make.")
    ] = False,
    dataset: DatasetOption = None, state: StateOption = None,
    timeout: TimeoutOption = 600.0, form: FormatOption = Format.table,
) -> None:  # fmt: skip
    """Compare the live cube with a rebuild. Exit 1 and print the difference if there is any."""
    found = request_of_session("verify", dataset, state, timeout, deep=deep)["verify"]
    _show_difference(found, form)
    if found["missing"] or found["extra"] or found.get("restore"):
        raise typer.Exit(1)


@ledger_commands.command()
def restore(dataset: DatasetsOption = None, state: StateOption = None, form: FormatOption = Format.table) -> None:
    """Make a lost or damaged ledger again. It is made of its backups and the segments."""
    from flows.cli.offline import restore_ledger_offline

    found = restore_ledger_offline(settings_of(datasets=dataset, state=state))
    undecided = found.pop("undecided") if form is Format.table else ()
    show_one(found, form)
    for sentence in undecided:
        sys.stdout.write(f"{plain(sentence)}\n")


def _show_difference(found: Mapping[str, Any], form: Format) -> None:
    if form is Format.json:
        show_one(found, form)
        return
    show([{name: found[name] for name in ("rows", "missing", "extra")}], form)
    for sentence in (*found.get("mended", ()), *found.get("restore", ())):
        sys.stdout.write(f"{plain(sentence)}\n")
    if found["examples"]:
        show(found["examples"], form, title="differences")
