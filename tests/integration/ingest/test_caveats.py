"""Each answer says what is known to be wrong with what was asked, and says it no longer once that is mended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.ingest import lateness
from flows.model.calendar import DailyBy
from flows.model.caveats import AnswerContext, CaveatKind
from flows.model.completeness import Completeness
from flows.model.policies import Keep, SkipRows
from flows.store.alerts import note_restore
from flows.store.state_directory import StateDirectory
from tests.integration.live_feed import LiveFeed, ask, live, sales

MIDNIGHT = DailyBy("00:00", "UTC", day="Date", lag_days=1)
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
MAY_1, MAY_2 = "2021-05-01", "2021-05-02"


@pytest.fixture
def living(quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveFeed]:
    """A feed of which nothing is missing."""
    monkeypatch.setattr(lateness, "LOOK_S", 0.0)
    with live(tmp_path, "native", expect=MIDNIGHT, when_deleted=Keep()) as made:
        made.put("a.csv", sales(4, 6, day=MAY_1))
        made.put("today.csv", sales(1, start=50, day=YESTERDAY.isoformat()))
        made.wait_until(lambda: len(made.quantities()) == 3 and not caveats(made))
        yield made


def answered(living: LiveFeed, path: str = "/api/query", **parameters: str) -> httpx.Response:
    """An answer of the session that is live."""
    owner = StateDirectory(living.landing.parent / "state").require_owner()
    given = {"measure": "Quantity.SUM"} if path == "/api/query" else {}
    return httpx.get(f"{owner.url}{path}", params={**given, **parameters}, trust_env=False, timeout=20)


def caveats(living: LiveFeed, **parameters: str) -> dict[CaveatKind, int]:
    """What an answer says of itself: kind → of how many."""
    said = AnswerContext.from_json(answered(living, envelope="true", **parameters).json())
    return {caveat.kind: caveat.count for caveat in said.caveats}


def test_files_that_are_refused_stale_waiting_or_kept_are_said_until_that_is_mended(living: LiveFeed) -> None:
    living.put("bad.csv", sales(-1, start=20))
    living.wait_until(lambda: caveats(living) == {CaveatKind.REFUSED: 1})
    living.put("bad.csv", sales(1, start=20))
    living.wait_until(lambda: not caveats(living))
    living.put("a.csv", sales(-4, 6))
    living.wait_until(lambda: caveats(living) == {CaveatKind.STALE: 1})
    living.put("a.csv", sales(5, 6))
    living.wait_until(lambda: not caveats(living))
    (living.landing / "bad.csv").unlink()
    living.inbox.rescan()
    living.wait_until(lambda: caveats(living) == {CaveatKind.KEPT: 1})
    living.put("bad.csv", sales(1, start=20))
    living.wait_until(lambda: not caveats(living))


def test_refused_rows_of_loaded_files_are_said_while_these_count(quick: None, tmp_path: Path) -> None:
    with live(tmp_path, "native", expect=None, bad_rows=SkipRows(up_to=0.9)) as living:
        living.put("a.csv", sales(4, -1, -2))
        living.wait_until(lambda: caveats(living) == {CaveatKind.SKIPPED: 2})
        living.put("a.csv", sales(4, 1))
        living.wait_until(lambda: living.quantities() == {1: 4, 2: 1} and not caveats(living))


def test_a_file_that_waits_and_a_dataset_that_cannot_load_are_said(quick: None, tmp_path: Path) -> None:
    with live(tmp_path, "native", expect=None, completeness=Completeness(marker=".done")) as living:
        living.wait_until(lambda: not caveats(living))
        living.dataset_state.degrade("the disk is full")
        assert caveats(living) == {CaveatKind.DEGRADED: 1}
        living.dataset_state.recover()
        living.put("a.csv", sales(1))
        living.wait_until(lambda: caveats(living) == {CaveatKind.WAITING: 1})
        living.put("a.csv.done", b"")
        living.wait_until(lambda: living.quantities() == {1: 1} and not caveats(living))


def test_days_that_are_late_or_restated_are_said_of_questions_that_may_have_their_rows(living: LiveFeed) -> None:
    ask(living, "close-day", date=MAY_1)
    living.put("a.csv", sales(4, 7, day=MAY_1))
    restated = {CaveatKind.RESTATED: 1}
    living.wait_until(lambda: caveats(living) == restated)
    for where in (f"Date={MAY_1}", "Date.Month=2021-05", "Date is not null", "Product=phone", f"Date<={MAY_2}"):
        assert caveats(living, where=where) == restated, where
    for where in (f"Date>{MAY_1}", f"Date={MAY_2}", "Date.Year=2020", f"Date != {MAY_1}"):
        assert not caveats(living, where=where), where
    ask(living, "close-day", date=MAY_1)
    assert not caveats(living)


def test_a_late_day_is_said_until_it_comes(quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lateness, "LOOK_S", 0.0)
    with live(tmp_path, "native", expect=MIDNIGHT) as living:
        living.put("a.csv", sales(4, 6, day=MAY_1))
        living.wait_until(lambda: caveats(living) == {CaveatKind.LATE: 1})
        said = AnswerContext.from_json(answered(living, envelope="1").json()).caveats[0]
        assert said.days == (YESTERDAY,) and said.text == f"1 day is late ({YESTERDAY})"
        assert not caveats(living, where=f"Date={MAY_1}")
        living.put("b.csv", sales(1, start=50, day=YESTERDAY.isoformat()))
        living.wait_until(lambda: not caveats(living))


def test_a_restore_is_said_until_a_day_is_closed(living: LiveFeed) -> None:
    note_restore(living.feed.ledger, "the ledger was restored", "")
    living.put("b.csv", sales(1, start=60))
    living.wait_until(lambda: caveats(living) == {CaveatKind.RESTORED: 1})
    ask(living, "close-day", date=MAY_1)
    assert not caveats(living)


def test_every_form_of_an_answer_has_its_commit_and_its_caveats(living: LiveFeed) -> None:
    clean = answered(living)
    assert "Cubefeed-Caveats" not in clean.headers and not {"as_of", "caveats"} & clean.json().keys()
    living.put("Bücher.csv", sales(-1, start=20))
    living.wait_until(lambda: caveats(living) == {CaveatKind.REFUSED: 1})
    living.put("Töne.csv", sales(2, start=30))
    living.wait_until(lambda: living.state_of("Töne.csv") == "loaded" and caveats(living) == {CaveatKind.REFUSED: 1})
    for path in ("/api/query", "/api/rows"):
        answer = answered(living, path, envelope="1")
        as_of = json.loads(answer.headers["Cubefeed-As-Of"])
        assert as_of == answer.json()["as_of"] and as_of["newest_file"] == "Töne.csv", path
        assert as_of["commit"] == living.feed.ledger.last_batch("sales")
        assert json.loads(answer.headers["Cubefeed-Caveats"]) == answer.json()["caveats"]
        (caveat,) = answer.json()["caveats"]
        assert caveat["command"] == "cubefeed findings --dataset sales" and caveat["dataset"] == "sales"


def test_a_command_says_it_in_a_line_below_the_table_and_in_an_envelope_that_is_asked_for(living: LiveFeed) -> None:
    command = ["query", "Quantity.SUM", "--state", str(living.landing.parent / "state")]
    clean = CliRunner().invoke(app, command)
    assert clean.stderr.startswith("as of commit ") and clean.stderr.count("\n") == 1 and ";" not in clean.stderr
    living.put("bad.csv", sales(-1, start=20))
    living.wait_until(lambda: caveats(living) == {CaveatKind.REFUSED: 1})
    shown = CliRunner().invoke(app, command)
    words = "sales: 1 file is refused, and nothing of it is counted (cubefeed findings --dataset sales)"
    assert shown.stdout == clean.stdout and shown.stderr.endswith(f"; {words}\n")
    listed = CliRunner().invoke(app, [*command, "--format", "json"])
    assert json.loads(listed.stdout) == [{"Quantity.SUM": 11}] and not listed.stderr
    enveloped = json.loads(CliRunner().invoke(app, [*command, "--format", "json", "--envelope"]).stdout)
    assert enveloped["rows"] == [{"Quantity.SUM": 11}] and [each["kind"] for each in enveloped["caveats"]] == [
        "refused"
    ]
    refused = CliRunner().invoke(app, [*command, "--envelope"])
    assert refused.exit_code and "--format json" in str(refused.exception)
