"""Real full disks under each part of the state: who waits and says so, who goes on, and that room mends it."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.app import feed
from tests.integration.living import live, sales
from tests.integration.small_disk import small_disk

pytestmark = pytest.mark.usefixtures("quick", "soon_again")


@pytest.fixture
def soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What found a full disk is tried again soon."""
    monkeypatch.setattr(feed, "RETRY_S", 0.1)


def test_segments_on_a_full_disk_wait_and_say_what_is_missing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "state" / "segments") as disk, live(tmp_path, "polling") as living:
        living.put("a.csv", sales(1))
        living.wait_for({1: 1})
        disk.fill()
        living.put("b.csv", sales(2, start=2))
        living.wait_until(lambda: living.desk.degraded)
        assert "no room for a segment" in str(living.desk.degraded)
        assert living.quantities() == {1: 1}
        disk.make_room()
        living.wait_for({1: 1, 2: 2})
        assert living.desk.degraded is None
