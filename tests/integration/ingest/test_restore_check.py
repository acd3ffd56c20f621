"""`verify --deep` says whether a restore would make the cube that is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from flows.cli.main import app
from flows.model.policies import Unload
from flows.store.backup import make_backup
from flows.store.schema import versions
from tests.integration.live_feed import LiveFeed, ask, live, sales


@pytest.fixture
def living(quick: None, tmp_path: Path) -> Iterator[LiveFeed]:
    with live(tmp_path, "native", when_deleted=Unload()) as living:
        living.put("a.csv", sales(1, 2))
        living.wait_for({1: 1, 2: 2})
        yield living


def verified(living: LiveFeed) -> dict[str, Any]:
    found: dict[str, Any] = ask(living, "verify", deep=True)["verify"]
    assert (found["missing"], found["extra"]) == (0, 0)
    return found


def rename(living: LiveFeed) -> None:
    (living.landing / "a.csv").rename(living.landing / "z.csv")
    living.wait_until(lambda: living.state_of("z.csv") == "loaded")


def backups(living: LiveFeed) -> Path:
    return living.landing.parent / "state" / "backups"


def newest_segment(living: LiveFeed) -> Path:
    return living.feed.segments.files()[-1]


def test_after_corrections_renames_deletions_and_requests_a_restore_would_make_the_same_cube(living: LiveFeed) -> None:
    living.put("b.csv", sales(5, start=2))
    living.put("gone.csv", sales(7, start=9))
    living.wait_for({1: 1, 2: 5, 9: 7})
    make_backup(living.feed.ledger.file, backups(living))
    rename(living)
    (living.landing / "gone.csv").unlink()
    living.wait_for({1: 1, 2: 5})
    living.put("b.csv", sales(-1))
    living.wait_until(lambda: living.outcome_states("b.csv")[-1:] == ["quarantined"])
    ask(living, "unload", "z.csv")
    assert verified(living)["restore"] == []


def test_a_decision_that_no_segment_has_any_more_is_named_though_the_cube_is_right(living: LiveFeed) -> None:
    rename(living)
    renamed = newest_segment(living)
    living.put("b.csv", sales(3, start=3))
    living.wait_for({1: 1, 2: 2, 3: 3})
    renamed.unlink()
    otherwise, gap = verified(living)["restore"]
    assert "a restore would leave" in otherwise and "z.csv (loaded here, not known there)" in otherwise
    assert "batch 2 in no segment any more" in gap


def test_a_backup_has_what_no_segment_has_any_more(living: LiveFeed) -> None:
    rename(living)
    newest_segment(living).unlink()
    make_backup(living.feed.ledger.file, backups(living))
    assert verified(living)["restore"] == []


def test_verify_prints_what_a_restore_would_leave_otherwise_and_says_so_by_its_exit_code(living: LiveFeed) -> None:
    with living.feed.ledger.writing() as connection:
        connection.execute(update(versions).values(cause="request"))
    state = str(living.landing.parent / "state")
    done = CliRunner().invoke(app, ["verify", "--deep", "--state", state, "--dataset", "sales"])
    assert done.exit_code == 1 and "1 file otherwise: a.csv (loaded, for another reason)" in done.stdout
    shown = CliRunner().invoke(app, ["verify", "--deep", "--state", state, "--dataset", "sales", "--format", "json"])
    assert len(json.loads(shown.stdout)["restore"]) == 1
    assert CliRunner().invoke(app, ["verify", "--state", state, "--dataset", "sales"]).exit_code == 0
