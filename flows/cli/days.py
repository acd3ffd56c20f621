"""The command that closes business days."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.options import DatasetOption, DateOption, FormatOption, StateOption, TimeoutOption
from flows.cli.session_client import only_dataset, request_of_session
from flows.errors import plain
from flows.model.day_range import days_from, parse_day
from flows.settings import Settings
from flows.text.output import Format, show

if TYPE_CHECKING:
    from flows.day_report.day_close import DayClose

CLOSE_COLUMNS = ("business_day", "result", "report")

commands = typer.Typer()


@commands.command("close-day")
def close_day(
    first: DateOption = None,
    last: Annotated[
        str | None, typer.Option("--until", metavar="DAY", help="The last day: all from --date on are closed.")
    ] = None,
    dataset: DatasetOption = None, state: StateOption = None, timeout: TimeoutOption = 600.0,
    form: FormatOption = Format.table,
) -> None:  # fmt: skip
    """Close business days, as the scheduled run does. See that the data has come and that the cube equals the ledger,
    and keep the report; exit 1 and name what is wrong."""
    from flows.day_report.day_close import verdict_of

    closed = _close_each(days_from(_day(first), _day(last)), dataset, Settings.read(state=state), timeout)
    if len(closed) == 1 and closed[0].error is not None:
        raise closed[0].error
    show([each.as_json() for each in closed], form, columns=CLOSE_COLUMNS)
    if any(each.complaints for each in closed):
        sys.stderr.write(f"cubefeed: {plain(verdict_of(closed))}\n")
        raise typer.Exit(1)


def _close_each(days: Sequence[date], dataset: str | None, settings: Settings, timeout_s: float) -> list[DayClose]:
    from flows.day_report.day_close import close_business_day, days_left_by

    closed: list[DayClose] = []
    chosen = dataset or only_dataset(settings)

    def ask(payload: Mapping[str, Any]) -> dict[str, Any]:
        return request_of_session("close-day", chosen, settings.state, timeout_s, **payload)

    asked: Sequence[date | None] = days or [None]
    for day in asked:
        closed.append(close_business_day(settings.state, day, ask))
        if left := days_left_by(closed, asked):
            return [*closed, *left]
    return closed


def _day(text: str | None) -> date | None:
    return None if text is None else parse_day(text)
