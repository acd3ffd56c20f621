"""Sessions with two datasets, in shorter times than usual."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.errors import SessionEnded
from flows.ingest import bootstrap
from flows.landing import pending_files
from flows.runtime import health, memory
from flows.runtime.health import Health
from flows.settings import Settings
from tests.integration.runtime.watched_session import (
    DECLARATION,
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Two datasets, `a` and `b`, each with a landing directory of that name."""
    declaration = tmp_path / "declaration.py"
    declaration.write_text(DECLARATION.format(root=tmp_path), encoding="utf-8")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    return Settings(state=tmp_path / "state", datasets=f"{declaration}:A,{declaration}:B", settle_s=0.0)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "LOOK_S", 0.05)
    monkeypatch.setattr(memory, "EVERY_S", 0.05)
    monkeypatch.setattr(pending_files, "RETRY_S", 0.2)


@pytest.fixture
def in_order(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No session has to be ended by force."""
    forced: list[SessionEnded] = []
    monkeypatch.setattr(bootstrap, "Health", lambda **_: Health(kill=forced.append))
    yield
    assert forced == [], "the session did not end in order"
