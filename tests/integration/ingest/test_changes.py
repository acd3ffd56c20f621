"""What becomes of rows when files are corrected, copied, deleted, renamed, or asked for."""

from __future__ import annotations

import json
import os
import threading

import polars as pl
import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.errors import RequestFailed
from flows.ingest.work import CheckedBatch, Outcome, Work
from flows.model.completeness import Completeness
from flows.model.merge import ChangeSet
from flows.model.policies import Unload
from flows.store.payload import Kind
from flows.store.requests import RequestBox
from tests.cube_rows import all_rows
from tests.integration.live_feed import LiveFeed, Start, ask, sales


def test_a_correction_replaces_only_its_own_rows(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1, 2))
    living.put("b.csv", sales(3, start=10))
    living.wait_for({1: 1, 2: 2, 10: 3})
    living.put("a.csv", sales(5))
    living.wait_for({1: 5, 10: 3})


def test_what_a_correction_no_longer_covers_comes_back(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1, 2))
    living.wait_for({1: 1, 2: 2})
    living.put("b.csv", sales(20, start=2))
    living.wait_for({1: 1, 2: 20})
    living.put("b.csv", sales(30, start=3))
    living.wait_for({1: 1, 2: 2, 3: 30})


def test_an_earlier_file_that_is_corrected_stays_below_a_later_one(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    living.put("b.csv", sales(9))
    living.wait_for({1: 9})
    living.put("a.csv", sales(5))
    living.wait_until(lambda: living.outcome_states("a.csv") == ["loaded", "loaded"])
    assert living.quantities() == {1: 9}


def corrected_with_a_late_copy(start: Start) -> LiveFeed:
    """A file that was corrected, and a copy of it as it was before, which came after that."""
    living = start()
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    living.put("a.csv", sales(2))
    living.wait_for({1: 2})
    living.put("copy.csv", sales(1))
    living.wait_until(lambda: living.state_of("copy.csv") == "loaded")
    return living


def test_a_stale_copy_never_undoes_a_correction(start: Start) -> None:
    living = corrected_with_a_late_copy(start)
    assert living.quantities() == {1: 2}


def test_the_rows_stay_when_the_first_of_two_equal_files_goes(start: Start) -> None:
    living = start(when_deleted=Unload())
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    living.put("copy.csv", sales(1))
    living.wait_until(lambda: living.state_of("copy.csv") == "loaded")
    (living.landing / "a.csv").unlink()
    living.wait_until(lambda: living.outcome_states("a.csv")[-1:] == ["unloaded"])
    assert living.quantities() == {1: 1}


@pytest.mark.parametrize("unload", [True, False])
def test_deleting_a_file_unloads_or_keeps_its_rows(start: Start, unload: bool) -> None:
    living = start(**{"when_deleted": Unload()} if unload else {})
    living.put("a.csv", sales(1))
    living.put("b.csv", sales(2, start=2))
    living.wait_for({1: 1, 2: 2})
    (living.landing / "a.csv").unlink()
    living.wait_until(lambda: living.outcome_states("a.csv")[-1:] == (["unloaded"] if unload else ["gone"]))
    assert living.quantities() == ({2: 2} if unload else {1: 1, 2: 2})


def test_a_renamed_file_is_not_loaded_again(start: Start) -> None:
    living = start(when_deleted=Unload())
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    (living.landing / "a.csv").rename(living.landing / "z.csv")
    living.wait_until(lambda: living.state_of("z.csv") == "loaded")
    versions = {row.version for row in living.files() if row.current}
    assert living.quantities() == {1: 1} and len(versions) == 1
    assert all(outcome.rows == 0 for outcome in living.outcomes[1:])


def test_a_refused_correction_leaves_the_old_rows_and_says_stale(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    living.put("a.csv", sales(-1))
    living.wait_until(lambda: living.outcome_states("a.csv")[-1:] == ["quarantined"])
    assert living.quantities() == {1: 1}
    assert living.status()["stale"] == 1
    assert any(row.stale for row in living.files())
    living.put("a.csv", sales(3))
    living.wait_for({1: 3})
    assert living.status()["stale"] == 0


def test_unload_keeps_a_file_out_until_it_is_loaded_or_changes(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1))
    living.put("b.csv", sales(2, start=2))
    living.wait_for({1: 1, 2: 2})
    ask(living, "unload", "*.csv")
    assert living.quantities() == {}
    (living.landing / "a.csv").touch()
    living.wait_until(lambda: living.outcome_states("a.csv")[-1:] == ["unloaded"])
    ask(living, "load", "a.csv")
    living.wait_for({1: 1})
    living.put("b.csv", sales(7, start=2))
    living.wait_for({1: 1, 2: 7})


def test_force_does_not_lift_a_late_copy_above_the_correction(start: Start) -> None:
    living = corrected_with_a_late_copy(start)
    answer = ask(living, "load", "copy.csv", force=True)
    assert [(file["file"], file["state"]) for file in answer["files"]] == [("copy.csv", "loaded")]
    assert living.quantities() == {1: 2}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["load", "reload", "unload"])
