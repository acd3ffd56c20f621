"""A directory per test in which the program runs, and which it leaves as it should."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running import Installation, Place

SHOWN = 12_000


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A place of its own, checked for what is left at the end."""
    made = Place(tmp_path)
    yield made
    made.assert_nothing_left()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the processes said when a test fails."""
    report = yield
    if report.failed:
        for given in getattr(item, "funcargs", {}).values():
            for each in given if isinstance(given, tuple) else (given,):
                found = each.place if isinstance(each, Installation) else each
                if isinstance(found, Place):
                    report.sections += [_tail(file) for file in _logs(found)]
    return report


def _logs(place: Place) -> list[Path]:
    return sorted([*place.root.glob("*.log"), *place.state.glob("*.log")])


def _tail(file: Path) -> tuple[str, Any]:
    return file.name, file.read_text(encoding="utf-8", errors="replace")[-SHOWN:]
