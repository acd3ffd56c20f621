"""For all tests of this process; the programs that tests start do not see it."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("POLARS_MAX_THREADS", "1")  # the frames are tiny here, and threads cost more than they bring

TOLD = "told"
"""The property under which a test records what is to be printed when it passes, in whatever process it runs."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have recorded."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            if name == TOLD:
                terminalreporter.write_line(f"{report.nodeid}\n{text}")
