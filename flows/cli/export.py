"""The command that writes a whole table into a directory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.file_output import shown_bytes
from flows.cli.options import StateOption
from flows.cli.session_client import owner_of
from flows.errors import plain
from flows.text.plural import counted

commands = typer.Typer()


@commands.command()
def export(
    dataset: Annotated[str, typer.Argument(help="The dataset's name.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A directory, which is made.")],
    partition_by: Annotated[
        str | None, typer.Option(help="A column, for each of whose values there is a directory: Date=2021-05-01.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an export that is there.")] = False,
    state: StateOption = None,
) -> None:
    """Write the whole current table as Parquet files, as of one commit, with a manifest that names them. Loading goes
    on meanwhile."""
    from flows.cli.export_directory import ExportDirectory
    from flows.ingest.client import download

    directory = ExportDirectory(output, partition_by)
    directory.require_free(overwrite=overwrite)
    parts = download(owner_of(state), "/api/table", [("dataset", dataset), ("format", "arrow")])
    manifest = directory.write(parts, shown_bytes)
    files = counted(len(manifest["files"]), "file")
    sys.stderr.write(f"wrote {plain(output)}: {counted(manifest['rows'], 'row')} in {files}, and _manifest.json\n")
