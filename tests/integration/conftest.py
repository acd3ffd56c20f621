"""Feeds kept live in this process, with either observer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from flows.ingest import work_selection
from flows.landing import missing_files as missing
from flows.landing import monitor, pending_files, settling
from flows.settings import Observer
from tests.integration.live_feed import Start, live


@pytest.fixture(params=["native", pytest.param("polling", marks=pytest.mark.slow)])
def observer(request: pytest.FixtureRequest) -> Observer:
    """Each test that watches a directory does so in both ways; `make test-fast` leaves the second one out."""
    chosen: Observer = request.param
    return chosen


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rules as always, in shorter times.

    A watched directory is not listed by the clock here, so that what the events do not tell is not found.
    """
    for module, name, value in (
        (work_selection, "REQUEST_POLL_S", 0.02),
        (settling, "NO_NEWLINE_S", 0.4),
        (settling, "OPEN_S", 0.6),
        (settling, "EMPTY_S", 0.5),
        (missing, "GONE_S", 0.1),
        (settling, "COMPANION_S", 0.1),
        (pending_files, "RETRY_S", 0.2),
        (monitor, "ROOT_S", 0.1),
        (monitor, "POLL_S", 0.03),
        (monitor, "RESCAN_S", 3600.0),
    ):
        monkeypatch.setattr(module, name, value)


@pytest.fixture
def start(quick: None, observer: Observer, tmp_path: Path) -> Iterator[Start]:
    """Starts feeds and stops them again; the arguments are those of `live`."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(live(tmp_path, observer, **options))