def test_a_dry_run_says_what_would_change_and_changes_nothing(start: Start, kind: Kind) -> None:
    living = start()
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    before = living.feed.ledger.counters()
    announced: list[Outcome] = []
    living.feed.listeners.append(announced.append)
    answer = ask(living, kind, "a.csv", dry_run=True)
    assert [each for each in announced if not each.days] == []  # a day may become late meanwhile
    expected = {"load": "loaded", "reload": "loaded", "unload": "unloaded"}
    assert [(file["file"], file["state"]) for file in answer["files"]] == [("a.csv", expected[kind])]
    assert living.quantities() == {1: 1}
    assert living.feed.ledger.counters() == before
    assert living.file("a.csv").state == "loaded"  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["load", "reload"])
def test_a_version_written_while_a_request_reads_the_one_before_is_loaded_too(
    start: Start, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    living = start()
    living.put("a.csv", sales(10))
    living.wait_for({1: 10})
    validate = living.feed.validate

    def too_late(work: Work) -> CheckedBatch | Outcome:
        checked = validate(work)
        if work.request is not None:
            file = living.landing / "a.csv"
            before = file.stat()
            file.write_bytes(sales(20))
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        return checked

    monkeypatch.setattr(living.feed, "validate", too_late)
    ask(living, kind, "a.csv")
    living.wait_for({1: 20})


def test_reload_reads_a_file_again(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    ask(living, "reload", "a.csv")
    assert living.outcome_states("a.csv") == ["loaded", "loaded"]
    assert living.quantities() == {1: 1}


def test_verify_finds_no_difference_and_deep_reads_the_files(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1, 2))
    living.wait_for({1: 1, 2: 2})
    living.put("b.csv", sales(5, start=2))
    living.wait_for({1: 1, 2: 5})
    for deep in (False, True):
        found = ask(living, "verify", deep=deep)["verify"]
        assert (found["rows"], found["missing"], found["extra"]) == (2, 0, 0)


def test_verify_prints_a_difference_and_says_so_by_its_exit_code(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1, 2))
    living.wait_for({1: 1, 2: 2})
    held = all_rows(living.feed.cube, "sales")
    spoilt = held.filter(pl.col("ID") == 1).with_columns(pl.lit(5, pl.Int64).alias("Quantity"))
    living.feed.cube.apply(ChangeSet("sales", frozenset(), spoilt.select(held.columns)))
    state = living.landing.parent / "state"
    done = CliRunner().invoke(app, ["verify", "--state", str(state), "--dataset", "sales", "--format", "json"])
    assert done.exit_code == 1, done.output
    shown = {(row["difference"], row["ID"], row["Quantity"]) for row in json.loads(done.stdout)["examples"]}
    assert shown == {("missing", "1", "1"), ("extra", "1", "5")}


def test_rebuild_gives_the_same_cube(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1, 2))
    living.wait_for({1: 1, 2: 2})
    assert ask(living, "rebuild")["rows"] == 2
    assert living.quantities() == {1: 1, 2: 2}


def test_where_and_since_choose_whole_versions(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1) + sales(2, start=2, day="2021-05-02").split(b"\n", 1)[1])
    living.put("b.csv", sales(3, start=3, day="2021-05-03"))
    living.wait_for({1: 1, 2: 2, 3: 3})
    assert ask(living, "unload", since="2999-01-01")["files"] == []
    answer = ask(living, "unload", where=["Date=2021-05-02"], since="2001-01-01")
    assert [file["file"] for file in answer["files"]] == ["a.csv"]
    assert living.quantities() == {3: 3}
    ask(living, "load", where=["Date=2021-05-01"])
    living.wait_for({1: 1, 2: 2, 3: 3})


