"""Segments that were written and never staged, or that are not understood."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from flows.datasets.sales import SALES
from flows.errors import StateError
from flows.ingest.compaction import compact
from flows.settings import Observer
from flows.store.decisions import Decisions
from flows.store.footer import KEY, UnknownFooter, read_footer
from tests.integration.live_feed import live
from tests.integration.store.lost_ledger import (
    as_former,
    fill,
    load,
    lose_the_ledger,
    restore,
    segment_files,
    set_aside,
    with_footer,
)

pytestmark = pytest.mark.usefixtures("quick")


def test_a_segment_that_nobody_knows_is_set_aside(tmp_path: Path, observer: Observer) -> None:
    fill(tmp_path, observer)
    orphan = tmp_path / "state" / "segments" / "sales-00000099.parquet"
    shutil.copy(segment_files(tmp_path)[0], orphan)
    with live(tmp_path, observer) as living:
        compact(SALES, living.feed.ledger, living.feed.segments)
        assert not orphan.exists()
        assert living.quantities() == {1: 1, 2: 8, 9: 5}


def test_an_orphan_that_shares_its_number_with_another_dataset_is_left_out(tmp_path: Path) -> None:
    other = replace(SALES, name="other")
    with live(tmp_path, "native") as living:
        load(living, "a.csv", 1)
        load(living, "b.csv", 2, start=2)
    first, second = segment_files(tmp_path)
    footer = replace(read_footer(second), dataset="other")
    orphan = with_footer(second, footer, target=second.with_name("other-00000002.parquet"))
    for file in (first, second, orphan):
        as_former(file, 1)
    os.utime(orphan, (1, 1))
    lose_the_ledger(tmp_path)
    found = restore(tmp_path, SALES.table, other.table)
    assert found.versions == 2
    assert any("1 segment written and never recorded" in words for words in found.undecided)
    with live(tmp_path, "native") as living:
        assert living.quantities() == {1: 1, 2: 2}
    assert set_aside(tmp_path) == ["other-00000002"]


def test_an_orphan_is_told_by_what_was_written_after_it(tmp_path: Path) -> None:
    with live(tmp_path, "native") as living:
        load(living, "a.csv", 1)
        load(living, "b.csv", 2, start=2)
    (first, second) = segment_files(tmp_path)
    footer = read_footer(second)
    (version,) = footer.decisions.versions
    other = Decisions(versions=[version._replace(id=70, batch=3)])
    later = replace(footer, batch=5, after=4)
    with_footer(second, later, target=second.with_name("sales-00000003.parquet"))  # staged after four batches
    orphan = replace(footer, batch=3, after=2, decisions=other)
    with_footer(first, orphan, target=second.with_name("sales-00000004.parquet"))
    last = replace(footer, batch=6, after=2, decisions=Decisions())
    with_footer(second, last, target=second.with_name("sales-00000005.parquet"))
    lose_the_ledger(tmp_path)
    found = restore(tmp_path)
    assert any("sales-00000003.parquet, sales-00000004.parquet" in words for words in found.undecided), found


def test_what_is_not_understood_among_the_segments_is_left_alone_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with live(tmp_path, "native") as living:
        load(living, "a.csv", 1)
    (first,) = segment_files(tmp_path)
    strange = first.with_name("sales-00000007.parquet"), first.with_name("sales-00000008.parquet")
    strange[0].write_bytes(b"no Parquet at all")
    with_footer(first, {**json.loads(pl.read_parquet_metadata(first)[KEY]), "format": 99}, target=strange[1])
    with live(tmp_path, "native") as living:
        compact(living.dataset_state.dataset, living.feed.ledger, living.feed.segments)
        load(living, "b.csv", 2, start=2)
    assert {file.name for file in segment_files(tmp_path)} == {
        *(file.name for file in (first, *strange)),
        "sales-00000009.parquet",
    }
    assert "a newer Cubefeed has written it (format 99)" in caplog.text
    lose_the_ledger(tmp_path)
    assert sum("is left alone" in words for words in restore(tmp_path).undecided) == 2


def test_a_footer_of_no_segment_is_said_to_be_none(tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(file)
    with pytest.raises(UnknownFooter, match="not written"):
        read_footer(file)
    pl.DataFrame({"a": [1]}).write_parquet(file, metadata={KEY: '{"dataset": "t"}'})
    with pytest.raises(UnknownFooter, match="cannot be understood"):
        read_footer(file)


def test_a_ledger_that_is_older_than_its_segments_is_refused_and_then_restored(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with live(tmp_path, "native") as living:
        load(living, "a.csv", 1)
    shutil.copy(state / "ledger.db", tmp_path / "old.db")
    with live(tmp_path, "native") as living:
        load(living, "b.csv", 2, start=2)
        load(living, "a.csv", 3)
        (living.landing / "b.csv").unlink()
    shutil.copy(tmp_path / "old.db", state / "ledger.db")
    before = segment_files(tmp_path)
    with pytest.raises(StateError, match=r"older than its segments.*cubefeed ledger restore"), live(tmp_path, "native"):
        pass
    assert segment_files(tmp_path) == before
    assert restore(tmp_path).backup == "ledger.db", "what it still knows is worth more than nothing"
    with live(tmp_path, "native") as living:
        living.wait_for({1: 3, 2: 2})
