"""The command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import logging
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.main import get_command

from flows.day_report.formats import ReportFormat
from flows.errors import CubefeedError, Interrupted, NotRunning, RequestFailed, SessionEnded, out_of_reach, plain
from flows.redaction import log_without_secrets
from flows.settings import PORTS, Observer, Settings
from flows.store.trust import PRIVATE
from flows.text.output import Format, outlive_full_logs, plain_logs, show, show_one
from flows.text.plural import counted

SHOWN_REFUSED = 1_000
NAMED_WAITING = 5

app = typer.Typer(
    help="Keep an OLAP cube live from the files that land in a directory.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ledger_app = typer.Typer(help="The durable record of files, versions and requests.", no_args_is_help=True)
app.add_typer(ledger_app, name="ledger")
landing_app = typer.Typer(help="The directories where files land.", no_args_is_help=True)
app.add_typer(landing_app, name="landing")

StateOption = Annotated[Path | None, typer.Option("--state", help="State directory.", show_default="data/state")]
NewStateOption = Annotated[
    Path | None, typer.Option("--state", help="A new state directory; a temporary one by default.")
]
FormatOption = Annotated[
    Format, typer.Option("--format", help="Output format: csv for spreadsheets, json for programs.")
]
DatasetsOption = Annotated[
    list[str] | None,
    typer.Option("--dataset", help="A dataset's name, or path/to/file.py:NAME. May be repeated."),
]
DatasetOption = Annotated[str | None, typer.Option("--dataset", help="The dataset's name; the only one by default.")]
EngineOption = Annotated[str | None, typer.Option("--engine", help="duckdb or atoti.", show_default="duckdb")]
PortOption = Annotated[
    int | None, typer.Option(min=0, max=PORTS[-1], help="Port of the live page; 0 takes a free one.")
]
PrefectPortOption = Annotated[
    int | None,
    typer.Option(
        min=0, max=PORTS[-1], help="Port of the Prefect server; another one where it is taken.", show_default="4200"
    ),
]
TimeoutOption = Annotated[float, typer.Option("--timeout", help="Seconds to wait for the outcome.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]
SinceOption = Annotated[str | None, typer.Option("--since", help="Only versions found at or after this time.")]
WhereOption = Annotated[
    list[str] | None, typer.Option("--where", help="LEVEL=VALUE: only files that hold such a row. May be repeated.")
]
PathsArgument = Annotated[list[str] | None, typer.Argument(help="Files or patterns inside the landing directory.")]


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


@app.command()
def up(
    dataset: DatasetsOption = None, state: StateOption = None, engine: EngineOption = None,
    port: PortOption = None,
    prefect_port: PrefectPortOption = None,
) -> None:  # fmt: skip
    """Start everything: Prefect server, deployments, live session. Ctrl-C ends it."""
    from flows.installation.foreground import run_up

    run_up(_settings(dataset, state=state, engine=engine, port=port, prefect_port=prefect_port))


@app.command()
def demo(
    engine: EngineOption = None,
    keep: Annotated[bool, typer.Option("--keep", help="Stay up after the story, until Ctrl-C.")] = False,
    state: NewStateOption = None,
    prefect_port: PrefectPortOption = None,
) -> None:
    """Show the whole system on a copy of the sample files: 10, 7, then a third day: 8."""
    from flows.installation.demo import run_demo

    run_demo(_settings(engine=engine, prefect_port=prefect_port), keep=keep, state=state)


@app.command()
def watch(
    dataset: DatasetsOption = None,
    landing: Annotated[Path | None, typer.Option(help="Replaces the landing directory of the one dataset.")] = None,
    state: StateOption = None,
    engine: EngineOption = None,
    observer: Annotated[str | None, typer.Option(help="auto, native or polling.", show_default="auto")] = None,
    settle: Annotated[
        float | None, typer.Option(min=0, help="Seconds without a change until a file is complete.")
    ] = None,
    port: PortOption = None,
    ready_file: Annotated[Path | None, typer.Option(help="Written when the initial load is done.")] = None,
) -> None:
    """Keep the cube live without Prefect, in the foreground."""
    from flows.installation.foreground import run_watch

    chosen = _settings(
        dataset,
        landing=landing,
        state=state,
        engine=engine,
        observer=_observer(observer),
        settle_s=settle,
        port=port,
    )
    run_watch(chosen, ready_file=ready_file)


@app.command()
def query(
    measures: Annotated[list[str], typer.Argument(help="Measures, such as Quantity.SUM or contributors.COUNT.")],
    by: Annotated[list[str] | None, typer.Option(help="Level to group by. May be repeated.")] = None,
    where: Annotated[list[str] | None, typer.Option(help="LEVEL=VALUE. May be repeated.")] = None,
    totals: Annotated[bool, typer.Option("--totals", help="Also the totals.")] = False,
    dataset: DatasetOption = None,
    state: StateOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Ask the live cube."""
    parameters = [("measure", name) for name in measures] + [("by", name) for name in by or ()]
    parameters += [("where", condition) for condition in where or ()]
    parameters += [("dataset", dataset)] if dataset else []
    parameters += [("totals", "true")] if totals else []
    answer = _read(state, "/api/query", parameters)
    show(answer["rows"], form, grouped=measures)
    for error in answer.get("errors", ()):
        sys.stderr.write(
            f"cubefeed: {plain(error['measure'])}: {plain(error['error'])}. Next: {plain(error['next'])}\n"
        )
    if answer.get("errors"):
        raise typer.Exit(1)


