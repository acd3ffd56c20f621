"""What all attacks are tried on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attack.system import System, attacked
from tests.e2e.conftest import browser, context, port, pytest_runtest_makereport

__all__ = ["browser", "context", "port", "pytest_runtest_makereport", "system"]


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    """A session that a file's attacks share."""
    with attacked() as running:
        yield running
