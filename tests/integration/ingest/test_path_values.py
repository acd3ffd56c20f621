"""Columns that the path gives: a corrected pattern, paths that do not match, and two spellings of one name."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from flows.model.policies import Keep
from flows.settings import Observer
from tests.integration.live_feed import LiveFeed, ask, live

pytestmark = pytest.mark.usefixtures("quick")

FIRST_LETTER = r"(?P<Product>\w)\w*/\d+\.csv"
WHOLE_WORD = r"(?P<Product>\w+)/\d+\.csv"


def body(id: int, quantity: int) -> bytes:
    return f"ID,Date,Quantity\n{id},2021-05-01,{quantity}\n".encode()


def deliver(landing: Path, **files: bytes) -> None:
    for place, content in files.items():
        folder, number = place.rsplit("_", 1)
        (landing / folder).mkdir(exist_ok=True, parents=True)
        (landing / folder / f"{number}.csv").write_bytes(content)


def differences(living: LiveFeed) -> dict[str, object]:
    """What a cube that is made anew, or a ledger that is restored, would have otherwise, once nothing is to be done."""
    living.look()
    found = living.feed.days.verify(living.dataset_state, deep=True)
    return {name: found[name] for name in ("missing", "extra", "restore") if found[name]}


def test_a_corrected_pattern_gives_what_is_loaded_the_right_values(
    tmp_path: Path, observer: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    deliver(tmp_path / "landing", north_1=body(1, 10), south_1=body(2, 20), east_1=body(3, 30))
    with live(tmp_path, observer, recursive=True, from_path=FIRST_LETTER, when_deleted=Keep()) as living:
        living.wait_for({"n": 10, "s": 20, "e": 30}, by="Product")
        ask(living, "unload", "south/1.csv")
        (tmp_path / "landing" / "east" / "1.csv").unlink()
        living.wait_until(lambda: "gone" in living.outcome_states("east/1.csv"))
    with live(tmp_path, observer, recursive=True, from_path=WHOLE_WORD, when_deleted=Keep()) as living:
        living.wait_for({"north": 10, "east": 30}, by="Product")
        assert living.state_of("south/1.csv") == "unloaded", "what somebody took out stays out"
        assert differences(living) == {}
        deliver(tmp_path / "landing", north_2=body(4, 5))
        living.wait_for({"north": 15, "east": 30}, by="Product")
        ask(living, "load", "south/1.csv")
        living.wait_for({"north": 15, "south": 20, "east": 30}, by="Product")
    said = [record.message for record in caplog.records if "from_path gives 2 paths other values" in record.message]
    assert len(said) == 1 and "north/1.csv" in said[0] and "south/1.csv" in said[0]
    assert any("whose files are gone" in record.message and "east/1.csv" in record.message for record in caplog.records)
    caplog.clear()
    with live(tmp_path, observer, recursive=True, from_path=WHOLE_WORD) as living:
        assert living.quantities("Product") == {"north": 15, "south": 20, "east": 30}
        assert not any("other values" in record.message for record in caplog.records), "once"


def test_a_path_that_does_not_match_is_refused_with_the_pattern_and_keeps_what_it_had(
    tmp_path: Path, observer: Observer
) -> None:
    deliver(tmp_path / "landing", north_1=body(1, 10))
    with live(tmp_path, observer, recursive=True, from_path=WHOLE_WORD) as living:
        living.wait_for({"north": 10}, by="Product")
        deliver(tmp_path / "landing", **{"a/b_1": body(2, 20)})
        living.wait_for_state("a/b/1.csv", "quarantined")
        row = living.file("a/b/1.csv")
        assert row is not None and WHOLE_WORD in str(row.reason)
    with live(tmp_path, observer, recursive=True, from_path=r"(?P<Product>region=\w+)/\d+\.csv") as living:
        living.wait_for_state("north/1.csv", "quarantined")
        assert living.quantities("Product") == {"north": 10}, "its rows stay"


def test_a_group_that_matches_nothing_is_null_and_refused_where_the_column_needs_a_value(
    tmp_path: Path, observer: Observer
) -> None:
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "1.csv").write_bytes(body(1, 10))
    with live(tmp_path, observer, recursive=True, from_path=r"(?:(?P<Product>\w+)/)?\d+\.csv") as living:
        living.wait_for_state("1.csv", "quarantined")
        row = living.file("1.csv")
        assert row is not None and "nullability" in str(row.reason)
        (tmp_path / "landing" / "north").mkdir()
        (tmp_path / "landing" / "1.csv").rename(tmp_path / "landing" / "north" / "1.csv")
        living.wait_for({"north": 10}, by="Product")


def test_a_rename_gives_the_values_of_the_new_path(tmp_path: Path, observer: Observer) -> None:
    deliver(tmp_path / "landing", north_1=body(1, 10))
    (tmp_path / "landing" / "south").mkdir()
    with live(tmp_path, observer, recursive=True, from_path=WHOLE_WORD) as living:
        living.wait_for({"north": 10}, by="Product")
        (tmp_path / "landing" / "north" / "1.csv").rename(tmp_path / "landing" / "south" / "1.csv")
        living.wait_for({"south": 10}, by="Product")


def test_patterns_see_one_spelling_of_a_name_and_the_path_stays_as_it_is_on_the_disk(
    tmp_path: Path, observer: Observer
) -> None:
    composed = unicodedata.normalize("NFC", "Zürich")
    apart = unicodedata.normalize("NFD", composed)
    for folder, content in ((composed, body(1, 10)), (apart, body(2, 20))):
        deliver(tmp_path / "landing", **{f"{folder}_1": content})
    pattern = rf"(?P<Product>{composed})/\d\.csv"
    with live(tmp_path, observer, recursive=True, from_path=pattern, pattern="[0-9].csv") as living:
        living.wait_for({composed: 30}, by="Product")
        assert {os.fsencode(row.file) for row in living.files()} == {
            f"{composed}/1.csv".encode(),
            f"{apart}/1.csv".encode(),
        }
    assert {file.name for file in (tmp_path / "landing").iterdir()} == {composed, apart}


def test_equal_files_that_a_corrected_pattern_tells_apart_are_two_and_keep_their_order(
    tmp_path: Path, observer: Observer
) -> None:
    with live(tmp_path, observer, recursive=True, from_path=FIRST_LETTER) as living:
        for folder in ("north", "nord"):
            deliver(tmp_path / "landing", **{f"{folder}_1": body(1, 10)})
            living.look()
        assert living.quantities("Product") == {"n": 10}
    with live(tmp_path, observer, recursive=True, from_path=WHOLE_WORD) as living:
        living.wait_for({"nord": 10}, by="Product")
        living.look()
        assert differences(living) == {}
        ask(living, "unload", "nord/1.csv")
        assert living.quantities("Product") == {"north": 10}
        assert differences(living) == {}
    with live(tmp_path, observer, recursive=True, from_path=FIRST_LETTER) as living:
        living.wait_for({"n": 10}, by="Product")
        living.look()
        assert living.state_of("nord/1.csv") == "unloaded"
        ask(living, "load", "nord/1.csv")
        ask(living, "unload", "north/1.csv")
        assert living.quantities("Product") == {"n": 10}
        assert differences(living) == {}
