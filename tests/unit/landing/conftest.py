"""Inboxes over a temporary directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.landing.box import Box


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Box]:
    return lambda **options: Box(tmp_path, **options)
