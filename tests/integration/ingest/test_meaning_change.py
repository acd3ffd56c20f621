"""Another `precedence` or `duplicates` at the next start: the cube is another at once, and the start says how."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import polars as pl
import pytest

from flows.model.merge import ChangeSet
from flows.model.policies import Load, Skip
from flows.model.precedence import ByArrival, ByColumn, ByName, Precedence
from flows.settings import Observer
from tests.integration.live_feed import LiveFeed, live, sales

pytestmark = pytest.mark.usefixtures("quick")


class Code(str):
    """An expression that is written into a declaration as it is."""

    __slots__ = ()
    __repr__ = str.__str__


KEYLESS = Code(
    "(lambda dy: type('Loose', (dy.Schema,), dict(ID=dy.Int64(), Date=dy.Date(), Product=dy.String(), "
    "Quantity=dy.Int64())))(__import__('dataframely'))"
)


def is_whole(living: LiveFeed) -> bool:
    """Whether a rebuild, the files read again, and a restore give the same cube."""
    found = [living.feed.days.verify(living.dataset_state, deep=deep) for deep in (False, True)]
    return not any(each["missing"] or each["extra"] or each.get("restore") for each in found)


def spoil(living: LiveFeed) -> None:
    """Put a wrong row into the cube."""
    rows = pl.concat(living.feed.cube.batches("sales")).filter(pl.col("ID") == 2)
    living.feed.cube.apply(ChangeSet("sales", frozenset(), rows.with_columns(Quantity=pl.lit(77, pl.Int64))))


def said(caplog: pytest.LogCaptureFixture, words: str) -> list[str]:
    return [record.message for record in caplog.records if words in record.message]


@pytest.mark.parametrize(
    ("precedence", "quantities"),
    [
        (None, {1: 1, 2: 20, 3: 8}),
        (ByName(), {1: 1, 2: 20, 3: 8}),
        (ByColumn("Date"), {1: 5, 2: 20, 3: 7}),
    ],
    ids=["arrival", "name", "column"],
)
def test_the_cube_of_each_precedence_follows_from_the_segments_and_from_the_files(
    tmp_path: Path, observer: Observer, precedence: Precedence | None, quantities: dict[int, int]
) -> None:
    with live(tmp_path, observer, precedence=precedence) as living:
        living.put("day_10.csv", sales(1, 50, 8, day="2021-05-01"))
        living.look()
        living.put("day_9.csv", sales(5, start=1, day="2021-05-02") + b"3,2021-05-02,phone,7\n")
        living.look()
        living.put("copy_of_day_10.csv", sales(1, 50, 8, day="2021-05-01"))
        living.put("zero_1.csv", sales(20, start=2, day="2021-05-03"))
        living.look()
        living.wait_for(quantities)
        assert is_whole(living)
    with live(tmp_path, observer, precedence=precedence) as living:
        assert living.quantities() == quantities
        assert is_whole(living)
        spoil(living)
        found = [living.feed.days.verify(living.dataset_state, deep=deep) for deep in (False, True)]
        assert [(each["missing"], each["extra"]) for each in found] == [(1, 1), (1, 1)]


def test_a_key_that_repeats_in_a_file_is_one_row_whatever_the_precedence_becomes(
    tmp_path: Path, observer: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    with live(tmp_path, observer, precedence=ByColumn("Date")) as living:
        living.put("a.csv", sales(1, day="2021-05-03") + b"1,2021-05-01,phone,2\n1,2021-05-03,watch,3\n")
        living.put("b.csv", sales(9, 9, day="2021-05-02"))
        living.wait_for({1: 3, 2: 9})
        assert is_whole(living)
        living.put("b.csv", sales(9, 8, day="2021-05-03"))
        living.wait_for({1: 9, 2: 8})
        living.put("b.csv", sales(9, 8, day="2021-05-02"))
        living.wait_for({1: 3, 2: 8})
        assert is_whole(living)
    with live(tmp_path, observer, precedence=ByName()) as living:
        assert living.quantities() == {1: 9, 2: 8}
        living.put("b.csv", sales(8, start=2))
        living.wait_for({1: 3, 2: 8})
        assert is_whole(living)
    assert len(said(caplog, "precedence is ByName(), and was ByColumn(column='Date')")) == 1


def test_another_precedence_changes_the_cube_at_the_next_start_which_says_how(
    tmp_path: Path, observer: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    with live(tmp_path, observer) as living:
        living.put("snap_10.csv", sales(10, 10, day="2021-05-01"))
        living.wait_for({1: 10, 2: 10})
        living.put("snap_9.csv", sales(9, start=2, day="2021-05-02"))
        living.wait_for({1: 10, 2: 9})
    with live(tmp_path, observer, precedence=ByName()) as living:
        assert living.quantities() == {1: 10, 2: 10}
        assert not living.works and is_whole(living), "no file is read again for it"
    (words,) = said(caplog, "precedence is")
    assert "1 row of the cube is another (by day 2021-05-01: 1); the first keys: 2" in words
    caplog.clear()
    with live(tmp_path, observer, precedence=ByName()) as living:
        assert living.quantities() == {1: 10, 2: 10}
    assert not said(caplog, "precedence is"), "once"
    with live(tmp_path, observer, precedence=ByArrival()) as living:
        assert living.quantities() == {1: 10, 2: 9}, "taken back, the cube is what it was"


def test_equal_files_count_or_count_no_more_from_the_next_start_on(
    tmp_path: Path, observer: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    def keyless(duplicates: Skip | Load) -> AbstractContextManager[LiveFeed]:
        return live(tmp_path, observer, schema=KEYLESS, duplicates=duplicates)

    with keyless(Skip()) as living:
        for name in "abc":
            living.put(f"{name}.csv", sales(5))
            living.look()
        assert living.quantities("Product") == {"phone": 5}
        (tmp_path / "landing" / "c.csv").unlink()
        living.wait_until(lambda: "gone" in living.outcome_states("c.csv"))
    with keyless(Load()) as living:
        living.wait_for({"phone": 10}, by="Product")
        assert is_whole(living)
    assert "b.csv" in said(caplog, "count too now")[0] and "c.csv" in said(caplog, "do not count, for")[0]
    with keyless(Skip()) as living:
        assert living.quantities("Product") == {"phone": 5}
        assert [living.state_of(f"{name}.csv") for name in "ab"] == ["loaded", "duplicate"]
        assert is_whole(living)
        (tmp_path / "landing" / "a.csv").write_bytes(sales(6))
        living.wait_for({"phone": 11}, by="Product")
    assert "b.csv" in said(caplog, "are duplicates now")[0]


def test_a_file_that_another_precedence_refused_is_judged_anew_under_one_that_takes_it(
    tmp_path: Path, observer: Observer
) -> None:
    with live(tmp_path, observer) as living:
        living.put("a.csv", sales(1) + b"1,2021-05-02,phone,2\n")
        living.wait_until(lambda: living.state_of("a.csv") == "quarantined")
    with live(tmp_path, observer, precedence=ByColumn("Date")) as living:
        living.wait_for({1: 2})
        assert is_whole(living)
