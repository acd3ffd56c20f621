"""What a declaration will do is said beforehand, and nothing is changed by that; the start that meets it says the
same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.cli.offline import check_declarations
from flows.model.policies import Load, Skip
from flows.model.precedence import ByColumn, ByName
from tests.integration.ingest.test_changed_declarations import FLOATS, KEY, PLAIN, forget_file
from tests.integration.live_feed import declare, live, sales
from tests.integration.store.lost_ledger import load

pytestmark = pytest.mark.usefixtures("quick")

KEYLESS = "ID = dy.Int64(); Date = dy.Date(); Product = dy.String(); Quantity = dy.Int64()"


def effects(root: Path, *, columns: str, **options: Any) -> list[tuple[str, str, bool]]:
    """Of each effect the file, what becomes of it, and whether it loses something."""
    found = check_declarations(declare(root, columns=columns, **options))
    return [(each["file"], each["what"], each["loses"]) for each in found]


def test_a_declaration_that_changes_nothing_has_no_effect(tmp_path: Path) -> None:
    with live(tmp_path, "native", columns=PLAIN, precedence=ByName()) as living:
        load(living, "a.csv", 1)
    assert effects(tmp_path, columns=PLAIN, precedence=ByName()) == []


def test_files_that_it_would_refuse_are_named_with_the_first_finding(tmp_path: Path) -> None:
    with live(tmp_path, "native", columns=PLAIN) as living:
        load(living, "a.csv", -1)
        load(living, "b.csv", 2, start=2)
        (effect,) = check_declarations(declare(tmp_path, columns=KEY + "Quantity = dy.Int64(min=1)"))
        assert (effect["file"], effect["first_finding"]) == ("a.csv", "line 2, Quantity: min, got '-1'")
        assert living.status()["stale"] == 0


def test_values_without_a_place_and_columns_that_are_gone_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with live(tmp_path, "native", columns=FLOATS) as living:
        living.put("a.csv", b"ID,Date,Product,Quantity\n1,2021-05-01,phone,1.5\n2,2021-05-01,phone,2\n")
        living.wait_until(lambda: living.state_of("a.csv") == "loaded")
        load(living, "b.csv", 3, start=3)
    fewer = "ID = dy.Int64(primary_key=True); Date = dy.Date(); Quantity = dy.Int64(nullable=True)"
    stale, *hidden = effects(tmp_path, columns=fewer)
    assert stale[0] == "a.csv"
    assert hidden == [
        ("", "Product: 3 values not shown: the column is not declared any more", True),
        ("", "Quantity: 1 value not shown: no place in Int64", True),
    ]
    with live(tmp_path, "native", columns=fewer):
        pass
    assert all(what in caplog.text for _, what, _ in hidden), "the start says the same"


@pytest.mark.parametrize("columns", [PLAIN, KEY + "Quantity = dy.Int64(); Note = dy.String(nullable=True)"])
def test_rows_that_another_precedence_chooses_are_counted(
    tmp_path: Path, columns: str, caplog: pytest.LogCaptureFixture
) -> None:
    with live(tmp_path, "native", columns=PLAIN) as living:
        load(living, "snap_10.csv", 10, 10)
        load(living, "snap_9.csv", 9, start=2)
        assert living.quantities() == {1: 10, 2: 9}
    (effect,) = effects(tmp_path, columns=columns, precedence=ByName())
    assert effect[1:] == (
        "precedence is ByName(), and was ByArrival(): 1 row of the cube is another (by day 2021-05-01: 1); "
        "the first keys: 2",
        True,
    )
    (other,) = effects(tmp_path, columns=columns, precedence=ByColumn("Quantity"))
    assert "precedence is ByColumn(column='Quantity'), and was ByArrival(): 1 row of the cube is another" in other[1]
    with live(tmp_path, "native", columns=columns, precedence=ByName()) as living:
        assert living.quantities() == {1: 10, 2: 10}
    assert effect[1] in caplog.text, "the start says the same"


def test_equal_files_that_begin_or_cease_to_count_are_said(tmp_path: Path) -> None:
    with live(tmp_path, "native", columns=KEYLESS, duplicates=Skip()) as living:
        load(living, "a.csv", 1)
        living.put("copy.csv", sales(1))
        living.wait_for_state("copy.csv", "duplicate")
    (more,) = effects(tmp_path, columns=KEYLESS, duplicates=Load())
    assert more == ("", "duplicates has changed: 1 equal file with 1 row count too now: their files are read again: "
                    "copy.csv", False)  # fmt: skip
    with live(tmp_path, "native", columns=KEYLESS, duplicates=Load()) as living:
        living.wait_for({"phone": 2}, by="Product")
    ((_, what, loses),) = effects(tmp_path, columns=KEYLESS, duplicates=Skip())
    assert "are duplicates now, and their rows leave the cube: copy.csv" in what and loses


def test_paths_that_another_pattern_gives_other_values_are_named(tmp_path: Path) -> None:
    columns = f"{KEYLESS}; Region = dy.String()"
    with live(tmp_path, "native", columns=columns, from_path=r"(?P<Region>.).*") as living:
        load(living, "north.csv", 1)
        load(living, "south.csv", 2, start=2)
        forget_file(living, "south.csv")
    before, now = '{"Region": "n"}', '{"Region": "north"}'
    found = effects(tmp_path, columns=columns, from_path=r"(?P<Region>[^.]+).*")
    assert found[0] == ("north.csv", f"from_path gives {now}, and gave {before}: it is read again", False)
    assert found[1][0] == "south.csv" and "its file is gone" in found[1][1]
