"""What people are offered for a run's parameters, and what they read of one that cannot be used."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from prefect.exceptions import ParameterTypeError
from prefect.utilities.callables import parameter_schema

from flows.close_day import close_day
from flows.load_files import load_files


def form_of(flow: Any) -> dict[str, dict[str, Any]]:
    """The fields of a form, in the order in which they stand there."""
    fields = parameter_schema(flow).model_dump()["properties"]
    return dict(sorted(fields.items(), key=lambda field: field[1]["position"]))


@pytest.mark.parametrize("flow", [close_day, load_files])
def test_each_field_of_a_form_says_what_it_means(flow: Any) -> None:
    assert all(field["description"].endswith(".") for field in form_of(flow).values())


def test_a_day_is_chosen_with_a_date_picker_and_a_time_with_its_own() -> None:
    days, files = form_of(close_day), form_of(load_files)
    assert list(days) == ["dataset", "date", "until"]
    assert [{"format": "date", "type": "string"} in days[name]["anyOf"] for name in ("date", "until")] == [True, True]
    assert {"format": "date-time", "type": "string"} in files["since"]["anyOf"]


def test_load_files_offers_what_the_commands_take() -> None:
    form = form_of(load_files)
    assert list(form) == ["dataset", "mode", "paths", "since", "where", "dry_run", "force"]
    assert form["mode"]["enum"] == ["load", "reload", "unload"] and form["mode"]["default"] == "load"
    assert [form[name]["default"] for name in ("paths", "since", "where", "dry_run", "force")] == [
        None, None, None, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["2021-02-30", "0", "1620000000", "yesterday", ""])
def test_a_day_that_no_calendar_has_is_refused_in_words(text: str) -> None:
    with pytest.raises(ParameterTypeError, match=r"date: There is no such day \[got=.*Next: name one such as"):
        close_day.validate_parameters({"dataset": "sales", "date": text})


@pytest.mark.parametrize("text", ["12", "noon"])
def test_a_time_that_is_none_is_refused_in_words(text: str) -> None:
    with pytest.raises(ParameterTypeError, match=r"since: There is no such time \[got=.*Next: name one such as"):
        load_files.validate_parameters({"dataset": "sales", "since": text})


def test_days_and_times_are_read_as_the_command_line_reads_them() -> None:
    assert close_day.validate_parameters({"dataset": "sales", "date": "2021-05-02"})["date"] == date(2021, 5, 2)
    found = load_files.validate_parameters({"dataset": "sales", "since": "2021-05-02T08:00:00Z"})["since"]
    assert found == datetime(2021, 5, 2, 8, tzinfo=UTC)