def test_a_file_is_named_as_seen_from_the_landing_directory_or_from_where_one_is(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1))
    living.put("b.csv", sales(2, start=2))
    living.wait_for({1: 1, 2: 2})
    above, name = str(living.landing.parent), living.landing.name
    for given in ("a.csv", f"{name}/a.csv", str(living.landing / "a.csv"), f"{name}/a*"):
        answer = ask(living, "unload", paths=[given], asked_in=above, dry_run=True)
        assert [file["file"] for file in answer["files"]] == ["a.csv"], given
    with pytest.raises(RequestFailed, match=r"not inside.*got=/elsewhere/a\.csv"):
        ask(living, "unload", paths=["/elsewhere/a.csv"], asked_in=above)
    with pytest.raises(RequestFailed, match="No file of sales matches"):
        ask(living, "unload", paths=["c.csv"], asked_in=above)


def test_a_condition_that_names_no_level_is_refused(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    with pytest.raises(RequestFailed, match="no level of that name"):
        ask(living, "unload", where=["Dat=2021-05-01"])
    assert living.quantities() == {1: 1}


def test_a_dry_rebuild_says_how_the_cube_differs(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    found = ask(living, "rebuild", dry_run=True)["verify"]
    assert (found["rows"], found["missing"], found["extra"]) == (1, 0, 0)


def test_a_request_for_a_file_that_is_being_loaded_answers_for_it(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    living = start()
    arrived, go_on = threading.Event(), threading.Event()
    validate = living.feed.validate

    def slowly(work: Work) -> CheckedBatch | Outcome:
        if work.request is None:
            arrived.set()
            assert go_on.wait(20)
        return validate(work)

    monkeypatch.setattr(living.feed, "validate", slowly)
    living.put("a.csv", sales(1))
    assert arrived.wait(20)
    box = RequestBox(living.feed.ledger)
    try:
        request = box.leave("sales", "load", {"paths": ["a.csv"]})
        work = living.feed.requests.next_work(max_files=9, max_bytes=999)
        assert work is not None and [landed.path for landed in work.landed] == [b"a.csv"]
        go_on.set()
        living.wait_for({1: 1})
        living.feed.append(validate(work))
        answer = box.wait(request, timeout_s=20, owner_alive=lambda: True)
    finally:
        box.close()
    assert [(file["file"], file["state"]) for file in answer["files"]] == [("a.csv", "loaded")]
    living.put("a.csv", sales(2))
    living.wait_for({1: 2})


def test_a_request_for_a_file_that_cannot_be_read_fails(start: Start) -> None:
    living = start(completeness=Completeness(manifest=".json"))
    living.put("a.csv", sales(1))
    with pytest.raises(RequestFailed, match=r"1 of 1 file could not be read: a\.csv: its manifest cannot be read"):
        ask(living, "load", "a.csv")
    assert living.quantities() == {}


def test_a_directory_that_producers_empty_is_no_problem_where_rows_stay(start: Start) -> None:
    living = start()
    living.put("a.csv", sales(1))
    living.put("b.csv", sales(2, start=2))
    living.wait_for({1: 1, 2: 2})
    living.inbox.rescan()
    for name in ("a.csv", "b.csv"):
        (living.landing / name).unlink()
        living.wait_until(lambda name=name: living.outcome_states(name)[-1:] == ["gone"])  # type: ignore[misc]
    assert living.complaints() == []
    assert living.quantities() == {1: 1, 2: 2}
    living.put("a.csv", sales(1))
    living.wait_until(lambda: living.file("a.csv").present)  # type: ignore[union-attr]
    assert living.quantities() == {1: 1, 2: 2}


def test_unload_confirms_that_the_last_file_is_gone(start: Start) -> None:
    living = start(when_deleted=Unload())
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    (living.landing / "a.csv").unlink()
    living.inbox.rescan()
    living.wait_until(lambda: any("cubefeed landing accept sales" in complaint for complaint in living.complaints()))
    assert living.quantities() == {1: 1}
    answer = ask(living, "unload", "a.csv")
    assert [(file["file"], file["state"]) for file in answer["files"]] == [("a.csv", "unloaded")]
    living.wait_until(lambda: living.complaints() == [])
    assert living.quantities() == {}
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
