"""The command that follows what lands."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.options import DatasetOption, FormatOption, StateOption, settings_of
from flows.errors import QueryError, plain
from flows.model.lifecycle import State
from flows.text.output import Format
from flows.text.plural import counted

if TYPE_CHECKING:
    from flows.store.history import FileRow
    from flows.store.ledger import Ledger

LOOK_S = 0.2
FIELDS = ("dataset", "file", "version", "state", "rows", "refused", "findings", "detected_utc", "loaded_utc")

commands = typer.Typer()


@commands.command()
def tail(
    dataset: DatasetOption = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Show so many of the last files first.")] = 10,
    state: StateOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Follow what lands as it lands: each file, what became of it, its first finding, and how soon it was visible. A
    line of JSON for each with --format json. Ctrl-C ends."""
    from flows.cli.records import ledger_of, require_known_dataset

    if form is Format.csv:
        raise QueryError("What is followed comes in lines", next_step="leave --format out, or use json", got=form.value)
    settings = settings_of(state=state)
    try:
        with ledger_of(settings) as ledger:
            require_known_dataset(ledger, dataset)
            for row in landed_files(ledger, dataset, last=lines):
                sys.stdout.write(f"{json.dumps(_fields(row)) if form is Format.json else plain(_words(row))}\n")
                sys.stdout.flush()
    except (KeyboardInterrupt, BrokenPipeError):
        return  # who follows has seen enough


def landed_files(
    ledger: Ledger, dataset: str | None, *, last: int, pause: Callable[[float], None] = time.sleep
) -> Iterator[FileRow]:
    """The last file versions, and for ever those that come, each once it is decided what becomes of it.

    Args:
        ledger: the ledger.
        dataset: only this one's.
        last: how many that are there already.
        pause: waits between two looks.
    """
    from flows.store.history import file_rows

    recent = file_rows(ledger, dataset=dataset, limit=max(last, 1))
    seen = recent[0].version if recent else 0
    yield from (row for row in reversed(recent[:last]) if row.state != State.STAGED)
    undecided = {row.version for row in recent if row.state == State.STAGED}
    while True:
        rows = _rows_after(ledger, dataset, min(undecided, default=seen + 1) - 1)
        for row in reversed(rows):
            if row.version > seen or row.version in undecided:
                undecided.discard(row.version)
                if row.state == State.STAGED:
                    undecided.add(row.version)
                else:
                    yield row
        seen = max([seen, *(row.version for row in rows)])
        pause(LOOK_S)


def _rows_after(ledger: Ledger, dataset: str | None, version: int) -> list[FileRow]:
    """All versions that came after one, the newest first."""
    from flows.store.history import file_rows

    limit = 100
    while True:
        rows = file_rows(ledger, dataset=dataset, limit=limit)
        if len(rows) < limit or rows[-1].version <= version:
            return [row for row in rows if row.version > version]
        limit *= 4


def visible_after_s(row: FileRow) -> float | None:
    """Seconds from when a file was found complete until its rows were in the cube; None where they are not."""
    if row.loaded_utc is None:
        return None
    return (datetime.fromisoformat(row.loaded_utc) - datetime.fromisoformat(row.detected_utc)).total_seconds()


def _fields(row: FileRow) -> dict[str, Any]:
    fields = asdict(row)
    finding = row.first_finding.words if row.first_finding else None
    return {name: fields[name] for name in FIELDS} | {
        "first_finding": finding, "reason": row.reason, "visible_after_s": visible_after_s(row),
    }  # fmt: skip


def _words(row: FileRow) -> str:
    """A version in a line; times are local."""
    at = datetime.fromisoformat(row.loaded_utc or row.detected_utc).astimezone()
    after = visible_after_s(row)
    visible = "" if after is None else f", visible after {after:.2f} s"
    refused = f", {counted(row.refused, 'row')} refused" if row.refused else ""
    why = row.first_finding.words if row.first_finding else row.reason
    because = f": {why}" if why else ""
    return f"{at:%H:%M:%S} {row.dataset} {row.file} {row.state}, {counted(row.rows, 'row')}{refused}{visible}{because}"
