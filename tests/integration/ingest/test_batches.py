"""How much is loaded together: batches are bounded by files, bytes and memory."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from flows.ingest import checks, work_selection
from flows.ingest.bootstrap import open_feed
from flows.ingest.pipeline import Stages, Window
from flows.model.limits import Limits
from flows.settings import Settings
from tests.integration.ingest.numbered_files import at_once, numbers, room_for_three, wait_for_all
from tests.integration.live_feed import Start, ask, sales


def test_a_batch_is_cut_where_its_files_do_not_fit_into_memory_together(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    room_for_three(monkeypatch)
    living = start()
    with at_once(living):
        for number in range(1, 21):
            living.put(f"{number}.csv", gzip.compress(sales(number, start=number)))
    wait_for_all(living, 20)
    assert len(living.works) >= 7
    assert max(len(outcome.files) for outcome in living.outcomes) == 3
    answer = ask(living, "reload", "*")
    assert (answer["file_count"], answer["rows"]) == (20, 20)
    assert living.quantities() == numbers(20)


async def test_all_files_of_a_batch_that_is_cut_are_loaded_at_the_start_and_in_a_window(
    quick: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    room_for_three(monkeypatch)
    landing = tmp_path / "landing"
    landing.mkdir()

    def put(first: int) -> None:
        for number in range(first, first + 10):
            (landing / f"{number}.csv").write_bytes(sales(number, start=number))

    put(10)
    with open_feed(Settings(state=tmp_path / "state", landing=landing, observer="polling", settle_s=0.0)) as opened:
        async with Stages(opened.feed) as stages:
            await stages.rebuild()
            found = await stages.load_waiting()
            assert (found.files, found.rows) == (10, 10)
            put(20)
            opened.feed.datasets["sales"].monitor.inbox.rescan()
            window = Window(stages)
            while (work := await stages.detect(0.2)) is not None:
                await window.put(work)
            await window.close()
        assert (window.loads.files, window.loads.rows) == (10, 10)
        assert opened.feed.cube.row_count("sales") == 20


def test_a_batch_is_bounded_by_its_files(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_selection, "BATCH_FILES", 7)
    living = start()
    with at_once(living):
        for number in range(1, 31):
            living.put(f"{number}.csv", sales(number, start=number))
    wait_for_all(living, 30)
    assert max(len(work.landed) for work in living.works) == 7


def test_a_batch_is_bounded_by_its_bytes_and_always_takes_one(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    small = len(sales(1))
    monkeypatch.setattr(work_selection, "BATCH_BYTES", 3 * small + 20)
    living = start()
    with at_once(living):
        for number in range(1, 9):
            living.put(f"{number}.csv", sales(number, start=number))
        living.put("large.csv", sales(*range(100, 200), start=100))
    living.wait_for(numbers(8) | numbers(100, start=100))
    sizes = [[landed.signature.size_bytes for landed in work.landed] for work in living.works]
    assert all(len(batch) == 1 or sum(batch) <= 3 * small + 20 for batch in sizes)
    assert max(len(batch) for batch in sizes) == 3
    assert [batch for batch in sizes if max(batch) > 3 * small + 20] == [[len(sales(*range(100, 200), start=100))]]


def test_a_request_for_many_files_is_worked_on_in_batches_and_answered_once(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    living = start()
    with at_once(living):
        for number in range(1, 31):
            living.put(f"{number}.csv", sales(number, start=number))
    wait_for_all(living, 30)
    monkeypatch.setattr(work_selection, "BATCH_FILES", 7)
    answer = ask(living, "reload")
    assert [file["state"] for file in answer["files"]] == ["loaded"] * 30 and answer["rows"] == 30
    assert [len(work.landed) for work in living.works if work.request] == [7, 7, 7, 7, 2]
    assert living.quantities() == numbers(30)


def test_small_files_of_a_batch_share_one_segment(start: Start) -> None:
    living = start()
    with at_once(living):
        for number in range(1, 51):
            living.put(f"{number}.csv", sales(number, start=number))
    wait_for_all(living, 50)
    assert len(living.feed.ledger.segments("sales")) == len(living.works) <= 3


def test_a_file_larger_than_the_dataset_allows_is_refused_without_being_read(start: Start) -> None:
    living = start(limits=Limits(file_bytes=1000))
    with (living.landing / "large.csv").open("wb") as large:
        large.write(sales(*range(20)))
        large.truncate(1 << 40)  # a hole that nobody could read
    living.put("small.csv", sales(1, start=500))
    living.wait_for_state("large.csv", "quarantined")
    row = living.file("large.csv")
    assert row is not None and row.first_finding is not None
    assert (row.first_finding.rule, row.first_finding.raw) == ("size", str(1 << 40))
    living.wait_for({500: 1})
    living.put("large.csv", sales(3))
    living.wait_for({500: 1, 1: 3})


def test_a_flood_of_bad_files_is_refused_a_part_at_a_time(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "REFUSED_AT_ONCE", 2)
    landing = tmp_path / "landing"
    landing.mkdir()
    for number in range(5):
        (landing / f"bad{number}.csv").write_bytes(b"no header\n")
        os.utime(landing / f"bad{number}.csv", (1_700_000_000, 1_700_000_000))
    living = start()
    living.put("good.csv", sales(1))
    living.wait_for({1: 1})
    living.wait_until(lambda: all(living.state_of(f"bad{number}.csv") == "quarantined" for number in range(5)))
    refused = [sum(file.state == "quarantined" for file in outcome.files) for outcome in living.outcomes]
    assert sum(refused) == 5 and max(refused) == 2
