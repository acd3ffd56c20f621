"""Many files at once, lost events, and what bounds a batch, with either observer."""

from __future__ import annotations

import asyncio
import gc
import gzip
import itertools
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from polars.exceptions import PanicException
from watchdog.observers.inotify import InotifyObserver

from flows.datasets.sales import SALES
from flows.ingest import checks, load_summary, work_selection
from flows.ingest.bootstrap import open_feed
from flows.ingest.pipeline import Stages, Window
from flows.ingest.work import CheckedBatch, FileOutcome, Outcome, Work
from flows.model.limits import Limits
from flows.settings import Settings
from flows.validation import cost
from flows.validation.cost import Cost
from tests.integration.live_feed import LiveFeed, Start, ask, sales

QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")


def numbers(count: int, start: int = 1) -> dict[int, int]:
    """The quantities that `count` files of one row show, each the number of its file."""
    return {number: number for number in range(start, start + count)}


def wait_for_all(living: LiveFeed, count: int, timeout_s: float = 60.0) -> None:
    """Wait until the files 1 to `count` are loaded, each once, and nothing waits."""
    living.wait_until(lambda: living.feed.cube.row_count("sales") == count, timeout_s)
    assert living.quantities() == numbers(count)
    states = [(file.file, file.state) for outcome in living.outcomes for file in outcome.files]
    states = [each for each in states if each[1] != "detected"]
    assert len(states) == len(set(states)) == count and {state for _, state in states} == {"loaded"}
    living.wait_until(lambda: not living.inbox.list_waiting())


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


@contextmanager
def frozen(living: LiveFeed) -> Iterator[None]:
    """Hold up the thread that reads the kernel's events."""
    watcher = living.dataset_state.monitor._watcher
    assert watcher is not None and isinstance(watcher._observer, InotifyObserver)
    with watcher._observer._inotify_fd._lock:
        yield


@pytest.mark.parametrize("observer", ["native"])
@pytest.mark.parametrize("recursive", [False, True], ids=["flat", "recursive"])
def test_an_overflow_of_the_kernel_s_queue_leads_to_a_listing(
    start: Start, caplog: pytest.LogCaptureFixture, recursive: bool
) -> None:
    caplog.set_level(logging.WARNING, "flows.landing.monitor")
    living = start(recursive=recursive)
    living.put("1.csv", sales(1))
    living.wait_for(numbers(1))
    first, second = living.put("first.txt", b""), living.put("second.txt", b"")
    with frozen(living):
        for _ in range(int(QUEUE.read_text())):
            first.touch()
            second.touch()
        for number in range(2, 12):
            living.put(f"{number}.csv", sales(number, start=number))
    wait_for_all(living, 11)
    assert "events were lost; listing the directory" in caplog.text
    (living.landing / "later").mkdir()
    name = "later/12.csv" if recursive else "12.csv"
    living.put(name, sales(12, start=12))
    wait_for_all(living, 12)


def test_events_that_are_lost_without_a_word_are_made_good_by_the_next_listing(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    living = start()
    living.put("1.csv", sales(1))
    living.wait_for(numbers(1))
    monitor = living.dataset_state.monitor
    if monitor._watcher is not None:
        monkeypatch.setattr(monitor._watcher, "_note", lambda *_: None)
    for number in range(2, 12):
        living.put(f"{number}.csv", sales(number, start=number))
    monkeypatch.setattr("flows.landing.monitor.RESCAN_S", 0.2)
    wait_for_all(living, 11)


@pytest.mark.parametrize("observer", ["native"])
@pytest.mark.parametrize("which", ["observer", "emitter", "reader"])
def test_a_thread_of_the_observer_that_ends_is_replaced(start: Start, which: str) -> None:
    living = start()
    living.put("1.csv", sales(1))
    living.wait_for(numbers(1))
    watcher = living.dataset_state.monitor._watcher
    assert watcher is not None and isinstance(watcher._observer, InotifyObserver)
    threads = {
        "observer": watcher._observer,
        "emitter": next(iter(watcher._observer.emitters)),
        "reader": watcher._observer._inotify_fd,
    }
    threads[which].stop()
    living.wait_until(lambda: living.dataset_state.monitor._watcher not in (None, watcher))
    living.put("2.csv", sales(2, start=2))
    living.wait_for(numbers(2))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("observer", ["native"])
@pytest.mark.parametrize("error", [PanicException("in a thread"), ValueError("a defect")], ids=["panic", "error"])
@pytest.mark.parametrize("which", ["dispatcher", "emitter", "reader", "handler"])
def test_what_kills_a_thread_of_the_observer_lets_nothing_be_missed(
    start: Start, monkeypatch: pytest.MonkeyPatch, which: str, error: BaseException
) -> None:
    living = start()
    living.put("1.csv", sales(1))
    living.wait_for(numbers(1))
    watcher = living.dataset_state.monitor._watcher
    assert watcher is not None and isinstance(watcher._observer, InotifyObserver)
    owner, name = {
        "dispatcher": (watcher._observer, "dispatch_events"),
        "emitter": (next(iter(watcher._observer.emitters)), "queue_events"),
        "reader": (watcher._observer._inotify_fd, "handle_event"),
        "handler": (next(iter(next(iter(watcher._observer._handlers.values())))), "_note"),
    }[which]

    def die(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(owner, name, die)
    for number in range(2, 12):
        living.put(f"{number}.csv", sales(number, start=number))
    wait_for_all(living, 11)
    assert living.dataset_state.monitor._watcher not in (None, watcher)
    assert living.status()["observer"] == "native"
    living.put("12.csv", sales(12, start=12))
    wait_for_all(living, 12)


@pytest.mark.parametrize("observer", ["native"])
def test_a_directory_that_could_not_be_watched_is_watched_when_that_is_possible_again(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr("flows.landing.monitor.REARM_S", 0.1)
    with monkeypatch.context() as patched:
        patched.setattr("flows.landing.events.Observer", refuse)
        living = start()
        living.wait_until(
            lambda: "cannot be watched (inotify watch limit" in living.dataset_state.monitor.observer_reason
        )
        assert living.status()["observer"] == "polling"
    living.wait_until(lambda: living.status()["observer"] == "native")
    living.put("1.csv", sales(1))
    living.wait_for(numbers(1))


@pytest.mark.parametrize("observer", ["native"])
@pytest.mark.parametrize("step", ["make", "start"])
def test_where_the_system_has_no_more_watches_the_directory_is_listed_instead(
    start: Start, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "inotify watch limit reached")

    if step == "make":
        monkeypatch.setattr("flows.landing.events.Observer", refuse)
    else:
        monkeypatch.setattr("watchdog.observers.inotify.InotifyWatchGroup._add_all_callbacks", refuse)
    living = start()
    living.put("1.csv", sales(1))
    living.wait_for(numbers(1))
    assert living.status()["observer"] == "polling"


@contextmanager
def at_once(living: LiveFeed) -> Iterator[None]:
    """What is written meanwhile is found by one listing."""
    with living.inbox._lock:
        yield
        living.inbox.rescan()


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


def room_for_three(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let three files of one row fit into memory together."""
    one = Cost(SALES).worst(len(sales(99, start=99)), 2)
    monkeypatch.setattr(cost, "memory_bytes", lambda: cost.SHARE * 3 * one)


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
