"""Files that get other names, and names that get other files, with either observer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flows.model.completeness import Completeness
from flows.model.merge import ChangeSet
from flows.model.policies import Unload
from tests.integration.live_feed import LiveFeed, Start, pause, sales


def test_a_rename_from_a_temporary_name_inside_loads_once(start: Start) -> None:
    living = start(pattern="*")
    part = living.put("a.csv.part", sales(1))
    pause(0.2)
    with part.open("ab") as opened:
        opened.write(b"2,2021-05-01,phone,2\n")
    part.rename(living.landing / "a.csv")
    living.wait_for({1: 1, 2: 2})
    assert [row.file for row in living.files()] == ["a.csv"]
    assert living.outcome_states("a.csv") == ["loaded"]


def test_a_rename_from_outside_loads_once(start: Start, tmp_path: Path) -> None:
    living = start()
    (tmp_path / "a.csv").write_bytes(sales(1, 2))
    (tmp_path / "a.csv").rename(living.landing / "a.csv")
    living.wait_for({1: 1, 2: 2})
    assert living.outcome_states("a.csv") == ["loaded"]


def test_a_rename_over_another_file_brings_its_version_and_takes_its_place(start: Start) -> None:
    living = start()
    for name, body in {"p.csv": sales(10, 11), "r.csv": sales(50), "q.csv": sales(99)}.items():
        living.put(name, body)
        living.wait_for_state(name, "loaded")
    assert living.quantities() == {1: 99, 2: 11}
    moved = living.file("q.csv")
    os.replace(living.landing / "q.csv", living.landing / "p.csv")
    living.wait_for({1: 50})  # r.csv arrived after p.csv
    living.wait_until(lambda: living.state_of("q.csv") is None)
    now = living.file("p.csv")
    assert moved is not None and now is not None
    assert (now.version, now.state, now.current) == (moved.version, "loaded", True)


def test_a_rename_to_a_new_name_loads_nothing_again(start: Start) -> None:
    living = start(when_deleted=Unload())
    file = living.put("a.csv", sales(1, 2))
    living.put("other.csv", sales(9, start=9))
    living.wait_for({1: 1, 2: 2, 9: 9})
    before = living.file("a.csv")
    file.rename(living.landing / "b.csv")
    living.wait_until(lambda: living.state_of("a.csv") is None and living.state_of("b.csv") == "loaded")
    after = living.file("b.csv")
    assert before is not None and after is not None and after.version == before.version
    assert living.quantities() == {1: 1, 2: 2, 9: 9}


def every_state(living: LiveFeed, monkeypatch: pytest.MonkeyPatch) -> list[dict[int, int]]:
    """What the cube shows after each change from now on."""
    states: list[dict[int, int]] = []
    apply = living.feed.cube.apply

    def recorded(change: ChangeSet) -> int:
        rows = apply(change)
        states.append(living.quantities())
        return rows

    monkeypatch.setattr(living.feed.cube, "apply", recorded)
    return states


@pytest.mark.parametrize("how", ["rename", "copy", "into a directory"])
def test_a_renamed_file_s_rows_never_leave_the_cube_however_long_the_new_name_settles(
    start: Start, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    living = start(when_deleted=Unload(), settle_s=0.7, recursive=True)
    file = living.put("a.csv", sales(1, 2))
    living.put("other.csv", sales(9, start=9))
    living.wait_for({1: 1, 2: 2, 9: 9})
    states = every_state(living, monkeypatch)
    target = living.landing / ("new/b.csv" if how == "into a directory" else "b.csv")
    target.parent.mkdir(exist_ok=True)
    if how == "copy":
        target.write_bytes(file.read_bytes())
        file.unlink()
    else:
        file.rename(target)
    name = os.path.relpath(target, living.landing)
    living.wait_until(lambda: living.state_of("a.csv") is None and living.state_of(name) == "loaded")
    assert living.quantities() == {1: 1, 2: 2, 9: 9}
    assert all(state == {1: 1, 2: 2, 9: 9} for state in states)


def test_a_renamed_file_s_rows_stay_while_its_new_name_waits_for_its_marker(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    living = start(when_deleted=Unload(), completeness=Completeness(marker=".done"))
    for name, first in {"a.csv": 1, "other.csv": 9}.items():
        living.put(name, sales(first, start=first))
        living.put(f"{name}.done", b"")
    living.wait_for({1: 1, 9: 9})
    states = every_state(living, monkeypatch)
    (living.landing / "a.csv").rename(living.landing / "b.csv")
    living.wait_until(lambda: living.waits("b.csv") == "its marker b.csv.done")
    for _ in range(5):
        pause(0.1)
        living.inbox.rescan()
    living.put("b.csv.done", b"")
    living.wait_until(lambda: living.state_of("a.csv") is None and living.state_of("b.csv") == "loaded")
    assert all(state == {1: 1, 9: 9} for state in states)


def test_a_renamed_file_that_never_gets_its_marker_is_gone_in_the_end(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.landing.missing_files.HEIR_S", 0.5)
    living = start(when_deleted=Unload(), completeness=Completeness(marker=".done"))
    for name, first in {"a.csv": 1, "other.csv": 9}.items():
        living.put(name, sales(first, start=first))
        living.put(f"{name}.done", b"")
    living.wait_for({1: 1, 9: 9})
    (living.landing / "a.csv").rename(living.landing / "b.csv")
    living.wait_for({9: 9})


def test_a_new_file_over_an_existing_name_is_a_correction(start: Start, tmp_path: Path) -> None:
    living = start()
    living.put("a.csv", sales(1, 2))
    living.wait_for({1: 1, 2: 2})
    (tmp_path / "new.csv").write_bytes(sales(5))
    os.replace(tmp_path / "new.csv", living.landing / "a.csv")
    living.wait_for({1: 5})


def test_a_hard_link_loads_and_a_second_one_shares_its_rows(start: Start, tmp_path: Path) -> None:
    living = start()
    (tmp_path / "a.csv").write_bytes(sales(1))
    os.link(tmp_path / "a.csv", living.landing / "a.csv")
    living.wait_for({1: 1})
    os.link(tmp_path / "a.csv", living.landing / "b.csv")
    living.wait_for_state("b.csv", "loaded")
    assert living.quantities() == {1: 1}
