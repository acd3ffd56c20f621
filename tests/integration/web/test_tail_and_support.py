"""What lands is followed in a terminal, and what a report of a bug needs is gathered in one archive."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.cli.tail import landed_files, visible_after_s
from tests.integration.live_feed import sales
from tests.integration.web.running_session import Session


def state_of(session: Session) -> Path:
    return session.living.landing.parent / "state"


def test_what_lands_is_followed_with_what_became_of_it(session: Session) -> None:
    for number, name in ((40, "first.csv"), (41, "second.csv")):
        session.living.put(name, sales(1, start=number))
        session.living.wait_for_state(name, "loaded")
    found = landed_files(session.living.feed.ledger, "sales", last=2, pause=lambda _: None)
    assert [next(found).file for _ in range(2)] == ["first.csv", "second.csv"]
    session.living.put("late.csv", sales(3, start=50))
    session.living.wait_until(lambda: 50 in session.living.quantities())
    row = next(found)
    after = visible_after_s(row)
    assert (row.file, row.state, row.rows) == ("late.csv", "loaded", 1) and after is not None and after >= 0
    for number in range(150):  # more than one look has
        session.living.put(f"many{number}.csv", sales(1, start=100 + number))
    session.living.wait_until(lambda: len(session.living.quantities()) >= 153)
    assert {next(found).file for _ in range(150)} == {f"many{number}.csv" for number in range(150)}


@pytest.mark.slow
def test_the_command_follows_until_ctrl_c_and_ends_in_order(session: Session) -> None:
    words = [sys.executable, "-m", "flows.cli.main", "tail", "--state", str(state_of(session)), "--format", "json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tail:
        assert tail.stdout is not None
        rows = [json.loads(tail.stdout.readline()) for _ in range(3)]
        tail.send_signal(signal.SIGINT)
        out, error = tail.communicate(timeout=60)
    shown = {row["file"]: row for row in rows}  # which of them landed first is not known
    assert shown.keys() == {"a.csv", "b.csv", "bad.csv"}
    assert shown["bad.csv"]["state"] == "quarantined" and "Quantity: min" in shown["bad.csv"]["first_finding"]
    assert shown["a.csv"]["visible_after_s"] >= 0 and shown["bad.csv"]["visible_after_s"] is None
    assert (tail.returncode, out, error) == (0, "", "")


@pytest.mark.slow
def test_the_archive_for_a_report_has_no_values_and_no_secrets(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUBEFEED_TOKEN", "not-to-be-told-0123456789")
    log = "2021-05-01 10:00:00,000 WARNING sales: bad.csv quarantined, 0 rows: findings: min 1 got=SECRET-VALUE\n"
    log += "2021-05-01 10:00:00,001 INFO    asked with not-to-be-told-0123456789\n"
    log += 'Traceback (most recent call last):\n  File "x.py", line 1, in f\n    SECRET-VALUE\n'
    log += "ValueError: SECRET-VALUE\n"
    (state_of(session) / "serve.log").write_text(log)
    archive = tmp_path / "support.zip"
    words = ["support", "-o", str(archive), "--state", str(state_of(session))]
    done = subprocess.run([sys.executable, "-m", "flows.cli.main", *words], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(archive) as parts:
        held = {Path(name).name: parts.read(name).decode() for name in parts.namelist()}
    assert set(held) == {"versions.json", "settings.json", "doctor.json", "counts.json", "log.txt"}
    assert all(f"{name}: " in done.stdout for name in held)
    everything = "".join(held.values())
    assert "SECRET-VALUE" not in everything and "not-to-be-told" not in everything and "phone" not in everything
    assert held["log.txt"].splitlines()[0].endswith("sales: bad.csv quarantined, 0 rows…")
    assert '  File "x.py", line 1, in f\nValueError: …\n' in held["log.txt"]
    assert json.loads(held["counts.json"])["sales"]["files"] == {"loaded": 2, "quarantined": 1}
    assert json.loads(held["versions.json"])["duckdb"]
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 1 and "--overwrite" in str(again.exception)
    assert [name for name in os.listdir(tmp_path) if "support" in name] == ["support.zip"]


def test_the_command_alone_says_what_to_do_first() -> None:
    done = CliRunner().invoke(app, [])
    assert done.exit_code == 0 and "cubefeed demo" in done.output and "cubefeed init" in done.output
    assert "\x1b" not in CliRunner().invoke(app, ["--help"], color=True).output
