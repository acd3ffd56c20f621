"""What `cubefeed history` tells: what came, what it replaced, what came back, what left and by whom."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.errors import QueryError
from flows.model.precedence import ByColumn
from flows.settings import Observer
from tests.integration.ingest.keyless import KEYLESS
from tests.integration.live_feed import LiveFeed, Start, ask, live, sales


def history(living: LiveFeed, *options: str) -> list[dict[str, Any]]:
    """What the command prints, the oldest first."""
    root = living.landing.parent
    done = CliRunner().invoke(
        app,
        ["history", "--state", str(root / "state"), "--format", "json", *options],
        env={"CUBEFEED_DATASETS": f"{root / 'declaration.py'}:CHOSEN"},
    )
    assert done.exit_code == 0, done.output
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows[::-1]


def told(living: LiveFeed, *options: str) -> list[tuple[str, str]]:
    """File and event."""
    return [(row["file"], row["event"]) for row in history(living, *options)]


def test_a_file_that_is_corrected_and_comes_back_says_what_replaced_what(start: Start) -> None:
    living = start()
    for quantity in (1, 2, 1):
        living.put("a.csv", sales(quantity))
        living.wait_for({1: quantity})
    first, second, third = history(living)
    assert [row["event"] for row in (first, second, third)] == ["loaded"] * 3
    assert first["details"] == ""
    assert second["details"] == f"it replaced version {first['version']}"
    assert third["details"] == (
        f"it replaced version {second['version']}; it came back: the bytes of version {first['version']}"
    )


def test_what_was_unloaded_and_loaded_again_says_by_whom(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    ask(living, "unload", "a.csv")
    ask(living, "load", "a.csv")
    assert told(living) == [("a.csv", "loaded"), ("a.csv", "unloaded"), ("a.csv", "loaded")]
    _, unloaded, loaded = history(living)
    assert unloaded["details"].startswith("by ") and "(pid " in unloaded["details"]
    assert "asked for by " in loaded["details"]


def test_a_rename_is_told_of_both_names(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    os.rename(living.landing / "a.csv", living.landing / "b.csv")
    living.wait_for_state("b.csv", "loaded")
    assert [row["details"] for row in history(living)] == ["as a.csv", "from a.csv; it keeps what it had"]
    for name in ("a.csv", "b.csv"):
        renamed = history(living, "--file", name)[-1]
        assert (renamed["file"], renamed["event"]) == ("b.csv", "renamed")
        assert renamed["details"] == "from a.csv; it keeps what it had"


def test_a_refused_file_says_why(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(-1))
    living.wait_for_state("a.csv", "quarantined")
    (row,) = history(living, "--file", "a.csv")
    assert row["event"] == "refused" and row["details"] == "findings: min 1"


def test_a_duplicate_says_of_what_and_comes_back_when_that_leaves(start: Start) -> None:
    living = start(schema=KEYLESS, name="sales")
    living.put("a.csv", sales(1))
    living.wait_for_state("a.csv", "loaded")
    living.put("b.csv", sales(1))
    living.wait_for_state("b.csv", "duplicate")
    living.put("a.csv", sales(2))
    living.wait_for_state("b.csv", "loaded")
    assert told(living, "--file", "b.csv") == [("b.csv", "duplicate"), ("b.csv", "came back")]
    assert history(living, "--file", "b.csv")[0]["details"] == "the same bytes as a.csv"


def test_a_day_has_what_was_decided_on_it(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    assert history(living, "--day", "2021-05-01") == []
    day = datetime.fromisoformat(history(living)[0]["at_utc"]).astimezone().date()
    assert told(living, "--day", f"{day}") == [("a.csv", "loaded")]


def test_a_name_that_nobody_knows_is_an_error(start: Start) -> None:
    living = start()
    state = str(living.landing.parent / "state")
    done = CliRunner().invoke(app, ["history", "--state", state, "--file", "no.csv"])
    assert isinstance(done.exception, QueryError)


def test_a_key_says_which_file_shows_it_and_what_became_of_the_others(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    living.put("b.csv", sales(2))
    living.wait_for({1: 2})
    living.put("b.csv", sales(3))
    living.wait_for({1: 3})
    first, second, third = history(living, "--key", "ID=1")
    assert [(row["file"], row["shown"]) for row in (first, second, third)] == [
        ("a.csv", False),
        ("b.csv", False),
        ("b.csv", True),
    ]
    assert first["why"] == "covered by b.csv, which ranks higher"
    assert second["why"].startswith("its path shows something else since ")
    assert third["why"] == "of those in the cube it ranks highest: by arrival"
    assert "Quantity=3" in third["values"]


def test_by_column_the_greatest_value_is_shown_of_a_key(start: Start) -> None:
    living = start(precedence=ByColumn("Quantity"))
    living.put("a.csv", sales(9))
    living.wait_for({1: 9})
    living.put("b.csv", sales(2))
    living.wait_for_state("b.csv", "loaded")
    first, second = history(living, "--key", "ID=1")
    assert (first["shown"], second["shown"]) == (True, False)
    assert first["why"] == "of those in the cube it has the greatest Quantity"


@pytest.mark.usefixtures("quick")
def test_a_restored_ledger_tells_the_same(tmp_path: Path, observer: Observer) -> None:
    with live(tmp_path, observer) as living:
        for quantity in (1, 2, 1):
            living.put("a.csv", sales(quantity))
            living.wait_for({1: quantity})
        living.put("a.csv", sales(7, start=7))
        living.wait_for({7: 7})
        os.rename(living.landing / "a.csv", living.landing / "b.csv")
        living.wait_for_state("b.csv", "loaded")
        living.put("c.csv", sales(7, start=7))
        living.wait_for_state("c.csv", "loaded")
        ask(living, "unload", "c.csv")
        told_before = history(living)
    assert len(told_before) == 7
    state = tmp_path / "state"
    for file in [*state.glob("ledger.db*"), *state.glob("backups/*")]:
        file.unlink()
    done = CliRunner().invoke(
        app, ["ledger", "restore", "--state", str(state), "--dataset", f"{tmp_path / 'declaration.py'}:CHOSEN"]
    )
    assert done.exit_code == 0, done.output
    assert history(living) == told_before


def test_a_key_that_no_file_holds_has_no_rows(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    assert history(living, "--key", "ID=7") == []


@pytest.mark.parametrize("condition", ["ID", "Product=phone", "ID=x"])
def test_what_is_no_condition_on_the_key_is_refused(start: Start, condition: str) -> None:
    living = start()
    root: Path = living.landing.parent
    done = CliRunner().invoke(
        app,
        ["history", "--state", str(root / "state"), "--key", condition],
        env={"CUBEFEED_DATASETS": f"{root / 'declaration.py'}:CHOSEN"},
    )
    assert isinstance(done.exception, QueryError)
