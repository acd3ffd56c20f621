"""A batch that is committed while the next one is checked may change what is to become of its files."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flows.ingest.work import CheckedBatch, Outcome, Work
from tests.cube_rows import all_rows
from tests.property.rules import Content
from tests.property.stepped_feed import Cubes, Kind, SteppedFeed
from tests.property.test_invariant import settle_at_once  # noqa: F401  # a fixture


@pytest.fixture
def living() -> Iterator[SteppedFeed]:
    with Cubes() as cubes:
        living = SteppedFeed(cubes, Kind(unload_deleted=True))
        yield living
        living.die()
        living.close()


def test_a_copy_of_what_leaves_while_it_is_looked_at_is_checked_and_loaded_in_its_place(living: SteppedFeed) -> None:
    living.write("a.csv", Content(((1, 10),)))
    living.write("b.csv", Content(((1, 20),)))
    living.step()
    living.remove("b.csv")
    leaving = checked(living, work(living))
    living.write("c.csv", Content(((1, 20),)))
    copy = checked(living, work(living))
    assert not copy.checked.verdicts  # the same bytes are loaded: nothing has to be checked
    assert states(living.feed.append(leaving)) == {"b.csv": "unloaded"}
    assert states(living.feed.append(copy)) == {}
    again = checked(living, work(living))
    assert again.checked.verdicts
    assert states(living.feed.append(again)) == {"c.csv": "loaded"}
    assert all_rows(living.feed.cube, "t").select("Key", "Value").rows() == [(1, 20)]
    assert living.rebuilt_differently() is None


def test_an_archive_one_of_whose_members_is_a_copy_of_what_leaves_meanwhile_is_checked_as_a_whole(
    living: SteppedFeed,
) -> None:
    copied = Content(((1, 20),))
    living.write("b.csv", copied)
    living.write("other.csv", Content(((9, 90),)))
    living.step()
    living.remove("b.csv")
    leaving = checked(living, work(living))
    living.write("x.zip", Content((), members=(("copy.csv", copied), ("new.csv", Content(((2, 30),))))))
    archive = checked(living, work(living))
    assert archive.checked.verdicts.keys() == {b"x.zip", b"x.zip/new.csv"}
    assert states(living.feed.append(leaving)) == {"b.csv": "unloaded"}
    assert states(living.feed.append(archive)) == {}
    again = checked(living, work(living))
    assert states(living.feed.append(again)) == dict.fromkeys(["x.zip", "x.zip/copy.csv", "x.zip/new.csv"], "loaded")
    assert all_rows(living.feed.cube, "t").select("Key", "Value").sort("Key").rows() == [(1, 20), (2, 30), (9, 90)]
    assert living.rebuilt_differently() is None


def work(living: SteppedFeed) -> Work:
    living.feed.datasets["t"].monitor.inbox.rescan()
    found = living.feed.find_work()
    assert found is not None
    return found


def checked(living: SteppedFeed, found: Work) -> CheckedBatch:
    batch = living.feed.validate(found)
    assert isinstance(batch, CheckedBatch)
    return batch


def states(outcome: Outcome) -> dict[str, str]:
    return {file.file: file.state for file in outcome.files}
