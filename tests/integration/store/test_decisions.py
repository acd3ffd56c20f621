"""A lost ledger is made again from what its segments have decided."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from flows.ingest import compaction
from flows.model.tables import LINE, VERSION
from flows.store.carried import footer_in_place_of
from flows.store.expiry import prune
from flows.store.footer import read_footer
from flows.store.segments import number_of
from flows.store.upkeep import Replacement, replace_segments
from tests.integration.store.decided import Decided, LaidFile, lose_and_compare, restored_equal
from tests.integration.store.lost_ledger import as_former

SEEDS = 3
DEEP_SEEDS = 200


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Merge small segments early."""
    monkeypatch.setattr(compaction, "FEW", 3)


@pytest.fixture
def partly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Merge some segments and not others."""
    monkeypatch.setattr(compaction, "SMALL_ROWS", 2)
    monkeypatch.setattr(compaction, "MERGED_ROWS", 4)


@pytest.fixture
def history(tmp_path: Path) -> Iterator[Decided]:
    """Two datasets without a file: `keyed`, and `less`, in which equal files count once."""
    decided = Decided(tmp_path / "state", seed=0)
    with closing(decided):
        yield decided


def put(history: Decided, **files: tuple[int, int]) -> None:
    """Files of the dataset with keys, each with a value and a number of rows, settle together."""
    keyed = history.directories[0]
    for name, (value, rows) in files.items():
        history.clock += 10**9
        keyed.files[f"{name}.csv".encode()] = LaidFile(value, rows, True, history.clock % 10**6, history.clock)
    history.look(keyed)


def files(history: Decided) -> list[Path]:
    return sorted(history.state.segments.glob("*.parquet"), key=number_of)


def shown(history: Decided) -> dict[bytes, bytes]:
    """Path → digest, of all that is in the cube."""
    keyed = history.directories[0].dataset.name
    return {row["path"]: row["digest"] for row in history.current(keyed)}


@pytest.mark.usefixtures("partly")
@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_ledger_comes_back_row_for_row_with_a_backup_of_any_age(tmp_path: Path, seed: int) -> None:
    restored_equal(tmp_path / "state", seed, steps=40)


@pytest.mark.deep
@pytest.mark.timeout(0)
@pytest.mark.usefixtures("partly")
@pytest.mark.parametrize("seed", range(SEEDS, DEEP_SEEDS))
def test_very_many_ledgers_come_back_row_for_row(tmp_path: Path, seed: int) -> None:
    restored_equal(tmp_path / "state", seed, steps=60)


def test_a_batch_without_rows_is_in_a_segment_of_its_own(history: Decided) -> None:
    put(history, a=(1, 2))
    history.directories[0].files.clear()
    history.look(history.directories[0])
    facts = history.ledger.segments("keyed")[2]
    assert (facts.rows, facts.key_low) == (0, None)
    lose_and_compare(history)


def test_compaction_keeps_what_segments_without_rows_have_decided(history: Decided) -> None:
    for rows in (1, 0, 2, 0, 0):
        put(history, a=(rows, rows))
    history.compact_all()
    (merged,) = files(history)
    assert read_footer(merged).covers == ((0, 5),)
    lose_and_compare(history)


def test_few_segments_without_rows_stay_and_many_become_one(history: Decided) -> None:
    put(history, a=(1, 0))
    put(history, a=(2, 0))
    history.compact_all()
    assert len(files(history)) == 2
    put(history, a=(3, 0))
    history.compact_all()
    assert len(files(history)) == 1
    lose_and_compare(history)


def test_a_segment_whose_footer_is_gone_gives_way_with_all_that_the_ledger_knows(history: Decided) -> None:
    put(history, a=(1, 1), b=(2, 1))
    put(history, a=(3, 1))
    put(history, b=(4, 1))
    dead = files(history)[0]
    dead.write_bytes(b"nothing")
    history.compact_all()
    lose_and_compare(history)


def test_what_a_repair_could_not_save_is_known_of_all_files_with_these_rows(history: Decided) -> None:
    put(history, a=(1, 1), b=(2, 1))
    put(history, c=(1, 1))
    put(history, b=(3, 1))
    dataset, ledger = history.directories[0].dataset, history.ledger
    replacement = Replacement([1], None, lost={1: "its file is gone"}, damaged=True)
    footer = footer_in_place_of(ledger, history.segments, dataset, replacement, contents=[], origin="repair")
    rows = dataset.no_rows.select(*dataset.schema.columns(), VERSION, LINE)
    replacement.new = history.segments.write(ledger.next_segment(), dataset.table, rows, footer)
    replace_segments(ledger, replacement)
    files(history)[0].unlink()
    assert set(shown(history)) == {b"b.csv"}
    lose_and_compare(history)


def test_a_lost_segment_in_the_middle_is_named_and_its_files_are_read_again(history: Decided) -> None:
    put(history, a=(1, 1), b=(2, 1))
    put(history, b=(3, 1), c=(4, 1))
    put(history, d=(5, 1))
    expected = shown(history)
    files(history)[1].unlink()
    (words,) = history.lose(None).undecided
    assert words.startswith("keyed: batch 2 in no segment any more")
    assert b"c.csv" not in shown(history)
    history.look_anew()
    assert shown(history) == expected


def test_files_whose_rows_another_file_has_brought_are_named_when_those_are_lost(history: Decided) -> None:
    put(history, a=(1, 1))
    put(history, b=(1, 1), c=(2, 1))
    expected = shown(history)
    files(history)[0].unlink()
    words = history.lose(None).undecided
    assert any("keyed: batch 1 in no segment" in sentence for sentence in words)
    assert any("loaded again where they still lie: b.csv" in sentence for sentence in words)
    history.look_anew()
    assert shown(history) == expected


def test_a_lost_last_segment_is_known_from_another_dataset(history: Decided) -> None:
    put(history, a=(1, 1))
    put(history, b=(2, 1))
    less = history.directories[1]
    less.files[b"a.csv"] = LaidFile(1, 1, True, 1, history.clock)
    history.look(less)
    files(history)[1].unlink()
    (words,) = history.lose(None).undecided
    assert words.startswith("a dataset that is not known any more: batch 2")


def test_a_lost_batch_is_known_though_the_ledger_had_forgotten_the_one_before(history: Decided) -> None:
    less = history.directories[1]
    less.files[b"a.csv"] = LaidFile(1, 1, True, 1, history.clock)
    history.look(less)
    less.files.clear()
    history.look(less)
    put(history, a=(1, 1))
    prune(history.ledger)
    less.files[b"b.csv"] = LaidFile(2, 1, True, 2, history.clock)
    history.look(less)
    files(history)[1].unlink()
    (words,) = history.lose(None).undecided
    assert words.startswith("less: batch 2 in no segment any more")


def test_a_damaged_footer_is_named_and_nothing_of_it_is_believed(history: Decided) -> None:
    put(history, a=(1, 1))
    put(history, b=(2, 1))
    put(history, c=(3, 1))
    expected = shown(history)
    damaged = files(history)[1]
    whole = damaged.read_bytes()
    at = whole.index(b'"covers"')
    damaged.write_bytes(whole[:at] + b'"c0vers"' + whole[at + 8 :])
    words = " ".join(history.lose(None).undecided)
    assert f"{damaged.name} is left alone" in words
    assert "keyed: batch 2 in no segment" in words
    history.look_anew()
    assert shown(history) == expected


def test_what_a_segment_with_damaged_rows_has_decided_is_known(history: Decided) -> None:
    put(history, a=(1, 1), b=(1, 2))
    put(history, a=(2, 1))
    expected = history.rows()
    damaged = files(history)[1]
    whole = damaged.read_bytes()
    footer_bytes = int.from_bytes(whole[-8:-4], "little") + 8
    damaged.write_bytes(b"\xff" * (len(whole) - footer_bytes) + whole[-footer_bytes:])
    (words,) = history.lose(None).undecided
    assert words.startswith(f"{damaged.name} cannot be used")
    assert words.endswith("read again at the next start: a.csv")
    assert history.rows()["versions"] == expected["versions"]


@pytest.mark.parametrize("form", [1, 2])
def test_segments_of_earlier_formats_say_what_was_current(history: Decided, form: int) -> None:
    put(history, a=(1, 1), b=(2, 1))
    put(history, a=(3, 1))
    for file in files(history):
        as_former(file, form)
    put(history, c=(4, 1))
    expected = shown(history)
    (words,) = history.lose(None).undecided
    assert words.startswith("3 versions known from segments of an earlier Cubefeed")
    assert shown(history) == expected
    history.look_anew()
    assert shown(history) == expected
    history.compact_all()
    expected_rows = history.rows()
    assert history.lose(None).undecided == []
    assert history.rows() == expected_rows
