"""Files by the names that people see and type: composed or not, escaped where they cannot be printed, and those that
lie beside the pattern."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.errors import RequestFailed
from flows.installation.doctor import as_last_served, examine
from flows.settings import Settings
from tests.integration.live_feed import LiveFeed, ask, declare, live, sales

pytestmark = pytest.mark.usefixtures("quick")

COMPOSED, APART, BROKEN = "caf\u00e9.csv", "cafe\u0301.csv", b"caf\xe9.csv"


@pytest.fixture
def living(quick: None, tmp_path: Path) -> Iterator[LiveFeed]:
    with live(tmp_path, "polling", pattern="caf\u00e9*.csv") as made:
        made.put(APART, sales(1))
        made.wait_for({1: 1})
        yield made


def named(living: LiveFeed, *names: str) -> list[str]:
    return [file["file"] for file in ask(living, "load", *names, force=True)["files"]]


def test_a_name_is_the_same_composed_or_not_in_a_pattern_and_typed(living: LiveFeed) -> None:
    for typed in (APART, COMPOSED, "caf\u00e9*", "cafe\u0301*", "c?f?.csv"):
        assert named(living, typed) == [APART]
    state = str(living.landing.parent / "state")
    for typed in (APART, COMPOSED):
        assert CliRunner().invoke(app, ["history", "--file", typed, "--state", state]).exit_code == 0
    ask(living, "unload", COMPOSED)
    living.wait_for({})


def test_a_name_that_is_shown_escaped_is_typed_as_it_is_shown(tmp_path: Path) -> None:
    with live(tmp_path, "polling") as living:
        living.put(BROKEN, sales(1))
        living.put("two\nlines.csv", b"ID,Date,Product,Quantity\n1,2021-05-01,x,none\n")
        living.wait_for({1: 1})
        living.wait_until(lambda: living.state_of("two\nlines.csv") == "quarantined")
        assert named(living, r"caf\xe9.csv") == [r"caf\xe9.csv"]
        with pytest.raises(RequestFailed, match="1 of 1 file was refused"):
            named(living, r"two\nlines.csv")
        state = str(tmp_path / "state")
        assert CliRunner().invoke(app, ["findings", r"two\nlines.csv", "--state", state]).exit_code == 0
        assert CliRunner().invoke(app, ["history", "--file", r"caf\xe9.csv", "--state", state]).exit_code == 0
        living.put(r"caf\xe9.csv", sales(2, start=2))  # whose name has a backslash indeed
        living.wait_for({1: 1, 2: 2})
        ask(living, "unload", r"caf\xe9.csv")
        living.wait_for({1: 1})


def test_files_beside_the_pattern_are_counted_with_an_example(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="flows.landing.monitor")
    with live(tmp_path, "polling") as living:
        living.look()
        assert living.status()["beside"] is None
        for name in ("SALES_2024.CSV", "~$sales.csv", "part.csv.part", ".hidden"):
            living.put(name, sales(1))
        (living.landing / "folder").mkdir()
        living.look()
        assert living.status()["beside"] == "1 file beside the pattern *.csv, such as SALES_2024.CSV"
        living.put("notes.txt", b"")
        living.look()
        state = str(tmp_path / "state")
        printed = CliRunner().invoke(app, ["status", "--state", state]).stdout
        assert "sales: 2 files beside the pattern *.csv, such as " in printed
        logged = [record.getMessage() for record in caplog.records if "beside the pattern" in record.getMessage()]
        assert len(logged) == 1 and logged[0].startswith("sales: ")


def test_the_doctor_checks_what_was_last_served_and_names_what_lies_beside_it(tmp_path: Path) -> None:
    settings = declare(tmp_path, name="orders", observer="polling")
    with live(tmp_path, "polling", name="orders"):
        pass
    (tmp_path / "landing" / "ORDERS.CSV").write_bytes(b"")
    alone = as_last_served(Settings(state=settings.state))
    assert (alone.datasets, alone.landing) == (f"{tmp_path}/declaration.py:CHOSEN", tmp_path / "landing")
    rows = {row["check"]: row["found"] for row in examine(alone)}
    assert rows["orders: landing"] == str(tmp_path / "landing")
    assert rows["orders: pattern"] == "1 file beside the pattern *.csv, such as ORDERS.CSV"
    assert as_last_served(Settings(state=tmp_path / "nothing")) == Settings(state=tmp_path / "nothing")
    (settings.state / "served.json").write_text("{")
    assert as_last_served(Settings(state=settings.state)).datasets == "sales"
