"""A directory per test in which the program runs, and which it leaves as it should."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.e2e.browser import ARGUMENTS, CHROMIUM
from tests.e2e.program import SAMPLES, Place

SHOWN = 12_000


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A place of its own, checked for what is left at the end."""
    made = Place(tmp_path)
    yield made
    made.assert_nothing_left()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser without memory, in a zone where a day that is read as a moment becomes the day before."""
    with browser.new_context(viewport={"width": 1280, "height": 800}, timezone_id="America/New_York") as made:
        yield made


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number: int = free.getsockname()[1]
        return number


@pytest.fixture
def two_days(place: Place) -> Place:
    shutil.copytree(SAMPLES / "current", place.landing)
    return place


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the processes said when a test fails."""
    report = yield
    if report.failed:
        for given in getattr(item, "funcargs", {}).values():
            for each in given if isinstance(given, tuple) else (given,):
                found = getattr(each, "place", each)
                if isinstance(found, Place):
                    report.sections += [_tail(file) for file in _logs(found)]
    return report


def _logs(place: Place) -> list[Path]:
    return sorted([*place.root.glob("*.log"), *place.state.glob("*.log")])


def _tail(file: Path) -> tuple[str, Any]:
    return file.name, file.read_text(encoding="utf-8", errors="replace")[-SHOWN:]
