"""What is let pass in a file because its declaration says so is shown with the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.model.formats import Csv
from flows.model.numbers import Numbers
from tests.integration.live_feed import live

pytestmark = pytest.mark.usefixtures("quick")


def test_findings_of_a_file_say_what_was_let_pass_in_it(tmp_path: Path) -> None:
    german = Csv(delimiter=";", numbers=Numbers(thousands="."), decimal=",")
    with live(tmp_path, "native", format=german) as living:
        living.put("a.csv", b"ID;Date;Product;Quantity\n1;2021-05-01;phone;1.000\n")
        living.wait_for({1: 1_000})
        found = CliRunner().invoke(app, ["findings", "a.csv", "--state", str(tmp_path / "state"), "--format", "json"])
        (row,) = json.loads(found.stdout)
        told = "1 cell with thousands separators, the first on line 2 in Quantity: '1.000'"
        assert (row["rule"], row["expected"]) == ("let pass", told)
