"""For all tests of this process; the programs that tests start do not see it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it ships no types

os.environ.setdefault("POLARS_MAX_THREADS", "1")  # the frames are tiny here, and threads cost more than they bring

_NOTE = "note"
Note = Callable[[object], None]


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # which is untyped
    """Tests of one file stay in one process where they share what takes long to make; others go where there is room.

    The group marks of pytest-xdist 3.8 have no effect with pytest 9.2 (its issue 1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        return file if file.startswith(("tests/attack/", "tests/e2e/", "tests/unit/")) else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Hand tests to the processes in this way."""
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Random histories take longest: they begin, so that no process is left alone with them at the end."""
    items.sort(key=lambda item: item.path.parent.name != "property")


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Note:
    """Have something printed when the test has passed, in whatever process it runs."""
    return lambda what: record_property(_NOTE, str(what))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have noted."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            if name == _NOTE:
                terminalreporter.write_line(f"{report.nodeid}\n{text}")