@app.command()
def status(
    state: StateOption = None,
    check: Annotated[bool, typer.Option("--check", help="Exit 1 and name what is stale, degraded or refused.")] = False,
    form: FormatOption = Format.table,
) -> None:
    """How the live process and its datasets stand."""
    found = _read(state, "/api/status")
    complaints = _complaints(state) if check else []
    if form is Format.json:
        show_one(found | ({"complaints": complaints} if check else {}), form)
    else:
        datasets, disks = found.pop("datasets"), found.pop("disks")
        if form is Format.table:  # one table only for programs
            show_one(found, form)
        _show_datasets(datasets, form)
        for place in [*disks, *(facts["quarantine"] for facts in datasets.values())]:
            if place["warning"]:
                sys.stderr.write(f"warning: {plain(place['warning'])}\n")
    for complaint in complaints:
        sys.stderr.write(f"{plain(complaint)}\n")
    if complaints:
        raise typer.Exit(1)


def _complaints(state: Path | None) -> list[str]:
    """What is not well, with the files that are refused now."""
    from flows.cli.inspection import list_files

    complaints = [str(complaint) for complaint in _read(state, "/health")["complaints"]]
    rows = list_files(Settings.read(state=state), None, (), history=False, limit=SHOWN_REFUSED)
    refused = [row for row in rows if row["state"] == "quarantined"]
    return complaints + [
        f"{row['dataset']}: {row['file']} is refused: {row['first_finding'] or row['reason']}" for row in refused
    ]


def _show_datasets(datasets: dict[str, dict[str, Any]], form: Format) -> None:
    columns = ("dataset", "rows", "files", "stale", "waiting", "last_loaded_utc")
    rows = [{"dataset": name, **facts} for name, facts in datasets.items()]
    if form is Format.table:
        for row in rows:
            row["files"] = ", ".join(f"{count:,} {state}" for state, count in row["files"].items())
    show(rows, form, columns=columns, grouped=("rows", "stale", "waiting"))
    if form is Format.table:  # sentences, which no column is wide enough for
        for row in rows:
            for line in _hindrances(row):
                sys.stdout.write(f"{plain(row['dataset'])}: {plain(line)}\n")


def _hindrances(facts: Mapping[str, Any]) -> Iterator[str]:
    """What a dataset waits for, in words."""
    if facts["degraded"]:
        yield f"degraded: {facts['degraded']}"
    if facts["problem"]:
        yield f"waiting, because {facts['problem']}"
    yield from (f"{each['file']} waits: {each['for']}" for each in facts["waits"][:NAMED_WAITING])
    if facts["waiting"] > NAMED_WAITING:
        yield f"and {facts['waiting'] - NAMED_WAITING:,} more wait"
    yield from (f"{file} is left out: {why}" for file, why in facts["left_out"].items())


