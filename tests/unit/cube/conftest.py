"""A stage for Atoti's adapter."""

from __future__ import annotations

from collections.abc import Iterator

import atoti as tt
import pytest

from tests.unit.cube.atoti_stage import Stage


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    stage = Stage("http://localhost:1")
    monkeypatch.setattr(tt.Session, "start", stage.start)
    for name, function in stage.aggregations.items():
        monkeypatch.setattr(tt.agg, name, function)
    yield stage
    for cube in stage.opened:
        cube.close()
