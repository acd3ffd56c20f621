"""The options that commands share, each declared once, and the settings that they make."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from flows.redaction import log_without_secrets
from flows.settings import PORTS, Observer, Settings
from flows.text.output import Format

# Which installation, and how it runs.
StateOption = Annotated[Path | None, typer.Option("--state", help="State directory.", show_default="data/state")]
NameOption = Annotated[
    str | None,
    typer.Option("--name", metavar="NAME", help="Tells this installation from others on the same Prefect server."),
]
ResetSchedulesOption = Annotated[
    bool,
    typer.Option("--reset-schedules", help="Take the declared schedules again, whatever people have made of them."),
]
DatasetsOption = Annotated[
    list[str] | None,
    typer.Option("--dataset", metavar="NAME", help="A dataset's name, or path/to/file.py:NAME. May be repeated."),
]
LandingOption = Annotated[
    Path | None, typer.Option("--landing", help="Replaces the landing directory of the one dataset.")
]
EngineOption = Annotated[
    str | None, typer.Option("--engine", metavar="NAME", help="duckdb or atoti.", show_default="duckdb")
]
ObserverOption = Annotated[
    Observer | None,
    typer.Option("--observer", help="How the landing directories are watched.", show_default="auto"),
]
SettleOption = Annotated[
    float | None,
    typer.Option("--settle", min=0, metavar="SECONDS", help="Seconds without a change until a file is complete."),
]
PortOption = Annotated[
    int | None,
    typer.Option("--port", min=0, max=PORTS[-1], help="Port of the live page; 0 takes a free one.", show_default="0"),
]
PrefectPortOption = Annotated[
    int | None,
    typer.Option(
        "--prefect-port",
        min=0,
        max=PORTS[-1],
        help="Port of the Prefect server; 0 takes a free one.",
        show_default="4200",
    ),
]

# What of it, and how it is printed.
DatasetOption = Annotated[
    str | None, typer.Option("--dataset", metavar="NAME", help="The dataset's name; the only one by default.")
]
EnvelopeOption = Annotated[bool, typer.Option("--envelope", help="JSON: an object with the rows, as_of and caveats.")]
FormatOption = Annotated[
    Format, typer.Option("--format", help="Output format: csv for spreadsheets, json for programs.")
]

# What is asked of the session.
PathsArgument = Annotated[list[str] | None, typer.Argument(help="Files or patterns inside the landing directory.")]
DateOption = Annotated[
    str | None, typer.Option("--date", metavar="DAY", help="The business day; by default the one due.")
]
SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="TIME", help="Only versions found at or after this time, such as 2021-05-01T07:00."
    ),
]
WhereOption = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="CONDITION", help="Only files with a row that meets it. May be repeated."),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]
TimeoutOption = Annotated[float, typer.Option("--timeout", metavar="SECONDS", help="Seconds to wait for the outcome.")]


def settings_of(*, datasets: list[str] | None = None, **given: object) -> Settings:
    """The environment's settings, before which the options come that are given, and a log as they want it."""
    log_without_secrets(Settings.read().log_level)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs every request
    return Settings.read(datasets=",".join(datasets) if datasets else None, **given)


def dataset_named(settings: Settings, name: str) -> tuple[Settings, str]:
    """The settings under which a dataset is declared that a person names, by its name or as path/to/file.py:NAME, and
    its name.

    Raises:
        DeclarationError: it is not found, or declared wrongly.
    """
    if ".py:" not in name:
        return settings, name
    from flows.datasets import find_dataset

    return replace(settings, datasets=name), find_dataset(name).name
