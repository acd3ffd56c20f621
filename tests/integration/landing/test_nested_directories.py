"""Directories and links in the landing directory, with either observer."""

from __future__ import annotations

import shutil
from pathlib import Path

from flows.landing.events import Hint
from flows.landing.tree import MAX_STEPS
from flows.model.policies import Unload
from tests.integration.live_feed import Start, sales


def test_nested_directories_are_searched_where_the_dataset_says_so(start: Start, tmp_path: Path) -> None:
    (tmp_path / "landing" / "old").mkdir(parents=True)
    (tmp_path / "landing" / "old" / "a.csv").write_bytes(sales(1))
    living = start(recursive=True)
    living.wait_for({1: 1})
    (living.landing / "new" / "deep").mkdir(parents=True)
    living.put("new/deep/b.csv", sales(2, start=2))
    living.wait_for({1: 1, 2: 2})
    (tmp_path / "batch" / "inner").mkdir(parents=True)
    (tmp_path / "batch" / "inner" / "c.csv").write_bytes(sales(3, start=3))
    (tmp_path / "batch").rename(living.landing / "batch")
    living.wait_for({1: 1, 2: 2, 3: 3})
    (living.landing / ".hidden").mkdir()
    living.put(".hidden/d.csv", sales(4, start=4))
    living.put("old/e.csv", sales(5, start=5))
    living.wait_for({1: 1, 2: 2, 3: 3, 5: 5})
    (living.landing / "batch").rename(living.landing / "renamed")
    living.wait_for_state("renamed/inner/c.csv", "loaded")
    assert living.state_of("batch/inner/c.csv") is None
    living.look()
    assert living.quantities() == {1: 1, 2: 2, 3: 3, 5: 5}


def test_a_nested_directory_that_is_removed_takes_its_rows_along(start: Start) -> None:
    living = start(recursive=True, when_deleted=Unload())
    (living.landing / "day").mkdir()
    living.put("day/a.csv", sales(1))
    living.put("b.csv", sales(2, start=2))
    living.wait_for({1: 1, 2: 2})
    shutil.rmtree(living.landing / "day")
    living.wait_for({2: 2})


def test_nested_directories_are_left_alone_otherwise(start: Start) -> None:
    living = start()
    (living.landing / "nested").mkdir()
    living.put("nested/a.csv", sales(1))
    (living.landing / "directory.csv").mkdir()
    living.put("b.csv", sales(2, start=2))
    living.wait_for({2: 2})
    living.look()
    assert [row.file for row in living.files()] == ["b.csv"]
    assert living.inbox.list_waiting() == {}


def test_links_are_followed_to_files_inside_only(start: Start, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_bytes(sales(666, start=6))
    living = start(recursive=True)
    store = living.landing / ".store"
    store.mkdir()
    (store / "1.csv").write_bytes(sales(1))
    (living.landing / "inside.csv").symlink_to(".store/1.csv")
    (living.landing / "out.csv").symlink_to(outside / "secret.csv")
    (living.landing / "loop").symlink_to(".")
    (living.landing / "directory").symlink_to(outside)
    (living.landing / "round.csv").symlink_to("round.csv")
    (living.landing / "nowhere.csv").symlink_to("missing.csv")
    living.wait_for({1: 1})
    living.look()
    out = "the link leads out of the landing directory; deliver the file, or a copy"
    far = f"the link leads through more than {MAX_STEPS} names; deliver the file, or link to it straight"
    assert living.status()["left_out"] == {"out.csv": out, "round.csv": far}
    assert [row.file for row in living.files()] == ["inside.csv"]
    (store / "2.csv").write_bytes(sales(2))
    (living.landing / ".new").symlink_to(".store/2.csv")
    (living.landing / ".new").rename(living.landing / "inside.csv")
    living.wait_for({1: 2})
    (living.landing / ".new").symlink_to(outside / "secret.csv")
    (living.landing / ".new").rename(living.landing / "inside.csv")
    living.wait_until(lambda: "inside.csv" in living.status()["left_out"])
    living.look()
    assert living.quantities() == {1: 2}


def test_a_nested_directory_that_becomes_a_link_is_not_followed(start: Start, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.csv").write_bytes(sales(666))
    living = start(recursive=True)
    (living.landing / "day").mkdir()
    living.put("day/a.csv", sales(1))
    living.put("b.csv", sales(2, start=2))
    living.wait_for({1: 1, 2: 2})
    shutil.rmtree(living.landing / "day")
    (living.landing / "day").symlink_to(tmp_path / "outside")
    living.inbox.check_paths({b"day/a.csv": Hint.COMPLETE})
    living.wait_until(lambda: living.outcome_states("day/a.csv")[-1:] == ["gone"])
    assert living.quantities() == {1: 1, 2: 2}
    assert living.inbox.list_waiting() == {}


def test_the_landing_directory_may_be_a_link_itself(start: Start, tmp_path: Path) -> None:
    for volume in ("one", "two"):
        (tmp_path / volume).mkdir()
    (tmp_path / "landing").symlink_to("one")
    living = start()
    living.put("a.csv", sales(1))
    living.wait_for({1: 1})
    (tmp_path / "landing").unlink()
    (tmp_path / "landing").symlink_to("two")
    living.put("b.csv", sales(2, start=2))
    living.wait_for({1: 1, 2: 2})
    living.put("c.csv", sales(3, start=3))
    living.wait_for({1: 1, 2: 2, 3: 3})
