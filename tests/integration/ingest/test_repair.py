"""Segments are made again where they are damaged or their dataset is declared otherwise."""

from __future__ import annotations

from pathlib import Path

import dataframely as dy
import polars as pl
import pytest

from flows.datasets.sales import SALES
from flows.ingest import verification as closing_day
from flows.ingest.compaction import compact
from flows.ingest.repair import SegmentRepair
from flows.landing.mount_thread import MountThread
from flows.model.completeness import Completeness
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature
from flows.model.formats import Csv
from flows.model.policies import SkipRows, Unload
from flows.reading.file_reader import FileContent, read_file
from flows.settings import Observer
from flows.store.crashes import Crashes
from flows.store.ledger_file import open_ledger
from flows.store.quarantine import Quarantine
from flows.store.requests import RequestBox
from flows.store.segment_rows import read_segment
from flows.store.segments import Segments
from flows.store.state_directory import StateDirectory
from flows.store.suspects import HeldFile, Suspect, write_suspects
from flows.validation.recheck import text_of
from flows.validation.validate import validate
from tests.integration.live_feed import live, sales
from tests.integration.store.lost_ledger import fill, load, segment_files, set_aside

pytestmark = pytest.mark.usefixtures("quick")


def test_a_start_loads_segments_and_reads_no_file(tmp_path: Path, observer: Observer) -> None:
    fill(tmp_path, observer)
    with live(tmp_path, observer) as living:
        living.look()
        assert living.quantities() == {1: 1, 2: 8, 9: 5}
        assert living.works == []


def test_a_changed_rule_judges_loaded_files_anew_and_says_so(
    tmp_path: Path, observer: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path, observer)
    with live(tmp_path, observer, completeness=Completeness(rows=(1, 1))) as living:
        assert living.quantities() == {2: 8, 9: 5}
        assert living.state_of("a.csv") == "quarantined"
    assert "1 version refused now: a.csv" in caplog.text
    assert "3 versions made again from the files" in caplog.text


def test_files_refused_before_are_judged_anew_when_the_declaration_changes(tmp_path: Path, observer: Observer) -> None:
    with live(tmp_path, observer) as living:
        living.put("a.csv", sales(1, -2))
        living.wait_until(lambda: living.state_of("a.csv") == "quarantined")
    with live(tmp_path, observer, bad_rows=SkipRows(up_to=0.5)) as living:
        living.wait_for({1: 1})


def test_where_the_file_is_gone_a_changed_declaration_checks_the_segment(
    tmp_path: Path, observer: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path, observer)
    (tmp_path / "landing" / "c.csv").unlink()
    with live(tmp_path, observer, revision=1) as living:
        assert living.quantities() == {1: 1, 2: 8, 9: 5}
    assert "2 versions made again from the files, 1 checked again" in caplog.text


def test_a_damaged_segment_is_made_again_from_its_files(
    tmp_path: Path, observer: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path, observer)
    for number, file in enumerate(segment_files(tmp_path)):
        if number % 2:
            file.unlink()
        else:
            file.write_bytes(b"PAR1" + file.read_bytes()[4:-9] + b"x" * 9)
    with live(tmp_path, observer) as living:
        assert living.quantities() == {1: 1, 2: 8, 9: 5}
    assert "its checksum differs" in caplog.text
    assert "it cannot be read (No such file or directory)" in caplog.text


def test_a_damaged_segment_is_made_again_from_a_copy_of_the_file(tmp_path: Path, observer: Observer) -> None:
    with live(tmp_path, observer) as living:
        living.put("a.csv", sales(1))
        living.wait_for({1: 1})
        living.put("copy.csv", sales(1))
        living.wait_until(lambda: living.state_of("copy.csv") == "loaded")
    (tmp_path / "landing" / "a.csv").unlink()
    segment_files(tmp_path)[0].unlink()
    with live(tmp_path, observer) as living:
        living.wait_until(lambda: living.state_of("copy.csv") == "loaded")
        assert living.quantities() == {1: 1}


class Wider(dy.Schema):
    """The sales with one column more, which may be empty."""

    ID = dy.Int64(primary_key=True)
    Date = dy.Date()
    Product = dy.String()
    Quantity = dy.Int64(min=0)
    Comment = dy.String(nullable=True)


def test_a_new_column_is_empty_in_rows_of_before(tmp_path: Path, observer: Observer) -> None:
    fill(tmp_path, observer)
    (tmp_path / "landing" / "a.csv").unlink()
    wider = Dataset(schema=Wider, landing=tmp_path / "landing", name="sales")
    checked = validate(wider, text_of(wider, read_segment(segment_files(tmp_path)[0])))
    assert checked.rows["Comment"].to_list() == [None, None]


