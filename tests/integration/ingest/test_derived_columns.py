"""Derived columns from the files to the answers: what cannot be computed is a finding of its row, a changed expression
takes nothing away, and live, rebuilt and restored are equal."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from flows.cli.offline import check_declarations
from flows.datasets import load_datasets
from flows.ingest.compaction import compact
from flows.model.policies import SkipRows
from flows.model.query import Query
from flows.settings import Settings
from tests.cube_rows import all_rows
from tests.integration.live_feed import LiveFeed, ask, declare, live
from tests.integration.store.lost_ledger import lose_the_ledger, restore

pytestmark = pytest.mark.usefixtures("quick")

PRICED = (
    "ID = dy.Int64(primary_key=True); Date = dy.Date(); Product = dy.String(); "
    "Price = dy.Decimal(8, 2, nullable=True); Quantity = dy.Int64()"
)
REVENUE = '"Revenue": Derived(pl.col("Price") * pl.col("Quantity"), dy.Decimal(12, 2, nullable=True))'
SIZE = '"Size": Derived(pl.when(pl.col("Revenue") >= 10).then(pl.lit("large")).otherwise(pl.lit("small")), dy.String())'
PLAIN, BOTH = f"{{{REVENUE}}}", f"{{{REVENUE}, {SIZE}}}"
WITH_TAX = '{"Revenue": Derived(pl.col("Price") * pl.col("Quantity") * 1.19, dy.Decimal(12, 2, nullable=True))}'
ROUNDED = (
    '{"Revenue": Derived((pl.col("Price") * pl.col("Quantity") * 1.19).round(2), dy.Decimal(12, 2, nullable=True))}'
)
HEADER = "ID,Date,Product,Price,Quantity\n"


def put(living: LiveFeed, name: str, *cells: tuple[str, int], start: int = 1, state: str = "loaded") -> None:
    """A file of prices and quantities, and what becomes of it."""
    rows = [f"{start + place},2021-05-01,phone,{price},{quantity}\n" for place, (price, quantity) in enumerate(cells)]
    before = len(living.outcome_states(name))
    living.put(name, (HEADER + "".join(rows)).encode())
    living.wait_until(lambda: len(living.outcome_states(name)) > before and living.state_of(name) == state)


def revenues(living: LiveFeed) -> list[str | None]:
    """The column of revenues, by the key."""
    rows = all_rows(living.feed.cube, "sales").sort("ID")
    return [None if value is None else str(value) for value in rows["Revenue"]]


def settings(root: Path, derived: str | None) -> Settings:
    return declare(root, columns=PRICED, derived=derived)


def test_they_are_measures_and_levels_like_any_other_column(tmp_path: Path) -> None:
    with live(tmp_path, "native", columns=PRICED, derived=BOTH) as living:
        put(living, "a.csv", ("1.15", 3), ("20.00", 1), ("", 5), ("2.50", -1))
        assert revenues(living) == ["3.45", "20.00", None, "-2.50"]
        answer = living.feed.cube.query(Query("sales", ("Revenue.SUM", "Revenue.COUNT"), ("Size",), totals=True))
        assert sorted(answer.rows(), key=str) == [
            ("large", Decimal("20.00"), 1, 1),
            ("small", Decimal("0.95"), 2, 1),
            (None, Decimal("20.95"), 3, 0),
        ]
        put(living, "a.csv", ("1.00", 3))
        assert revenues(living) == ["3.00"]


def test_a_value_without_a_place_refuses_the_file_and_says_of_which_numbers_it_was_made(tmp_path: Path) -> None:
    with live(tmp_path, "native", columns=PRICED, derived=WITH_TAX) as living:
        put(living, "a.csv", ("1.00", 1), ("1.15", 1), state="quarantined")
        row = living.file("a.csv")
        assert row is not None and row.first_finding is not None
        assert row.first_finding.words == "line 3, Revenue: derived, got 'Price=1.15, Quantity=1'"
        assert "decimal with at most 10 digits before the point and 2 behind it" in str(row.first_finding.expected)
    with live(tmp_path, "native", columns=PRICED, derived=WITH_TAX, bad_rows=SkipRows(1.0)) as living:
        living.wait_until(lambda: living.state_of("a.csv") == "loaded")
        assert revenues(living) == ["1.19"]
    with live(tmp_path, "native", columns=PRICED, derived=ROUNDED) as living:
        ask(living, "reload", "a.csv")
        assert revenues(living) == ["1.19", "1.37"]


def test_a_cell_that_is_wrong_itself_is_the_only_finding_of_its_row(tmp_path: Path) -> None:
    needed = PRICED.replace("(8, 2, nullable=True)", "(8, 2)")
    small = '{"Revenue": Derived(pl.col("Price") * pl.col("Quantity"), dy.Decimal(6, 2, max=100))}'
    with live(tmp_path, "native", columns=needed, derived=small) as living:
        cells = [("1.15", 3), ("", 2), ("x", 2), ("50.01", 2), ("9000.00", 2)]
        put(living, "a.csv", *cells, state="quarantined")
        row = living.file("a.csv")
        assert row is not None
        assert row.reason == "findings: decimal 1, derived 1, max 1, nullability 1"


def test_a_changed_expression_derives_history_anew_and_going_back_gives_what_was(tmp_path: Path) -> None:
    with live(tmp_path, "native", columns=PRICED) as living:
        put(living, "a.csv", ("1.15", 3), ("2.00", 50))
    with live(tmp_path, "native", columns=PRICED, derived=PLAIN) as living:
        assert revenues(living) == ["3.45", "100.00"]
        assert living.status()["stale"] == 0 and living.complaints() == []
        put(living, "b.csv", ("4.00", 1), start=3)
        before = all_rows(living.feed.cube, "sales").sort("ID")
        (living.landing / "a.csv").unlink()
    found = check_declarations(settings(tmp_path, WITH_TAX))
    assert [(each["file"], each["first_finding"]) for each in found if each["file"]] == [
        ("a.csv", "line 2, Revenue: derived, got 'Price=1.15, Quantity=3'")
    ]
    hidden = "Revenue: 1 value not shown: no place in Decimal(precision=12, scale=2)"
    assert [each["what"] for each in found if not each["file"]] == [hidden]
    with live(tmp_path, "native", columns=PRICED, derived=WITH_TAX) as living:
        assert revenues(living) == [None, "119.00", "4.76"]
        assert living.status()["stale"] == 1
        row = living.file("a.csv")
        assert row is not None and row.stale and row.reason == "as it is declared now it has findings: derived 1"
        assert ask(living, "verify", deep=True)["verify"]["missing"] == 0
    with live(tmp_path, "native", columns=PRICED, derived=PLAIN) as living:
        assert all_rows(living.feed.cube, "sales").sort("ID").equals(before)
        assert living.status()["stale"] == 0


def test_live_rebuilt_compacted_and_restored_are_equal(tmp_path: Path) -> None:
    with live(tmp_path, "native", columns=PRICED, derived=BOTH) as living:
        for place in range(3):
            put(living, f"{place}.csv", ("1.15", place + 1), ("", 2), start=1 + 2 * place)
        put(living, "0.csv", ("7.00", 7))
        before = all_rows(living.feed.cube, "sales").sort("ID")
        living.feed.rebuild()
        assert all_rows(living.feed.cube, "sales").sort("ID").equals(before)
    [dataset] = load_datasets(settings(tmp_path, BOTH))
    lose_the_ledger(tmp_path)
    restore(tmp_path, dataset.table)
    with live(tmp_path, "native", columns=PRICED, derived=BOTH) as living:
        assert all_rows(living.feed.cube, "sales").sort("ID").drop("_version").equals(before.drop("_version"))
        assert compact(living.dataset_state.dataset, living.feed.ledger, living.feed.segments).into == 1
        assert ask(living, "verify", deep=True)["verify"]["missing"] == 0
