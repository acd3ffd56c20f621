"""A directory per test in which the program runs, and which it leaves as it should."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.running import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A place of its own, checked for what is left at the end."""
    made = Place(tmp_path)
    yield made
    made.assert_nothing_left()
