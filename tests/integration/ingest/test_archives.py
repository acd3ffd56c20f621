"""Archives from start to start: what is known of them, made again from them, and left of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.datasets import load_datasets
from flows.ingest import archives
from flows.ingest.offline_check import check_located, locate
from flows.model.archives import Zip
from flows.model.limits import Limits
from flows.model.policies import SkipRows, Unload
from tests.integration.ingest.keyless import KEYLESS
from tests.integration.live_feed import ask, declare, live, sales
from tests.integration.store.lost_ledger import lose_the_ledger, restore, segment_files
from tests.zip_files import zipped

pytestmark = pytest.mark.usefixtures("quick")
BODY = zipped({"a.csv": sales(1), "b.csv": sales(2, start=2)})
BAD = b"ID,Date,Product,Quantity\n1,2021-05-01,phone,many\n"


def fill(tmp_path: Path) -> None:
    with live(tmp_path, "native", archives=Zip(), when_deleted=Unload()) as living:
        living.put("export.zip", BODY)
        living.put("other.csv", sales(9, start=9))
        living.wait_for({1: 1, 2: 2, 9: 9})


def test_a_start_reads_no_archive_that_is_as_it_was(tmp_path: Path) -> None:
    fill(tmp_path)
    with live(tmp_path, "native", archives=Zip(), when_deleted=Unload()) as living:
        living.look()
        assert living.quantities() == {1: 1, 2: 2, 9: 9}
        assert living.works == []
        found = ask(living, "verify", deep=True)["verify"]
        assert (found["rows"], found["missing"], found["extra"], found["restore"]) == (3, 0, 0, [])


def test_what_became_of_an_archive_meanwhile_is_seen_at_the_next_start(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "landing" / "export.zip").rename(tmp_path / "landing" / "renamed.zip")
    with live(tmp_path, "native", archives=Zip(), when_deleted=Unload()) as living:
        living.wait_until(lambda: living.state_of("renamed.zip/b.csv") == "loaded" and not living.file("export.zip"))
        (tmp_path / "landing" / "renamed.zip").unlink()
        living.wait_for({9: 9})


def test_damaged_segments_are_made_again_from_the_members(tmp_path: Path) -> None:
    fill(tmp_path)
    for file in segment_files(tmp_path):
        file.unlink()
    with live(tmp_path, "native", archives=Zip(), when_deleted=Unload()) as living:
        assert living.quantities() == {1: 1, 2: 2, 9: 9}


def test_members_that_were_lost_come_back_with_an_archive_that_has_them(tmp_path: Path) -> None:
    fill(tmp_path)
    archive = tmp_path / "landing" / "export.zip"
    archive.rename(tmp_path / "aside.zip")
    for file in segment_files(tmp_path):
        file.unlink()
    with live(tmp_path, "native", archives=Zip(), when_deleted=Unload()) as living:
        assert living.quantities() == {9: 9}
        (tmp_path / "aside.zip").rename(archive)
        living.wait_for({1: 1, 2: 2, 9: 9})


@pytest.mark.slow
def test_a_lost_ledger_is_made_again_with_archives_and_members(tmp_path: Path) -> None:
    fill(tmp_path)
    lose_the_ledger(tmp_path)
    restore(tmp_path)
    with live(tmp_path, "native", archives=Zip(), when_deleted=Unload()) as living:
        living.look()
        assert living.quantities() == {1: 1, 2: 2, 9: 9}
        assert living.works == []


def test_an_archive_refused_before_is_judged_anew_when_the_declaration_changes(tmp_path: Path) -> None:
    with live(tmp_path, "native", archives=Zip()) as living:
        living.put("export.zip", zipped({"a.csv": sales(1, -2), "b.csv": sales(3, start=3)}))
        living.wait_for_state("export.zip/b.csv", "quarantined")
    with live(tmp_path, "native", archives=Zip(), bad_rows=SkipRows(up_to=0.5)) as living:
        living.wait_for({1: 1, 3: 3})
        assert living.state_of("export.zip") == "loaded"


def test_archives_that_are_not_declared_any_more_are_gone(tmp_path: Path) -> None:
    fill(tmp_path)
    with live(tmp_path, "native", when_deleted=Unload()) as living:
        living.wait_for({9: 9})
    with live(tmp_path, "native", archives=Zip(), when_deleted=Unload()) as living:
        living.wait_for({1: 1, 2: 2, 9: 9})


def test_a_batch_has_all_of_an_archive_or_nothing_and_others_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "TOGETHER_BYTES", 1)
    with live(tmp_path, "native", archives=Zip()) as living:
        for number in range(1, 4):
            living.put(f"{number}.part", zipped({"a.csv": sales(number, start=number), "b.csv": sales(9, start=9)}))
        for number in range(1, 4):
            (living.landing / f"{number}.part").rename(living.landing / f"{number}.zip")
        living.wait_for({1: 1, 2: 2, 3: 3, 9: 9})
        loaded = [{file.file.partition("/")[0] for file in outcome.files} for outcome in living.outcomes]
        assert [len(names) for names in loaded] == [1, 1, 1]


def test_an_archive_whose_members_do_not_fit_into_memory_together_is_checked_in_parts(tmp_path: Path) -> None:
    members = {f"{number}.csv": sales(*[number] * 300, start=1 + 300 * number) for number in range(5)}
    with live(tmp_path, "native", archives=Zip(), limits=Limits(read_memory_bytes=500_000)) as living:
        living.put("export.zip", zipped(members))
        living.wait_until(lambda: len(living.quantities()) == 1500)
        assert living.outcome_states("export.zip") == ["loaded"]


def test_check_says_the_verdict_on_archives_and_each_of_their_members(tmp_path: Path) -> None:
    (dataset,) = load_datasets(declare(tmp_path, archives=Zip()))
    samples = tmp_path / "samples"
    samples.mkdir()
    (samples / "bad.zip").write_bytes(zipped({"a.csv": sales(1), "b.csv": BAD}))
    (samples / "good.zip").write_bytes(BODY)
    (samples / "none.zip").write_bytes(b"none")
    found = {
        Path(file.name).relative_to(samples).as_posix(): (verdict.accepted, verdict.rows)
        for file, verdict in check_located(dataset, locate(dataset, [samples]))
    }
    assert found == {
        "bad.zip": (False, 0),
        "bad.zip/a.csv": (False, 0),
        "bad.zip/b.csv": (False, 0),
        "good.zip": (True, 0),
        "good.zip/a.csv": (True, 1),
        "good.zip/b.csv": (True, 1),
        "none.zip": (False, 0),
    }


def test_equal_members_of_a_table_without_a_key_count_once_and_the_next_one_when_the_archive_leaves(
    tmp_path: Path,
) -> None:
    with live(tmp_path, "native", schema=KEYLESS, archives=Zip(), when_deleted=Unload()) as living:
        living.put("export.zip", zipped({"a.csv": sales(1), "b.csv": sales(1), "c.csv": sales(5, start=5)}))
        living.wait_for({"phone": 6}, by="Product")
        living.put("loose.csv", sales(1))
        living.wait_for_state("loose.csv", "duplicate")
        assert living.state_of("export.zip/b.csv") == "duplicate"
        (living.landing / "export.zip").unlink()
        living.wait_for({"phone": 1}, by="Product")
        assert living.state_of("loose.csv") == "loaded"
