"""Commands about files: what became of them, what was found in them, and what shall become of them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.options import (
    DatasetOption,
    DryRunOption,
    FormatOption,
    PathsArgument,
    SinceOption,
    StateOption,
    TimeoutOption,
    WhereOption,
    dataset_named,
    settings_of,
)
from flows.cli.session_client import read_from_session, request_of_session
from flows.errors import CubefeedError, NotRunning, RequestFailed, plain
from flows.ingest.file_request import OUTCOME_COLUMNS, FileMode, file_request
from flows.model.day_range import parse_moment
from flows.settings import Settings
from flows.text.output import Format, show
from flows.text.plural import counted

commands = typer.Typer()
landing_commands = typer.Typer(help="The directories where files land.", no_args_is_help=True)
commands.add_typer(landing_commands, name="landing")

FILE_COLUMNS = (
    "dataset", "file", "state", "standing", "rows", "refused", "first_finding", "tolerated", "explanation",
    "loaded_utc",
)  # fmt: skip
FINDING_COLUMNS = ("file", "line", "column", "rule", "raw", "expected")


@commands.command()
def files(
    dataset: DatasetOption = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="STATE", help="Only versions in this state, such as loaded. May be repeated."),
    ] = None,
    all_versions: Annotated[bool, typer.Option("--all", help="Also versions that are history.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 1000,
    state: StateOption = None,
    form: FormatOption = Format.table,
) -> None:
    """What each file is, in a word and a sentence. Also its rows, first finding, times. Works without a live process
    too, which alone knows the files that wait."""
    from flows.cli.records import list_files

    states = tuple(only or ())
    rows = list_files(settings_of(state=state), dataset, states, history=all_versions, limit=limit)
    waiting = _waiting_files(state, dataset) if not states or "detected" in states else []
    rows = [*waiting, *rows][:limit]
    show(rows, form, columns=FILE_COLUMNS, grouped=("rows", "refused"))


def _waiting_files(state: Path | None, dataset: str | None) -> list[dict[str, Any]]:
    """Files that the live session has seen and not judged yet; none where none is live."""
    parameters = [("state", "detected")] + ([("dataset", dataset)] if dataset else [])
    try:
        return list(read_from_session(state, "/api/files", parameters))
    except NotRunning:
        return []
    except CubefeedError as error:
        sys.stderr.write(f"cubefeed: the files that wait are left out, since the session does not name them: {error}\n")
        return []


@commands.command()
def findings(
    file: Annotated[str | None, typer.Argument(help="A file's name; all refused files by default.")] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Also what stands at each line. Asks the live process, which reads the files.")
    ] = False,
    dataset: DatasetOption = None,
    state: StateOption = None,
    form: FormatOption = Format.table,
) -> None:
    """What is wrong in refused files: line, column, rule, raw value."""
    from flows.cli.records import list_findings

    rows = list_findings(settings_of(state=state), file, dataset)
    if not raw:
        show(rows, form, columns=FINDING_COLUMNS)
        return
    texts = _texts_at_lines(state, {(row["dataset"], row["version"]) for row in rows})
    none = {"text": None, "no_text": "it is of no line"}
    found = [row | texts.get((row["dataset"], row["version"], row["line"]), none) for row in rows]
    if form is Format.table:
        found = [row | {"text": row["no_text"] if row["text"] is None else row["text"]} for row in found]
    show(found, form, columns=(*FINDING_COLUMNS, "text"))


def _texts_at_lines(state: Path | None, versions: Iterable[tuple[str, int]]) -> dict[tuple[str, int, int | None], Any]:
    """Dataset, version and line → `text` and `no_text` of what stands there."""
    found = {}
    for dataset, version in versions:
        parameters = [("dataset", dataset), ("version", str(version)), ("raw", "true")]
        for each in read_from_session(state, "/api/findings", parameters)["findings"]:
            found[dataset, version, each["line"]] = {name: each[name] for name in ("text", "no_text")}
    return found


@commands.command()
def load(
    paths: PathsArgument = None, dataset: DatasetOption = None, state: StateOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Read them again, also where nothing is new; a duplicate stays one.")
    ] = False,
    since: SinceOption = None, where: WhereOption = None,
    dry_run: DryRunOption = False, timeout: TimeoutOption = 600.0, form: FormatOption = Format.table,
) -> None:  # fmt: skip
    """Load files now, also those that were unloaded."""
    request = _request(paths, since, where, dry_run=dry_run, force=force)
    _change_files("load", dataset, state, timeout, form, request)


@commands.command()
def reload(
    paths: PathsArgument = None, dataset: DatasetOption = None, state: StateOption = None,
    since: SinceOption = None, where: WhereOption = None,
    dry_run: DryRunOption = False, timeout: TimeoutOption = 600.0, form: FormatOption = Format.table,
) -> None:  # fmt: skip
    """Read files again, also where nothing seems to have changed."""
    _change_files("reload", dataset, state, timeout, form, _request(paths, since, where, dry_run=dry_run))


@commands.command()
def unload(
    paths: PathsArgument = None, dataset: DatasetOption = None, state: StateOption = None,
    since: SinceOption = None, where: WhereOption = None,
    dry_run: DryRunOption = False, timeout: TimeoutOption = 600.0, form: FormatOption = Format.table,
) -> None:  # fmt: skip
    """Take the rows of files out of the cube. They stay out until `load`, or until the files change."""
    _change_files("unload", dataset, state, timeout, form, _request(paths, since, where, dry_run=dry_run))


@landing_commands.command()
def accept(
    dataset: Annotated[str, typer.Argument(help="A dataset's name, or path/to/file.py:NAME.")],
    state: StateOption = None, dry_run: DryRunOption = False,
    timeout: TimeoutOption = 600.0, form: FormatOption = Format.table,
) -> None:  # fmt: skip
    """Say that a landing directory is right as it is now. It may be another one, or lack most of its files.

    What it lacks is gone with that. Works without a live process too, unless nothing at all lies in it.
    """
    from flows.cli.offline import accept_landing_offline
    from flows.store.state_directory import StateDirectory

    settings, name = dataset_named(Settings.read(state=state), dataset)
    if StateDirectory(settings.state).owner() is None:
        outcome = accept_landing_offline(settings, name, dry_run=dry_run)
    else:
        outcome = request_of_session("accept", name, state, timeout, dry_run=dry_run)
    if form is Format.table:
        done = "would be accepted" if dry_run else "is accepted"
        gone = f"{counted(outcome['file_count'], 'known file')} not in it"
        sys.stdout.write(f"{plain(name)}: the landing directory {done} as it is now, with {gone}\n")
    _show_outcome(outcome, form)


def _request(
    paths: list[str] | None, since: str | None, where: list[str] | None, *, dry_run: bool, force: bool = False
) -> dict[str, Any]:
    found_since = parse_moment(since) if since else None
    asked_in = str(Path.cwd())
    return file_request(paths, since=found_since, where=where, dry_run=dry_run, force=force, asked_in=asked_in)


def _change_files(
    mode: FileMode, dataset: str | None, state: Path | None, timeout: float, form: Format, request: dict[str, Any]
) -> None:
    if request["dry_run"]:
        sys.stderr.write("dry run: nothing is changed; this is what would be\n")
    try:
        outcome = request_of_session(mode, dataset, state, timeout, **request)
    except RequestFailed as error:
        if error.outcome.get("files"):
            _show_outcome(error.outcome, form)
        raise
    _show_outcome(outcome, form)


def _show_outcome(outcome: Mapping[str, Any], form: Format) -> None:
    show(outcome["files"], form, columns=OUTCOME_COLUMNS, grouped=("rows", "refused", "findings"))
    more = outcome["file_count"] - len(outcome["files"])
    if more:
        sys.stderr.write(f"and {more:,} more files; see cubefeed files\n")
