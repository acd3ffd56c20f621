"""Events that are lost, and observers that end, let nothing be missed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from polars.exceptions import PanicException
from watchdog.observers.inotify import InotifyObserver

from tests.integration.ingest.numbered_files import numbers, wait_for_all
from tests.integration.live_feed import LiveFeed, Start, sales

QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")


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
