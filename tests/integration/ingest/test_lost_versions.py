"""Versions whose segment was damaged and whose file is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.settings import Observer
from tests.integration.live_feed import live
from tests.integration.store.lost_ledger import fill, segment_files

pytestmark = pytest.mark.usefixtures("quick")


def lose_a_version(tmp_path: Path, observer: Observer) -> bytes:
    """Fill, then take away a.csv and the segment that holds its rows. Returns what was in the file."""
    fill(tmp_path, observer)
    file = tmp_path / "landing" / "a.csv"
    kept = file.read_bytes()
    file.unlink()
    segment_files(tmp_path)[0].unlink()
    return kept


def test_a_lost_version_is_named_and_comes_back_with_its_file(
    tmp_path: Path, observer: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    kept = lose_a_version(tmp_path, observer)
    with live(tmp_path, observer) as living:
        assert living.quantities() == {2: 8, 9: 5}
        assert any("lost" in complaint for complaint in living.complaints())
        living.put("a.csv", kept)
        living.wait_for({1: 1, 2: 8, 9: 5})
    assert "1 version lost" in caplog.text and "a.csv" in caplog.text


def test_a_lost_version_comes_back_under_another_name_too(tmp_path: Path, observer: Observer) -> None:
    kept = lose_a_version(tmp_path, observer)
    with live(tmp_path, observer) as living:
        assert living.quantities() == {2: 8, 9: 5}
        living.put("again.csv", kept)
        living.wait_for({1: 1, 2: 2, 9: 5})  # it is the last file that arrived
        assert living.state_of("again.csv") == "loaded"


def test_a_lost_version_comes_back_when_its_file_is_seen_again_as_it_was(tmp_path: Path, observer: Observer) -> None:
    fill(tmp_path, observer)
    (tmp_path / "landing").rename(tmp_path / "unmounted")
    (tmp_path / "landing").mkdir()
    for file in segment_files(tmp_path):
        file.unlink()
    with live(tmp_path, observer) as living:
        assert living.quantities() == {}
        (tmp_path / "landing").rmdir()
        (tmp_path / "unmounted").rename(tmp_path / "landing")
        living.wait_for({1: 1, 2: 8, 9: 5})