def test_a_deep_verification_reads_no_file_that_sessions_have_died_over(
    tmp_path: Path, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = {1: 1, 10: 1, 20: 1}
    with live(tmp_path, observer) as living:
        for start in expected:
            living.put(f"{start}.csv", sales(1, start=start))
        living.wait_for(expected)
        fingerprint = living.dataset_state.dataset.fingerprint
        mended = Signature(0, (tmp_path / "landing" / "10.csv").stat().st_mtime_ns, 0, 0)  # as a mender sees it
    read: list[bytes] = []

    def note(dataset: Dataset, landed: SettledFile) -> FileContent | str:
        read.append(landed.path)
        return read_file(dataset, landed)

    monkeypatch.setattr(closing_day, "read_file", note)
    died_over = [Suspect(HeldFile("sales", b"10.csv", fingerprint, mended), deaths=3, aside=True)]
    write_suspects(tmp_path / "state", died_over)
    with live(tmp_path, observer) as living:
        assert living.feed.days.verify(living.dataset_state, deep=True)["missing"] == 0
        assert living.quantities() == expected
    assert sorted(read) == [b"1.csv", b"20.csv"]


def test_a_damaged_segment_is_mended_by_verify_and_the_day_is_reported_after_it(tmp_path: Path) -> None:
    with live(tmp_path, "native") as living:
        load(living, "a.csv", 1, 2)
        load(living, "b.csv", 3, start=3)
        load(living, "c.csv", 4, start=4)
        (living.landing / "b.csv").unlink()
        living.wait_until(lambda: (file := living.file("b.csv")) is not None and not file.present)
        for file in segment_files(tmp_path)[:2]:
            file.write_bytes(file.read_bytes()[:-1] + b"x")
        requests = RequestBox(living.feed.ledger)
        asked = requests.leave("sales", "verify", {})
        found = requests.wait(asked, timeout_s=20, owner_alive=lambda: True)["verify"]
        assert (found["missing"], found["extra"]) == (0, 0)
        assert any("sales-00000001.parquet cannot be used: its checksum differs" in words for words in found["mended"])
        assert any("1 version lost" in words and "b.csv" in words for words in found["mended"])
        assert living.quantities() == {1: 1, 2: 2, 4: 4}
        for kind in ("report", "close-day"):
            assert requests.wait(requests.leave("sales", kind, {}), timeout_s=20, owner_alive=lambda: True)["report"]
        requests.close()
        living.put("b.csv", sales(3, start=3))
        living.wait_for({1: 1, 2: 2, 3: 3, 4: 4})
    assert set_aside(tmp_path) == ["sales-00000001", "sales-00000002"]


def test_what_a_changed_declaration_refuses_has_findings(tmp_path: Path) -> None:
    with live(tmp_path, "native") as living:
        living.put("a.csv", sales(1, 2) + b"3,2021-05-01,none,3\n")
        living.put("b.csv", b"ID,Date,Product,Quantity\n9,2021-05-01,none,3\n")
        living.wait_for({1: 1, 2: 2, 3: 3, 9: 3})
    with live(tmp_path, "native", format=Csv(nulls=("none",)), bad_rows=SkipRows(up_to=0.5)) as living:
        found = {row.file: (row.state, row.refused, row.findings) for row in living.files()}
        assert found == {"a.csv": ("loaded", 1, 1), "b.csv": ("quarantined", 1, 1)}
        first = living.file("b.csv")
        assert first is not None and first.first_finding is not None and first.first_finding.column == "Product"


def test_a_stale_file_that_is_deleted_while_down_leaves_though_the_declaration_changed(tmp_path: Path) -> None:
    with live(tmp_path, "native", when_deleted=Unload()) as living:
        load(living, "a.csv", 1)
        load(living, "b.csv", 2, start=2)
        living.put("a.csv", sales(-1))
        living.wait_until(lambda: living.state_of("a.csv") == "quarantined")
    (tmp_path / "landing" / "a.csv").unlink()
    with live(tmp_path, "native", when_deleted=Unload(), revision=1) as living:
        living.wait_for({2: 2})


class Fragile(dy.Schema):
    """The sales, with a rule that cannot be asked of every row."""

    ID = dy.Int64(primary_key=True)
    Date = dy.Date()
    Product = dy.String()
    Quantity = dy.Int64(min=0)

    @dy.rule()
    def at_most_one(cls) -> pl.Expr:  # noqa: N805 - dataframely passes the schema
        return (1 - pl.col("Quantity")).cast(pl.UInt8) >= 0


def test_a_declaration_that_raises_on_loaded_rows_leaves_all_that_was_loaded(tmp_path: Path) -> None:
    with live(tmp_path, "native") as living:
        load(living, "a.csv", 1)
        load(living, "b.csv", 2, start=2)
        for name in ("a.csv", "b.csv"):
            (living.landing / name).unlink()
        living.wait_until(lambda: not any(row.present for row in living.files()))
    state = StateDirectory(tmp_path / "state")
    fragile = Dataset(schema=Fragile, landing=tmp_path / "landing", name="sales")
    mount = MountThread("landing")
    ledger = open_ledger(state.ledger)
    segments = Segments(state.segments)
    with pytest.raises(pl.exceptions.PolarsError, match="conversion from"):
        SegmentRepair(ledger, segments, Quarantine(state.quarantine), Crashes()).repair(fragile, mount)
    mount.stop()
    assert all(segments.damaged(facts) is None for facts in ledger.segments("sales").values())
    assert {facts.fingerprint for facts in ledger.segments("sales").values()} == {
        SALES.fingerprint,
        fragile.fingerprint,
    }
    compact(fragile, ledger, segments)
    ledger.close()
    with live(tmp_path, "native") as living:
        assert living.quantities() == {1: 1, 2: 2}
