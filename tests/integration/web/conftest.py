"""What the tests of the page and of the read API share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.store.state_directory import StateDirectory
from tests.integration.live_feed import live, sales
from tests.integration.web.running_session import Session


@pytest.fixture
def session(quick: None, tmp_path: Path) -> Iterator[Session]:
    with live(tmp_path, "native") as living:
        living.put("a.csv", sales(4, 6))
        living.put("b.csv", sales(7, start=10, day="2021-05-02"))
        living.put("bad.csv", sales(-1, start=20))
        living.wait_until(lambda: living.state_of("bad.csv") == "quarantined" and len(living.quantities()) == 3)
        owner = StateDirectory(tmp_path / "state").require_owner()
        yield Session(living, str(owner.url))
