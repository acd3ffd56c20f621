"""The command that shows the rows behind a number."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from flows.cli.answer_lines import show_context
from flows.cli.file_output import OutputOption, OverwriteOption, save_answer
from flows.cli.options import DatasetOption, FormatOption, StateOption
from flows.cli.questions import WHERE_HELP
from flows.cli.session_client import read_from_session
from flows.text.output import Format, show, show_one
from flows.text.plural import counted

SHOWN = 100

commands = typer.Typer()


@commands.command()
def rows(
    where: Annotated[list[str] | None, typer.Option(metavar="CONDITION", help=WHERE_HELP)] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="How many at most; with --raw, 1000.", show_default="100, in a file all")
    ] = None,
    offset: Annotated[int, typer.Option(min=0, help="How many to leave out before.")] = 0,
    raw: Annotated[bool, typer.Option("--raw", help="Also what stands in the file at each row.")] = False,
    dataset: DatasetOption = None,
    state: StateOption = None,
    form: FormatOption = Format.table,
    output: OutputOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """The rows behind a number. Each has its file, version, line and time of load; they come in the order in which
    their files came, and of each file in that of its lines."""
    parameters = [("where", condition) for condition in where or ()]
    parameters += [("offset", str(offset))]
    parameters += [("raw", "true")] if raw else []
    parameters += [("envelope", "true")]
    parameters += [("dataset", dataset)] if dataset else []
    if output is not None:
        parameters += [("limit", str(limit))] if limit is not None else []
        save_answer(output, "/api/rows", parameters, state=state, form=form, overwrite=overwrite)
        return
    answer = read_from_session(state, "/api/rows", [*parameters, ("limit", str(limit or SHOWN))])
    if form is Format.json:
        show_one(answer, form)
        return
    found = answer["rows"]
    show([_flat(row, form) for row in found], form, columns=_columns(found) if form is Format.table else ())
    sys.stderr.write(f"{_extent(len(found), offset, answer['count'])}\n")
    if form is Format.table:
        show_context(answer)


def _flat(row: Mapping[str, Any], form: Format) -> dict[str, Any]:
    """A row and where it is from; a table shows in one place what stands there, or why that is not known."""
    source = dict(row["source"])
    if form is Format.table and "raw" in source:
        source["raw"] = source["no_raw"] if source["raw"] is None else source["raw"]
    return {**row["values"], **{_name(name): value for name, value in source.items()}}


def _columns(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """The table leaves out what no row has."""
    shown = ["file", "also_in", "version", "line", "loaded_utc", "raw"]
    if not found:
        return []
    sources = [row["source"] for row in found]
    names = [name for name in shown if name in sources[0] and any(source[name] != [] for source in sources)]
    return [*found[0]["values"], *map(_name, names)]


def _name(name: str) -> str:
    """How what is said of a row is called beside its columns, which may have any other name."""
    return f"Source.{name.capitalize()}"


def _extent(shown: int, offset: int, count: int) -> str:
    if not shown:
        return f"none of {counted(count, 'row')}"
    last = offset + shown
    more = f"; go on with --offset {last}" if last < count else ""
    return f"{offset + 1:,} to {last:,} of {counted(count, 'row')}{more}"
