"""Segments are made again where they are damaged or their dataset is declared otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.model.completeness import Completeness
from flows.model.dataset import Dataset
from flows.model.files import SettledFile, Signature
from flows.model.policies import SkipRows, Unload
from flows.reading import archive
from flows.reading.file_reader import FileContent, read_file
from flows.settings import Observer
from flows.store.requests import RequestBox
from flows.store.suspects import HeldFile, Suspect, write_suspects
from tests.integration.live_feed import live, sales
from tests.integration.store.lost_ledger import fill, load, segment_files, set_aside

pytestmark = pytest.mark.usefixtures("quick")


def test_a_start_loads_segments_and_reads_no_file(tmp_path: Path, observer: Observer) -> None:
    fill(tmp_path, observer)
    with live(tmp_path, observer) as living:
        living.look()
        assert living.quantities() == {1: 1, 2: 8, 9: 5}
        assert living.works == []


def test_a_changed_rule_judges_what_is_loaded_and_says_so(
    tmp_path: Path, observer: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path, observer)
    with live(tmp_path, observer, completeness=Completeness(rows=(1, 1))) as living:
        assert living.quantities() == {1: 1, 2: 8, 9: 5}
        stale = {row.file for row in living.files() if row.stale}
        assert stale == {"a.csv"}
    assert "1 file stale: in the cube, though the declaration would refuse what was loaded: a.csv" in caplog.text
    assert "3 versions shown as declared now" in caplog.text


def test_files_refused_before_are_judged_anew_when_the_declaration_changes(tmp_path: Path, observer: Observer) -> None:
    with live(tmp_path, observer) as living:
        living.put("a.csv", sales(1, -2))
        living.wait_until(lambda: living.state_of("a.csv") == "quarantined")
    with live(tmp_path, observer, bad_rows=SkipRows(up_to=0.5)) as living:
        living.wait_for({1: 1})


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

    monkeypatch.setattr(archive, "read_file", note)
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


def test_a_stale_file_that_is_deleted_while_down_leaves_though_the_declaration_changed(tmp_path: Path) -> None:
    with live(tmp_path, "native", when_deleted=Unload()) as living:
        load(living, "a.csv", 1)
        load(living, "b.csv", 2, start=2)
        living.put("a.csv", sales(-1))
        living.wait_until(lambda: living.state_of("a.csv") == "quarantined")
    (tmp_path / "landing" / "a.csv").unlink()
    with live(tmp_path, "native", when_deleted=Unload(), revision=1) as living:
        living.wait_for({2: 2})
