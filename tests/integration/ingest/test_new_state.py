"""The same directory under a new state directory: the same cube, where arrival decides nothing."""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from flows.model.policies import Load, Unload
from flows.model.precedence import ByColumn, ByName
from flows.settings import Observer
from tests.cube_rows import all_rows
from tests.integration.ingest.keyless import KEYLESS
from tests.integration.live_feed import LiveFeed, live, sales

MEANINGS: dict[str, dict[str, Any]] = {
    "by name": {"precedence": ByName()},
    "by column": {"precedence": ByColumn("Date")},
    "keyless": {"schema": KEYLESS},
    "keyless, every copy counts": {"schema": KEYLESS, "duplicates": Load()},
}


def rows(living: LiveFeed) -> list[tuple[object, ...]]:
    return sorted(all_rows(living.feed.cube, "sales").drop("_version").rows())


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("meaning", MEANINGS)
def test_a_new_state_over_the_same_directory_gives_the_same_cube(
    tmp_path: Path, observer: Observer, meaning: str
) -> None:
    def feed() -> AbstractContextManager[LiveFeed]:
        return live(tmp_path, observer, when_deleted=Unload(), **MEANINGS[meaning])

    with feed() as living:
        for name, body in {
            "snap_10.csv": sales(10, 11, day="2021-05-02"),
            "snap_9.csv": sales(7, 8, 9, day="2021-05-03"),  # comes late
            "copy.csv": sales(10, 11, day="2021-05-02"),
            "header.csv": sales(),
        }.items():
            living.put(name, body)
            living.look()
        living.put("snap_10.csv", sales(12, day="2021-05-02"))  # a correction
        living.look()
        living.put("snap_9.csv", sales(7, 8, 9, day="2021-05-01"))
        living.look()
        (living.landing / "copy.csv").rename(living.landing / "snap_1.csv")
        living.look()
        living.wait_until(lambda: living.state_of("snap_1.csv") in ("loaded", "duplicate"))
        before = rows(living)
        assert len(before) > 2
    shutil.rmtree(tmp_path / "state")
    with feed() as living:
        living.look()
        assert rows(living) == before
