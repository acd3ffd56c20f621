"""The command that gathers what a report of a bug needs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.file_output import OverwriteOption, require_free
from flows.cli.options import StateOption, settings_of
from flows.errors import plain

commands = typer.Typer()


@commands.command()
def support(
    output: Annotated[Path, typer.Option("--output", "-o", help="The archive.")] = Path("cubefeed-support.zip"),
    overwrite: OverwriteOption = False,
    state: StateOption = None,
) -> None:
    """Write one archive for the report of a bug: versions, settings, what doctor finds, the last lines of the log,
    counts. No rows, no values from files, no secrets; file and dataset names are in it. Look into it before sending."""
    from flows.installation.support import support_parts, write_archive
    from flows.store.atomic_write import private_name

    require_free(output, overwrite=overwrite)
    parts = support_parts(settings_of(state=state))
    with private_name(output) as partial:
        write_archive(parts, partial)
        partial.rename(output)
    for name, text in parts.items():
        sys.stdout.write(f"{name}: {len(text.encode()):,} bytes\n")
    sys.stdout.write(
        f"wrote {plain(output)}; it has no rows and no values of files. Look into it before you send it.\n"
    )
