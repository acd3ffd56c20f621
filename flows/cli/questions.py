"""Commands that ask a live session: of its cube, of itself, of a business day."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.answer_lines import show_context
from flows.cli.file_output import OutputOption, OverwriteOption, save_answer
from flows.cli.options import DatasetOption, DateOption, EnvelopeOption, FormatOption, StateOption, TimeoutOption
from flows.cli.session_client import only_dataset, read_from_session
from flows.day_report.formats import ReportFormat
from flows.errors import QueryError, plain
from flows.settings import Settings
from flows.text.hindrances import hindrances
from flows.text.output import Format, show, show_one
from flows.text.reference_words import unmatched_words

WHERE_HELP = (
    'Only rows that meet it: "Date>=2021-05-01" (=, !=, <, <=, >, >=), "Date between 2021-05-01 and 2021-05-31", '
    '"Date = last 7 days", "Product in (mouse, keyboard)", "Product not in (mouse)", "Product~key" (has it in it), '
    '"Product^key" (begins with it), "Product is null", "Product is not null". May be repeated.'
)
OTHERS = "is_others"
SHOWN_REFUSED = 1_000
NAMED_WAITING = 5

commands = typer.Typer()


@commands.command()
def query(
    measures: Annotated[
        list[str] | None,
        typer.Argument(help="Measures, such as Quantity.SUM or contributors.COUNT. Without any, says which there are."),
    ] = None,
    by: Annotated[list[str] | None, typer.Option(metavar="LEVEL", help="Level to group by. May be repeated.")] = None,
    where: Annotated[list[str] | None, typer.Option(metavar="CONDITION", help=WHERE_HELP)] = None,
    having: Annotated[
        list[str] | None,
        typer.Option(metavar="CONDITION", help='Only groups that meet a condition, such as "Quantity.SUM>100".'),
    ] = None,
    sort: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Level or measure to sort by; -Quantity.SUM from the greatest down. May be repeated."
        ),
    ] = None,
    top: Annotated[
        str | None,
        typer.Option(
            metavar="TOP", help='The first groups only: 10, or "3 per Country"; by the first measure by default.'
        ),
    ] = None,
    others: Annotated[bool, typer.Option("--others", help="With --top, also a row for the rest.")] = False,
    totals: Annotated[
        bool, typer.Option("--totals", help="Also the totals: of all rows that --where keeps, whatever is shown.")
    ] = False,
    limit: Annotated[int | None, typer.Option(help="How many rows to show.")] = None,
    offset: Annotated[int, typer.Option(help="How many rows to leave out before.")] = 0,
    envelope: EnvelopeOption = False,
    dataset: DatasetOption = None,
    state: StateOption = None,
    form: FormatOption = Format.table,
    output: OutputOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Ask the live cube. A name that it does not have is answered with those that it has."""
    from flows.model.number_formats import NumberFormat

    measures = measures or []
    if envelope and form is not Format.json:
        raise QueryError("An envelope is JSON", next_step="add --format json", got=form.value)
    if top is not None and "per" in measures:  # the shell has taken it apart
        raise QueryError("A top per level is one text", next_step=f'write --top "{top} per LEVEL"')
    parameters = [("measure", name) for name in measures] + [("by", name) for name in by or ()]
    parameters += [("where", condition) for condition in where or ()]
    parameters += [("dataset", dataset)] if dataset else []
    parameters += [("envelope", "true")]
    parameters += [("having", condition) for condition in having or ()] + [("sort", name) for name in sort or ()]
    parameters += [(name, "true") for name, given in (("totals", totals), ("others", others)) if given]
    given = {"top": top, "limit": limit, "offset": offset or None}
    parameters += [(name, str(value)) for name, value in given.items() if value is not None]
    if output is not None:
        save_answer(output, "/api/query", parameters, state=state, form=form, overwrite=overwrite)
        return
    answer = read_from_session(state, "/api/query", parameters)
    decimals = {name for name, facts in answer["measures"].items() if facts["kind"] == "decimal"}
    rows = answer["rows"] if form is Format.json else [_with_decimals(row, decimals) for row in answer["rows"]]
    formats = {name: NumberFormat.parse(facts["format"]) for name, facts in answer["measures"].items()
               if "format" in facts}  # fmt: skip
    written = {name: each.write for name, each in formats.items()}
    shown = [_named_others(row, measures) for row in rows] if form is Format.table else rows
    if envelope and form is Format.json:
        show_one(answer, form)
    else:
        show(shown, form, grouped=measures, formats=written)
    if len(rows) < answer["count"]:
        sys.stderr.write(f"{len(rows):,} of {answer['count']:,} rows; --limit and --offset show others\n")
    if form is Format.table:
        show_context(answer)
    for error in answer.get("errors", ()):
        sys.stderr.write(
            f"cubefeed: {plain(error['measure'])}: {plain(error['error'])}. Next: {plain(error['next'])}\n"
        )
    if answer.get("errors"):
        raise typer.Exit(1)


