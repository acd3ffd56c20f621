"""The command that tells what was decided of files."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from flows.cli.options import DatasetOption, FormatOption, StateOption, dataset_named, settings_of
from flows.errors import QueryError
from flows.settings import Settings
from flows.text.output import Format, show

EVENT_COLUMNS = ("at_utc", "dataset", "file", "event", "version", "rows", "details")
KEY_COLUMNS = ("key", "values", "file", "version", "line", "at_utc", "shown", "why")

commands = typer.Typer()


@commands.command()
def history(
    file: Annotated[str | None, typer.Option("--file", metavar="FILE", help="Only of this file.")] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            "--key", help="COLUMN=VALUE: which files hold this key, and which of them is shown. May be repeated."
        ),
    ] = None,
    day: Annotated[
        str | None, typer.Option("--day", metavar="DAY", help="Only of this day, such as 2021-05-01.")
    ] = None,
    dataset: DatasetOption = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most, the newest.")] = 1000,
    state: StateOption = None,
    form: FormatOption = Format.table,
) -> None:
    """What was decided of files, the newest first. What came, what it replaced, what came back, what was renamed, and
    what was unloaded by whom. Works without a live process too."""
    settings = settings_of(state=state)
    if key:
        if file or day:
            raise QueryError("--key stands alone", next_step="leave --file and --day out")
        show(_key_rows(settings, dataset, key, limit), form, columns=KEY_COLUMNS)
        return
    show(_events(settings, dataset, file, day, limit), form, columns=EVENT_COLUMNS, grouped=("rows",))


def _events(
    settings: Settings, dataset: str | None, file: str | None, day: str | None, limit: int
) -> list[dict[str, Any]]:
    from flows.cli.records import ledger_of, require_known_dataset
    from flows.store.events import Selection, list_events

    since, before = _day(day) if day else (None, None)
    with ledger_of(settings) as ledger:
        require_known_dataset(ledger, dataset)
        found = list_events(ledger, Selection(dataset, file, since, before, limit))
    if file is not None and day is None and not found:
        raise QueryError("No file of that name is known", next_step="see cubefeed files --all", got=file)
    return [asdict(event) for event in found]


def _day(text: str) -> tuple[str, str]:
    """The first moment of a day here, and of the next one, as the ledger writes them."""
    try:
        start = datetime.fromisoformat(text).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        ends = start.astimezone(), (start + timedelta(days=1)).astimezone()
        first, last = (moment.astimezone(UTC).isoformat(timespec="milliseconds") for moment in ends)
    except (ValueError, OverflowError):
        raise QueryError("That is no day", next_step="write it as 2021-05-01", got=text) from None
    return first, last


def _key_rows(settings: Settings, dataset: str | None, key: list[str], limit: int) -> list[dict[str, Any]]:
    from flows.cli.records import ledger_of
    from flows.datasets import load_datasets
    from flows.store.key_history import key_rows
    from flows.store.segments import Segments
    from flows.store.state_directory import StateDirectory

    name = None
    if dataset is not None:
        settings, name = dataset_named(settings, dataset)
    declared = load_datasets(settings)
    chosen = [each for each in declared if name in (None, each.name)]
    if len(chosen) != 1:
        raise QueryError(
            "It is not clear which dataset that is of",
            next_step="name one with --dataset, and its file in CUBEFEED_DATASETS",
            got=dataset,
            allowed=", ".join(each.name for each in declared),
        )
    with ledger_of(settings) as ledger:
        rows = key_rows(chosen[0], ledger, Segments(StateDirectory(settings.state).segments), key, limit=limit)
    return [asdict(row) for row in rows]