@app.command()
def files(
    dataset: DatasetOption = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Only versions in this state, such as loaded."),
    ] = None,
    all_versions: Annotated[bool, typer.Option("--all", help="Also versions that are history.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 1000,
    state: StateOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Each file version: its state, rows, first finding, times. Works without a live process too."""
    from flows.cli.inspection import list_files

    columns = ("dataset", "file", "state", "rows", "refused", "first_finding", "reason", "loaded_utc")
    rows = list_files(_settings(state=state), dataset, tuple(only or ()), history=all_versions, limit=limit)
    show(rows, form, columns=columns, grouped=("rows", "refused"))


@app.command()
def findings(
    file: Annotated[str | None, typer.Argument(help="A file's name; all refused files by default.")] = None,
    dataset: DatasetOption = None,
    state: StateOption = None,
    form: FormatOption = Format.table,
) -> None:
    """What the checks found: file, line, column, rule, raw value."""
    from flows.cli.inspection import list_findings

    columns = ("file", "line", "column", "rule", "raw", "expected")
    show(list_findings(_settings(state=state), file, dataset), form, columns=columns)


@app.command()
def load(
    paths: PathsArgument = None, dataset: DatasetOption = None, state: StateOption = None,
    force: Annotated[bool, typer.Option("--force", help="Also copies of bytes that were loaded already.")] = False,
    since: SinceOption = None, where: WhereOption = None,
    dry_run: DryRunOption = False, timeout: TimeoutOption = 600.0, form: FormatOption = Format.table,
) -> None:  # fmt: skip
    """Load files now, also those that were unloaded."""
    _ask("load", paths, dataset, state, timeout, form, force=force, dry_run=dry_run, since=since, where=where)


@app.command()
def reload(
    paths: PathsArgument = None, dataset: DatasetOption = None, state: StateOption = None,
    since: SinceOption = None, where: WhereOption = None,
    dry_run: DryRunOption = False, timeout: TimeoutOption = 600.0, form: FormatOption = Format.table,
) -> None:  # fmt: skip
    """Read files again, even where nothing seems to have changed."""
    _ask("reload", paths, dataset, state, timeout, form, dry_run=dry_run, since=since, where=where)


@app.command()
def unload(
    paths: PathsArgument = None, dataset: DatasetOption = None, state: StateOption = None,
    since: SinceOption = None, where: WhereOption = None,
    dry_run: DryRunOption = False, timeout: TimeoutOption = 600.0, form: FormatOption = Format.table,
) -> None:  # fmt: skip
    """Take files' rows out of the cube; they stay out until `load`, or until the files change."""
    _ask("unload", paths, dataset, state, timeout, form, dry_run=dry_run, since=since, where=where)


@app.command()
def rebuild(
    dataset: DatasetOption = None, state: StateOption = None, dry_run: DryRunOption = False,
    timeout: TimeoutOption = 600.0, form: FormatOption = Format.table,
) -> None:  # fmt: skip
    """Fill the live cube again from the segments."""
    answer = _ask_owner("rebuild", dataset, state, timeout, dry_run=dry_run)
    if dry_run:
        _show_difference(answer["verify"], form)
    else:
        show_one({"rows": answer["rows"]}, form)


@app.command()
def verify(
    deep: Annotated[bool, typer.Option("--deep", help="Fold again from the landing files.")] = False,
    dataset: DatasetOption = None, state: StateOption = None,
    timeout: TimeoutOption = 600.0, form: FormatOption = Format.table,
) -> None:  # fmt: skip
    """Compare the live cube with a rebuild; exit 1 and print the difference if there is any."""
    found = _ask_owner("verify", dataset, state, timeout, deep=deep)["verify"]
    _show_difference(found, form)
    if found["missing"] or found["extra"]:
        raise typer.Exit(1)


@app.command()
def report(
    date: Annotated[str | None, typer.Option("--date", help="The business day; by default the one due.")] = None,
    dataset: DatasetOption = None, state: StateOption = None, timeout: TimeoutOption = 600.0,
    form: Annotated[
        ReportFormat, typer.Option("--format", help="html keeps a page and says where; the others are printed.")
    ] = ReportFormat.html,
) -> None:  # fmt: skip
    """The report of a business day: totals and their changes, the files, freshness, whether the cube is right."""
    from flows.cli.inspection import only_dataset
    from flows.day_report.build import tell_report

    settings = Settings.read(state=state)
    chosen = dataset or only_dataset(settings)
    sys.stdout.write(tell_report(settings.state, chosen, date, form, timeout_s=timeout))


@app.command()
def token() -> None:
    """A new token for CUBEFEED_TOKEN, which readers of the live page then have to know."""
    from flows.web.token import make_token

    sys.stdout.write(f"{make_token()}\n")


@app.command("prefect-password")
def prefect_password(state: StateOption = None) -> None:
    """What to sign in with on the Prefect server that `up` has started. Whoever has it can run code as you."""
    from flows.store.secret import known_secret

    sys.stdout.write(f"{known_secret(Settings.read(state=state).state)}\n")


@app.command("prefect-env")
def prefect_env(state: StateOption = None) -> None:
    """What a shell needs for Prefect's own commands: eval "$(cubefeed prefect-env)"."""
    from flows.store.secret import known_secret
    from flows.store.state import State

    settings = Settings.read(state=state)
    url = State(settings.state).require_owner().prefect_url
    if url is None:
        raise NotRunning("No Prefect server belongs to this session", next_step="start one with: cubefeed up")
    for name, value in (("PREFECT_API_URL", f"{url}/api"), ("PREFECT_API_AUTH_STRING", known_secret(settings.state))):
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")


@ledger_app.command()
def restore(dataset: DatasetsOption = None, state: StateOption = None, form: FormatOption = Format.table) -> None:
    """Make a lost or damaged ledger again, from its backups and the segments."""
    from flows.cli.inspection import restore_ledger_here

    found = restore_ledger_here(_settings(dataset, state=state))
    undecided = found.pop("undecided") if form is Format.table else ()
    show_one(found, form)
    for sentence in undecided:
        sys.stdout.write(f"{plain(sentence)}\n")


@landing_app.command()
def accept(
    dataset: Annotated[str, typer.Argument(help="A dataset's name, or path/to/file.py:NAME.")],
    state: StateOption = None, dry_run: DryRunOption = False,
    timeout: TimeoutOption = 600.0, form: FormatOption = Format.table,
) -> None:  # fmt: skip
    """Say that a landing directory is right as it is now, though it is another one or lacks most of its files.

    What it lacks is gone with that. Works without a live process too, unless nothing at all lies in it.
    """
    from flows.cli.inspection import accept_landing_here, dataset_called
    from flows.store.state import State

    settings, name = dataset_called(Settings.read(state=state), dataset)
    if State(settings.state).owner() is None:
        outcome = accept_landing_here(settings, name, dry_run=dry_run)
    else:
        outcome = _ask_owner("accept", name, state, timeout, dry_run=dry_run)
    if form is Format.table:
        done = "would be accepted" if dry_run else "is accepted"
        gone = f"{counted(outcome['file_count'], 'known file')} not in it"
        sys.stdout.write(f"{plain(name)}: the landing directory {done} as it is now, with {gone}\n")
    _show_outcome(outcome, form)


@app.command()
def doctor(
    dataset: DatasetsOption = None, state: StateOption = None, engine: EngineOption = None,
    form: FormatOption = Format.table,
) -> None:  # fmt: skip
    """Check what Cubefeed needs, and say what to do about each failure."""
    from flows.installation.doctor import examine

    results = examine(_settings(dataset, state=state, engine=engine))
    show(results, form)
    if any(result["result"] == "fail" for result in results):
        raise typer.Exit(1)


def _settings(datasets: list[str] | None = None, **given: object) -> Settings:
    level = Settings.read().log_level
    log_without_secrets(level)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it would tell of every request
    return Settings.read(datasets=",".join(datasets) if datasets else None, **given)


def _observer(name: str | None) -> Observer | None:
    if name is None or name in ("auto", "native", "polling"):
        return name  # type: ignore[return-value]  # narrowed by the line above
    raise typer.BadParameter("use auto, native or polling", param_hint="--observer")


def _read(state: Path | None, path: str, parameters: list[tuple[str, str]] | None = None) -> Any:
    from flows.ingest.client import STATUS_S, TIMEOUT_S, read
    from flows.store.state import State

    owner = State(Settings.read(state=state).state).require_owner()
    timeout_s = STATUS_S if parameters is None else TIMEOUT_S  # a query may take its time
    return read(owner, path, parameters or (), timeout_s=timeout_s)


def _ask(
    kind: str, paths: list[str] | None, dataset: str | None, state: Path | None,
    timeout: float, form: Format, **payload: object,
) -> None:  # fmt: skip
    if payload.get("dry_run"):
        sys.stderr.write("dry run: nothing is changed; this is what would be\n")
    try:
        outcome = _ask_owner(kind, dataset, state, timeout, paths=paths or [], asked_in=str(Path.cwd()), **payload)
    except RequestFailed as error:
        if error.outcome.get("files"):
            _show_outcome(error.outcome, form)
        raise
    _show_outcome(outcome, form)


def _show_difference(found: Mapping[str, Any], form: Format) -> None:
    if form is Format.json:
        show_one(found, form)
        return
    show([{name: found[name] for name in ("rows", "missing", "extra")}], form)
    for sentence in found.get("mended", ()):
        sys.stdout.write(f"{plain(sentence)}\n")
    if found["examples"]:
        show(found["examples"], form, title="differences")


def _ask_owner(kind: str, dataset: str | None, state: Path | None, timeout: float, **payload: object) -> dict[str, Any]:
    from flows.cli.inspection import only_dataset
    from flows.ingest.client import ask

    settings = Settings.read(state=state)
    return ask(settings.state, dataset or only_dataset(settings), kind, payload, timeout_s=timeout)


def _show_outcome(outcome: Mapping[str, Any], form: Format) -> None:
    columns = ("file", "state", "rows", "refused", "findings", "reason")
    show(outcome["files"], form, columns=columns, grouped=("rows", "refused", "findings"))
    more = outcome["file_count"] - len(outcome["files"])
    if more:
        sys.stderr.write(f"and {more:,} more files; see cubefeed files\n")


if __name__ == "__main__":
    main()