def _named_others(row: Mapping[str, Any], measures: Collection[str]) -> dict[str, Any]:
    """A row as people see it: one for other groups says so where its last level stands, of which it has no value."""
    shown = dict(row)
    if shown.pop(OTHERS, False):
        levels = [name for name in shown if name not in measures and name != "total_depth"]
        shown[levels[-1]] = "(others)"
    return shown


def _with_decimals(row: Mapping[str, Any], decimals: Collection[str]) -> dict[str, Any]:
    """Decimals come as text."""
    return {n: found if found is None or n not in decimals else Decimal(found) for n, found in row.items()}


@commands.command()
def status(
    state: StateOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 1 and name what is stale, degraded, refused or late.")
    ] = False,
    form: FormatOption = Format.table,
) -> None:
    """How the session and its datasets stand, and where the live page is."""
    found = read_from_session(state, "/api/status")
    complaints = _complaints(state, found) if check else []
    if form is Format.json:
        show_one(found | ({"complaints": complaints} if check else {}), form)
    else:
        _show_status(found, form)
    for complaint in complaints:
        sys.stderr.write(f"{plain(complaint)}\n")
    if complaints:
        raise typer.Exit(1)


@commands.command()
def report(
    date: DateOption = None,
    dataset: DatasetOption = None, state: StateOption = None, timeout: TimeoutOption = 600.0,
    form: Annotated[
        ReportFormat, typer.Option("--format", help="html keeps a page and says where; the others are printed.")
    ] = ReportFormat.html,
) -> None:  # fmt: skip
    """The report of a business day: totals and their changes, the files, freshness, whether the cube is right."""
    from flows.day_report.build import render_report

    settings = Settings.read(state=state)
    chosen = dataset or only_dataset(settings)
    sys.stdout.write(render_report(settings.state, chosen, date, form, timeout_s=timeout))


def _complaints(state: Path | None, found: Mapping[str, Any]) -> list[str]:
    """What is not well, with the files that are refused now, the days that are late, and alerts that do not arrive."""
    from flows.alerts.standing import address_words
    from flows.cli.records import list_files

    complaints = [str(complaint) for complaint in read_from_session(state, "/health")["complaints"]]
    rows = list_files(Settings.read(state=state), None, (), history=False, limit=SHOWN_REFUSED)
    refused = [row for row in rows if row["state"] == "quarantined"]
    complaints += [
        f"{row['dataset']}: {row['file']} is refused: {row['first_finding'] or row['reason']}" for row in refused
    ]
    for name, facts in found["datasets"].items():
        complaints += [f"{name}: {day} is late: no data of it has come by its time" for day in facts["late_days"]]
    return complaints + [f"alerts: address {address_words(row)}" for row in found["alerts"] if row["tries"]]


def _show_status(found: dict[str, Any], form: Format) -> None:
    from flows.alerts.standing import address_words

    datasets, disks, alerts = found.pop("datasets"), found.pop("disks"), found.pop("alerts")
    if form is Format.table:  # one table only for programs
        show_one(found, form)
    _show_datasets(datasets, form)
    if form is Format.table:
        told = [f"alerts: address {address_words(row)}" for row in alerts]
        for line in told or ["alerts: nobody is told what goes wrong (CUBEFEED_ALERTS)"]:
            sys.stdout.write(f"{plain(line)}\n")
    for place in [*disks, *(facts["quarantine"] for facts in datasets.values())]:
        if place["warning"]:
            sys.stderr.write(f"warning: {plain(place['warning'])}\n")


def _show_datasets(datasets: dict[str, dict[str, Any]], form: Format) -> None:
    columns = ("dataset", "rows", "files", "stale", "waiting", "last_loaded_utc")
    rows = [{"dataset": name, **facts} for name, facts in datasets.items()]
    if form is Format.table:
        for row in rows:
            row["files"] = ", ".join(f"{count:,} {state}" for state, count in row["files"].items())
    show(rows, form, columns=columns, grouped=("rows", "stale", "waiting"))
    if form is Format.table:  # sentences, which no column is wide enough for
        for row in rows:
            for line in _sentences(row):
                sys.stdout.write(f"{plain(row['dataset'])}: {plain(line)}\n")


def _sentences(facts: Mapping[str, Any]) -> Iterator[str]:
    """What a dataset waits for, in words."""
    yield from hindrances(degraded=facts["degraded"], problem=facts["problem"])
    for name, each in facts["references"].items():
        if each["unmatched"]:
            yield f"{unmatched_words(each['unmatched'], name)} in {each['dataset']}"
    yield from (f"{each['file']} waits: {each['for']}" for each in facts["waits"][:NAMED_WAITING])
    if facts["waiting"] > NAMED_WAITING:
        yield f"and {facts['waiting'] - NAMED_WAITING:,} more wait"
    yield from (f"{each['day']} {each['words']}" for each in facts["days"])
    yield from (f"warning: {each['file']}: {each['warning']}" for each in facts["warnings"])
    yield from (f"{file} is left out: {why}" for file, why in facts["left_out"].items())
    if facts["beside"]:
        yield facts["beside"]
