"""A landing directory that is another one, and right once a person says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli.main import app
from flows.errors import RequestFailed, StateError
from flows.model.policies import Keep, Unload
from flows.settings import Observer
from tests.integration.landing.lost_directories import ALL, doubt_of, fill, renumber
from tests.integration.live_feed import ask, live, sales


@pytest.fixture(autouse=True)
def in_short_times(quick: None) -> None:
    """All of these wait for what is missing."""


def emptied(landing: Path) -> None:
    """Take all files away."""
    for file in landing.iterdir():
        file.unlink()


def made_anew(landing: Path) -> None:
    """Archive the directory, and make another one with a new file."""
    landing.rename(landing.with_name("archive"))
    landing.mkdir()
    (landing / "5.csv").write_bytes(sales(5, start=5))


@pytest.mark.parametrize("how", [Unload(), Keep()], ids=["Unload", "Keep"])
def test_a_directory_made_anew_is_right_once_a_person_says_so(
    observer: Observer, tmp_path: Path, how: Unload | Keep
) -> None:
    with live(tmp_path, observer, when_deleted=how) as living:
        fill(living)
        made_anew(living.landing)
        living.wait_for(ALL | {5: 5})
        doubt_of(living, "none of its 4 files")
        left = ask(living, "accept", dry_run=True)
        assert {file["file"] for file in left["files"]} == {f"{number}.csv" for number in ALL}
        living.inbox.rescan()
        doubt_of(living, "none of its 4 files")
        assert ask(living, "accept")["file_count"] == 4
        living.wait_for({5: 5} if isinstance(how, Unload) else ALL | {5: 5})
        living.wait_until(lambda: living.status()["problem"] is None)
    with live(tmp_path, observer, when_deleted=how) as living:
        living.look()
        assert living.status()["problem"] is None


def test_an_emptied_directory_is_right_once_a_person_says_so(observer: Observer, tmp_path: Path) -> None:
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        fill(living)
        emptied(living.landing)
        doubt_of(living, "the directory is empty")
        ask(living, "accept")
        living.wait_for({})
        living.wait_until(lambda: living.status()["problem"] is None)


def test_a_directory_that_is_away_is_not_accepted(observer: Observer, tmp_path: Path) -> None:
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        fill(living)
        living.landing.rename(tmp_path / "away")
        with pytest.raises(RequestFailed, match="because the directory does not exist"):
            ask(living, "accept")
        (tmp_path / "away").rename(living.landing)
        living.wait_until(lambda: living.status()["problem"] is None)
        assert living.quantities() == ALL


def accept_while_down(root: Path, *options: str) -> Result:
    """`cubefeed landing accept` where nothing runs."""
    command = ["landing", "accept", f"{root / 'declaration.py'}:CHOSEN", "--state", str(root / "state"), *options]
    return CliRunner(env={"CUBEFEED_LANDING": str(root / "landing")}).invoke(app, command)


def test_a_directory_made_anew_while_nothing_runs_is_accepted_for_the_next_session(
    observer: Observer, tmp_path: Path
) -> None:
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        fill(living)
    made_anew(tmp_path / "landing")
    done = accept_while_down(tmp_path, "--dry-run")
    assert "would be accepted as it is now, with 4 known files not in it" in done.stdout
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        doubt_of(living, "none of its 4 files")
    done = accept_while_down(tmp_path, "--format", "json")
    assert [file["file"] for file in json.loads(done.stdout)] == [f"{number}.csv" for number in ALL]
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        living.wait_for({5: 5})
        assert living.status()["problem"] is None


def test_where_no_ledger_is_nothing_is_accepted_and_nothing_is_made(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["landing", "accept", "sales", "--state", str(tmp_path / "mistyped")])
    assert isinstance(done.exception, StateError) and "There is no ledger here" in str(done.exception)
    assert not list(tmp_path.iterdir())


def test_an_empty_directory_is_accepted_by_a_session_only(observer: Observer, tmp_path: Path) -> None:
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        fill(living)
    emptied(tmp_path / "landing")
    done = accept_while_down(tmp_path)
    assert isinstance(done.exception, RequestFailed)
    assert "start a session, then cubefeed landing accept" in str(done.exception)
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        doubt_of(living, "the directory is empty")


def test_another_directory_corrects_no_file_of_the_same_name_until_a_person_says_that_it_is_right(
    observer: Observer, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for number in ALL:
        (other / f"{number}.csv").write_bytes(sales(100, start=number))
    (other / "5.csv").write_bytes(sales(5, start=5))
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        fill(living)
        living.landing.rename(tmp_path / "archive")
        living.landing.symlink_to(other)
        living.wait_for(ALL | {5: 5})
        doubt_of(living, "another directory now, with none of its 4 files")
        waits = living.inbox.list_waiting()
        assert waits and all("cubefeed landing accept sales" in why for why in waits.values())
        assert living.quantities() == ALL | {5: 5}
        ask(living, "accept")
        living.wait_for({**dict.fromkeys(ALL, 100), 5: 5})
        living.wait_until(lambda: living.status()["problem"] is None)
        living.landing.unlink()


def test_another_directory_with_most_files_as_they_were_is_the_same_one(observer: Observer, tmp_path: Path) -> None:
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        fill(living)
    renumber(tmp_path, "container")
    (tmp_path / "landing" / "1.csv").write_bytes(sales(100))
    with live(tmp_path, observer, when_deleted=Unload()) as living:
        living.wait_for(ALL | {1: 100})
        assert living.status()["problem"] is None
