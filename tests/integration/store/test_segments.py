"""How long the files of segments stay, and which numbers they have."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from flows.store.decisions import Decisions
from flows.store.footer import read_footer
from flows.store.ledger import SegmentFacts
from flows.store.segments import ASIDE_FEW, Segments
from tests.integration.live_feed import live
from tests.integration.store.lost_ledger import load, segment_files, set_aside, with_footer

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def segments(tmp_path: Path) -> Segments:
    return Segments(tmp_path / "segments")


def test_a_segment_stays_until_who_reads_it_is_done(segments: Segments) -> None:
    one, two = (SegmentFacts(id, "t", f"t-{id:08d}.parquet", "", 0, 0, "") for id in (1, 2))
    for facts in (one, two):
        segments.path(facts).touch()
    with segments.reading():
        segments.remove([one])
        with segments.reading():
            segments.remove([two])
            assert segments.path(one).exists() and segments.path(two).exists()
            assert segments.files() == []
        assert segments.path(one).exists() and segments.path(two).exists(), "the first reader began before both"
    assert not segments.path(one).exists() and not segments.path(two).exists()
    segments.path(one).touch()
    segments.remove([one])
    assert not segments.path(one).exists()


def test_what_was_set_aside_goes_when_it_is_old_and_there_is_much_newer(segments: Segments) -> None:
    for number in range(ASIDE_FEW + 3):
        file = segments.directory / f"t-{number:08d}.parquet"
        file.touch()
        moved = segments.set_aside(file)
        assert moved is not None
        if number < 5:
            old_ns = time.time_ns() - 40 * 86_400 * 10**9
            moved.rename(moved.with_name(f"t-{number:08d}.{old_ns + number}.parquet"))
    assert segments.remove_aged() == 3
    assert len(list(segments.aside.iterdir())) == ASIDE_FEW


def test_a_number_is_not_given_out_again_while_an_orphan_has_it(tmp_path: Path) -> None:
    with live(tmp_path, "native") as living:
        load(living, "a.csv", 1)
    (first,) = segment_files(tmp_path)
    footer = read_footer(first)
    (version,), (path,) = footer.decisions.versions, footer.decisions.paths
    decisions = Decisions(paths=[path._replace(id=2, arrival=2)], versions=[version._replace(id=2)])
    orphan = replace(footer, batch=2, after=1, decisions=decisions)
    with_footer(first, orphan, target=first.with_name("sales-00000002.parquet"))
    with live(tmp_path, "native") as living:
        load(living, "b.csv", 2, start=2)
        row = living.file("b.csv")
        assert row is not None and row.version == 3
    footer_of_b = read_footer(segment_files(tmp_path)[1])
    assert (footer_of_b.batch, footer_of_b.after, footer_of_b.decisions.arrivals()) == (3, 1, {3})
    assert segment_files(tmp_path)[1].name == "sales-00000003.parquet"
    assert set_aside(tmp_path) == ["sales-00000002"]
