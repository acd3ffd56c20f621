"""Output: for people first, JSON and CSV for programs."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from flows.errors import plain


class Format(StrEnum):
    """How a command prints."""

    table = "table"
    json = "json"
    csv = "csv"


def show(rows: Sequence[Mapping[str, Any]], form: Format, *, title: str = "", columns: Sequence[str] = ()) -> None:
    """Print rows: all their fields as JSON or CSV, the named columns (or all) as a table."""
    match form:
        case Format.json:
            sys.stdout.write(json.dumps(rows, indent=1, default=str) + "\n")
        case Format.csv:
            _show_csv(rows)
        case Format.table:
            _show_table(rows, title, columns)


def show_one(thing: Mapping[str, Any], form: Format) -> None:
    """Print one thing with its fields."""
    if form is Format.json:
        sys.stdout.write(json.dumps(thing, indent=1, default=str) + "\n")
    else:
        show([{"what": name, "value": _text(value)} for name, value in thing.items()], form)


def _show_csv(rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        writer = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _text(value) for name, value in row.items()} for row in rows)


def _show_table(rows: Sequence[Mapping[str, Any]], title: str, columns: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not rows:
        sys.stdout.write(f"{title}: nothing\n" if title else "nothing\n")
        return
    names = list(columns) or list(rows[0])
    table = Table(title=Text(title) if title else None, title_justify="left")
    for name in names:
        numeric = all(isinstance(row[name], int | float) or row[name] is None for row in rows)
        table.add_column(Text(name), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_text(row[name])) for name in names))
    Console(soft_wrap=False).print(table)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping | list | tuple):
        return plain(json.dumps(value, default=str, ensure_ascii=False))
    return plain(
        f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10_000 else value
    )
