"""Many files at once, with either observer."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
from pathlib import Path

import pytest

from flows.ingest import load_summary, work_selection
from flows.ingest.bootstrap import open_feed
from flows.ingest.pipeline import Stages, Window
from flows.ingest.work import CheckedBatch, FileOutcome, Outcome, Work
from flows.settings import Settings
from tests.integration.ingest.numbered_files import numbers, room_for_three, wait_for_all
from tests.integration.live_feed import LiveFeed, Start, sales


@pytest.mark.slow
def test_10_000_small_files_at_once_lose_nothing(start: Start) -> None:
    living = start()
    for number in range(1, 10_001):
        living.put(f"{number}.csv", sales(number, start=number))
    wait_for_all(living, 10_000)


def rename_fast(living: LiveFeed, tmp_path: Path, count: int) -> None:
    """Put files of one row into the directory by renames alone, from inside and from outside in turn."""
    for number in range(1, count + 1):
        folder = living.landing if number % 2 else tmp_path
        (folder / f".{number}").write_bytes(sales(number, start=number))
    for number in range(1, count + 1):
        folder = living.landing if number % 2 else tmp_path
        os.rename(folder / f".{number}", living.landing / f"{number}.csv")
    wait_for_all(living, count)


@pytest.mark.slow
def test_3_000_fast_renames_lose_nothing(start: Start, tmp_path: Path) -> None:
    rename_fast(start(), tmp_path, 3_000)


@pytest.mark.deep
def test_30_000_fast_renames_lose_nothing(start: Start, tmp_path: Path) -> None:
    rename_fast(start(), tmp_path, 30_000)


def test_fast_renames_of_loaded_files_load_nothing_again(start: Start) -> None:
    living = start()
    for number in range(1, 301):
        living.put(f"{number}.csv", sales(number, start=number))
    living.wait_for(numbers(300))
    for turn in range(3):
        for number in range(1, 301):
            old, new = f"{number}.csv" if turn == 0 else f"{number}_{turn}.csv", f"{number}_{turn + 1}.csv"
            os.rename(living.landing / old, living.landing / new)
    living.wait_until(lambda: sorted(row.file for row in living.files()) == sorted(f"{n}_3.csv" for n in range(1, 301)))
    assert living.quantities() == numbers(300)
    assert {row.state for row in living.files()} == {"loaded"}
    assert all(outcome.rows == 0 for outcome in living.outcomes[-1:])


async def test_an_initial_load_ends_although_files_keep_coming(
    quick: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    landing, numbers_ = tmp_path / "landing", itertools.count(1)
    landing.mkdir()

    def write() -> None:
        number = next(numbers_)
        (landing / f"{number}.csv").write_bytes(sales(number, start=number))

    write()
    with open_feed(Settings(state=tmp_path / "state", landing=landing, observer="polling", settle_s=0.0)) as opened:
        feed, validate = opened.feed, opened.feed.validate

        def validate_while_one_more_lands(work: Work) -> CheckedBatch | Outcome:
            write()
            feed.datasets["sales"].monitor.inbox.rescan()
            return validate(work)

        monkeypatch.setattr(feed, "validate", validate_while_one_more_lands)
        async with Stages(feed) as stages:
            await stages.rebuild()
            found = await asyncio.wait_for(stages.load_waiting(), 10)
            assert [load.file.file for load in found.last] == ["1.csv", "2.csv"]


async def test_an_initial_load_also_loads_what_landed_meanwhile_and_did_not_fit_into_memory_at_once(
    quick: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    room_for_three(monkeypatch)
    landing = tmp_path / "landing"
    landing.mkdir()
    with open_feed(Settings(state=tmp_path / "state", landing=landing, observer="polling", settle_s=0.0)) as opened:
        feed, find_work = opened.feed, opened.feed.find_work

        def find_what_lands_now() -> Work | None:
            for number in range(10, 17):
                (landing / f"{number}.csv").write_bytes(sales(number, start=number))
            monkeypatch.setattr(feed, "find_work", find_work)
            feed.datasets["sales"].monitor.inbox.rescan()
            return find_work()

        monkeypatch.setattr(feed, "find_work", find_what_lands_now)
        async with Stages(feed) as stages:
            await stages.rebuild()
            found = await asyncio.wait_for(stages.load_waiting(), 10)
        assert (found.files, feed.datasets["sales"].monitor.inbox.list_waiting()) == (7, {})


@pytest.mark.slow
async def test_what_became_of_many_files_is_kept_by_a_window_in_bounded_room(
    quick: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nobody takes it away, as while Prefect does not answer."""
    monkeypatch.setattr(work_selection, "BATCH_FILES", 100)
    monkeypatch.setattr(load_summary, "KEPT", 50)
    landing, burst = tmp_path / "landing", 200
    landing.mkdir()
    with open_feed(Settings(state=tmp_path / "state", landing=landing, observer="polling", settle_s=0.0)) as opened:
        async with Stages(opened.feed) as stages:
            await stages.rebuild()
            window = Window(stages)
            for start in range(0, 3 * burst, burst):
                for number in range(start, start + burst):
                    (landing / f"{number}.csv").write_bytes(sales(-1 if number == burst else 1, start=number))
                opened.feed.datasets["sales"].monitor.inbox.rescan()
                while (work := await stages.detect(0.2)) is not None:
                    await window.put(work)
            await window.close()
            gc.collect()
            kept = sum(isinstance(found, FileOutcome) for found in gc.get_objects())
        assert (window.loads.files, window.loads.rows) == (3 * burst, 3 * burst - 1)
        assert window.loads.by_state == {"loaded": 3 * burst - 1, "quarantined": 1}
        assert [load.file.file for load in window.loads.first] == [f"{burst}.csv"]
    assert kept <= 2 * 50
