"""Output: for people first, JSON and CSV for programs."""

from __future__ import annotations

import csv
import io
import json
import logging
import math
import os
import sys
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType, TracebackType
from typing import Any, Literal

from flows.errors import plain, plain_lines
from flows.redaction import without_secrets
from flows.runtime.shortages import is_full
from flows.text.escape import spreadsheet

type Number = int | float | Decimal
WIDE = 4096
"""Columns of a table that no terminal shows."""


class Format(StrEnum):
    """How a command prints."""

    table = "table"
    json = "json"
    csv = "csv"


class _LossyFile(io.FileIO):
    """A file on which what finds no room is lost."""

    def write(self, text: Any, /) -> int:
        try:
            return super().write(text) or 0
        except OSError as error:
            if not is_full(error):
                raise
            return memoryview(text).nbytes


def outlive_full_logs(*streams: Literal["stdout", "stderr"]) -> None:
    """Lose what is written to these streams of this process and finds no room there, and go on.

    They may lead to a log on a disk that fills up, which is no reason to end. To be called before anything is written
    or refers to them.
    """
    for name in streams:
        stream = getattr(sys, name)
        try:
            lossy = _LossyFile(os.dup(stream.fileno()), "wb")  # somebody's `prepare` may close the other
        except (OSError, AttributeError):  # there is none, or none that is a file
            continue
        buffered = io.BufferedWriter(lossy)
        setattr(sys, name, io.TextIOWrapper(buffered, stream.encoding, stream.errors, line_buffering=True))


_OURS = ("flows", "prefect.flow_runs", "prefect.task_runs")
"""Loggers whose messages are a line each; those of libraries may be several."""


class _PlainRecord(logging.LogRecord):
    """A record of which no part of the text is a command to a terminal, or another line of the log."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(self.exc_info, tuple) and self.exc_info[0] is not None:
            self.exc_text = plain_lines("".join(traceback.format_exception(*self.exc_info)).rstrip("\n"))

    def getMessage(self) -> str:  # noqa: N802  # as logging has it
        """The message with its arguments."""
        message = super().getMessage()
        return plain(message) if self.name.startswith(_OURS) else plain_lines(message)


def plain_logs() -> None:
    """Have what this process logs, and the traceback with which it ends, shown as text, whatever is in it (names and
    values from files), and the traceback without secrets."""
    logging.setLogRecordFactory(_PlainRecord)
    sys.excepthook = _show_traceback


def _show_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    shown = without_secrets("".join(traceback.format_exception(kind, error, trace)).rstrip())
    sys.stderr.write(f"{plain_lines(shown)}\n")


def show(
    rows: Sequence[Mapping[str, Any]],
    form: Format,
    *,
    title: str = "",
    columns: Sequence[str] = (),
    grouped: Collection[str] = (),
    formats: Mapping[str, Callable[[Number], str]] = MappingProxyType({}),
) -> None:
    """Print rows.

    Args:
        rows: each with the same fields.
        form: JSON has all their fields exactly as they are, for programs; CSV has them too, as a spreadsheet may get
            them; a table is for people.
        title: above the table.
        columns: the fields that the table shows, all by default. A time in UTC, `x_utc`, is shown as local `x`.
        grouped: the fields whose numbers the table shows as `12,345`.
        formats: field → how the table writes its numbers.
    """
    match form:
        case Format.json:
            sys.stdout.write(json.dumps(rows, indent=1, default=str) + "\n")
        case Format.csv:
            _show_csv(rows)
        case Format.table:
            _show_table(rows, title, columns, frozenset(grouped), formats)


def show_one(thing: Mapping[str, Any], form: Format) -> None:
    """Print one thing with its fields."""
    if form is Format.json:
        sys.stdout.write(json.dumps(thing, indent=1, default=str) + "\n")
    else:
        show([{"what": name, "value": _text(value)} for name, value in thing.items()], form)


def _show_csv(rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(map(spreadsheet, rows[0]))
        writer.writerows([spreadsheet(_flat(row[name])) for name in rows[0]] for row in rows)


def _show_table(
    rows: Sequence[Mapping[str, Any]],
    title: str,
    columns: Sequence[str],
    grouped: Collection[str],
    formats: Mapping[str, Callable[[Number], str]],
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not rows:
        sys.stdout.write(f"{title}: nothing\n" if title else "nothing\n")
        return
    names = list(columns) or list(rows[0])
    table = Table(title=Text(plain(title)) if title else None, title_justify="left")
    for name in names:
        numeric = all(isinstance(row[name], int | float | Decimal) or row[name] is None for row in rows)
        table.add_column(
            Text(plain(name.removesuffix("_utc"))), justify="right" if numeric else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(_written(formats, name, row[name], name in grouped)) for name in names))
    width = None if sys.stdout.isatty() else WIDE  # a pipe or a file has no edge at which lines must end
    Console(soft_wrap=False, width=width).print(table)


def _written(formats: Mapping[str, Callable[[Number], str]], name: str, value: object, grouped: bool) -> str:
    if name in formats and isinstance(value, int | float | Decimal):
        return plain(formats[name](value))
    return _cell(name, value, grouped)


def _cell(name: str, value: object, grouped: bool) -> str:
    if isinstance(value, float):
        return _number(value) if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return f"{value:,f}" if grouped else f"{value:f}"
    if grouped and isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if name.endswith("_utc") and isinstance(value, str):
        return f"{datetime.fromisoformat(value).astimezone():%Y-%m-%d %H:%M:%S}"
    return _text(value)


def _number(value: float) -> str:
    if value != 0 and abs(value) < 0.001:
        return f"{value:.4g}"
    whole, _, rest = f"{value:,.4f}".partition(".")
    return f"{whole}.{rest.rstrip('0') or '0'}"


def _text(value: object) -> str:
    return "" if value is None else plain(_flat(value))


def _flat(value: object) -> object:
    """A value that is a list or has fields, as one text."""
    return json.dumps(value, default=str, ensure_ascii=False) if isinstance(value, Mapping | list | tuple) else value
