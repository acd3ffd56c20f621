"""A file that is rewritten as fast as it is read, for as long as the producer likes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attack.system import HEADER, System, attacked
from tests.waiting import until

pytestmark = pytest.mark.slow

REWRITES = 40
GOOD_ROWS = 20_000


@pytest.fixture(scope="module")
def hasty() -> Iterator[System]:
    """A session that reads a file as soon as it is closed."""
    with attacked({"CUBEFEED_SETTLE_S": "0"}) as running:
        yield running


def room_of(directory: Path) -> int:
    """What a directory takes on its disk."""
    return sum(512 * file.stat().st_blocks for file in directory.rglob("*") if file.is_file())


def versions_of(system: System, name: str) -> list[dict[str, object]]:
    return [row for row in system.place.json("files", "--all") if row["file"] == name]


def test_rewrites_of_a_bad_file_fill_neither_quarantine_nor_log_and_leave_nothing_once_it_is_mended(
    hasty: System,
) -> None:
    rows = "".join(f"{number},2021-05-01,bad,1\n" for number in range(GOOD_ROWS))
    aside = hasty.place.state / "quarantine" / "sales"
    most = 0
    for number in range(REWRITES):
        hasty.place.drop("bad.csv", f"{HEADER}{rows}{number},never,bad,1\n")
        folder = aside / f"{number + 1:08d}"
        until(folder.exists, what=f"version {number + 1} is refused", every_s=0.01)
        most = max(most, room_of(aside))
    size_bytes = (hasty.place.landing / "bad.csv").stat().st_size
    assert most < 3 * size_bytes, "more than the last version, and the one before for a moment, was kept"
    assert len(versions_of(hasty, "bad.csv")) == REWRITES, "its history is not there"
    lines = [line for line in hasty.running.output.splitlines() if "bad.csv" in line]
    assert len(lines) < 5, lines
    hasty.assert_still_loading()

    hasty.place.drop("bad.csv", f"{HEADER}1,2021-05-01,mended,1\n")
    until(lambda: "mended" in hasty.products(), what="the mended file")
    until(lambda: room_of(aside) == 0, what="the quarantine is empty")
    facts = hasty.place.json("status")["datasets"]["sales"]["quarantine"]
    assert (facts["files"], facts["size_bytes"], facts["warning"]) == (0, 0, None)
    hasty.assert_still_loading()


def test_a_sparse_file_costs_no_more_room_in_the_quarantine_than_in_the_landing_directory(hasty: System) -> None:
    apparent = 64 << 20
    with (hasty.place.landing / "sparse.csv").open("wb") as file:
        file.write(HEADER.encode())
        file.seek(apparent - 1)
        file.write(b"\n")
    until(lambda: versions_of(hasty, "sparse.csv"), what="it is judged")
    assert [row["state"] for row in versions_of(hasty, "sparse.csv")] == ["quarantined"]
    assert room_of(hasty.place.state / "quarantine") < 1 << 20
    hasty.assert_still_loading()
