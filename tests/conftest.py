"""For all tests of this process; the programs that tests start do not see it."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

os.environ.setdefault("POLARS_MAX_THREADS", "1")  # the frames are tiny here, and threads cost more than they bring

_TOLD = "told"
Tell = Callable[[object], None]


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """Have something printed when the test has passed, in whatever process it runs."""
    return lambda what: record_property(_TOLD, str(what))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have told."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            if name == _TOLD:
                terminalreporter.write_line(f"{report.nodeid}\n{text}")
