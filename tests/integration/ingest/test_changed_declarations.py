"""A changed declaration takes no row away, and taking it back gives the cube that was."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from flows.errors import RequestFailed
from flows.model.completeness import Completeness
from flows.model.formats import Csv
from flows.store.answer_facts import answer_facts
from flows.store.ledger_file import open_ledger
from flows.store.segments import Segments
from flows.store.state_directory import StateDirectory
from tests.cube_rows import all_rows
from tests.integration.live_feed import LiveFeed, ask, live, sales
from tests.integration.store.lost_ledger import load

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quick")]

KEY = "ID = dy.Int64(primary_key=True); Date = dy.Date(); Product = dy.String(); "
PLAIN = KEY + "Quantity = dy.Int64()"
AT_LEAST_ONE = KEY + "Quantity = dy.Int64(min=1)"
COMMENTED = KEY + "Quantity = dy.Int64(); Comment = dy.String(nullable=True)"
FLOATS = KEY + "Quantity = dy.Float64()"


def rows_of(living: LiveFeed) -> list[tuple[object, ...]]:
    """The rows of the cube without the version and the line, by the key."""
    return sorted(row[:-2] for row in all_rows(living.feed.cube, "sales").iter_rows())


def forget_file(living: LiveFeed, name: str) -> None:
    (living.landing / name).unlink()
    living.wait_until(lambda: (row := living.file(name)) is not None and not row.present)


def test_a_new_nullable_column_is_null_in_files_that_lie_there_and_in_those_gone(tmp_path: Path) -> None:
    with live(tmp_path, "native", columns=PLAIN) as living:
        load(living, "a.csv", 1)
        load(living, "b.csv", 2, start=2)
        forget_file(living, "b.csv")
        before = rows_of(living)
    with live(tmp_path, "native", columns=COMMENTED) as living:
        assert rows_of(living) == [(*row, None) for row in before]
        assert living.status()["stale"] == 0
        living.look()
        assert living.works == []
        living.put("c.csv", b"ID,Date,Product,Quantity,Comment\n3,2021-05-01,phone,3,good\n")
        living.wait_for({1: 1, 2: 2, 3: 3})
        assert rows_of(living)[2][-1] == "good"
        assert ask(living, "verify", deep=True)["verify"]["missing"] == 0
    with live(tmp_path, "native", columns=PLAIN) as living:
        assert rows_of(living)[:2] == before


@pytest.mark.parametrize("gone", [False, True], ids=["there", "gone"])
def test_a_stricter_rule_takes_no_row_away_and_says_what_it_would_refuse(tmp_path: Path, gone: bool) -> None:
    with live(tmp_path, "native", columns=PLAIN) as living:
        load(living, "a.csv", -1, 5)
        load(living, "b.csv", 2, start=3)
        if gone:
            forget_file(living, "a.csv")
        before = rows_of(living)
    with live(tmp_path, "native", columns=AT_LEAST_ONE) as living:
        assert rows_of(living) == before
        row = living.file("a.csv")
        assert row is not None and row.stale and row.state == "loaded" and row.findings == 1
        assert row.reason == "as it is declared now it has findings: min 1"
        assert row.first_finding is not None
        assert row.first_finding.words == "line 2, Quantity: min, got '-1'"
        assert living.status()["stale"] == answer_facts(living.feed.ledger, "sales").stale == 1
        assert any("1 file stale by declaration" in complaint for complaint in living.complaints())
        assert ask(living, "verify", deep=True)["verify"] | {"mended": []} == {
            "rows": 3, "missing": 0, "extra": 0, "examples": [], "mended": [], "restore": []
        }  # fmt: skip
    with live(tmp_path, "native", columns=PLAIN) as living:
        assert rows_of(living) == before
        assert living.status()["stale"] == answer_facts(living.feed.ledger, "sales").stale == 0
        assert living.complaints() == []
    assert list((tmp_path / "state" / "segments" / "derived").iterdir()) == []


def test_a_corrected_file_is_no_longer_stale(tmp_path: Path) -> None:
    with live(tmp_path, "native", columns=PLAIN) as living:
        load(living, "a.csv", -1)
    with live(tmp_path, "native", columns=AT_LEAST_ONE) as living:
        assert living.status()["stale"] == 1
        living.put("a.csv", sales(4))
        living.wait_for({1: 4})
        assert living.status()["stale"] == 0


def test_a_reload_of_what_the_declaration_refuses_leaves_the_rows_of_before(tmp_path: Path) -> None:
    with live(tmp_path, "native", columns=PLAIN) as living:
        load(living, "a.csv", -1)
    with live(tmp_path, "native", columns=AT_LEAST_ONE) as living:
        with pytest.raises(RequestFailed, match="findings: min 1"):
            ask(living, "reload", "a.csv")
        assert living.quantities() == {1: -1}
        assert (living.state_of("a.csv"), living.status()["stale"]) == ("quarantined", 1)
    with live(tmp_path, "native", columns=PLAIN) as living:
        living.wait_until(lambda: living.state_of("a.csv") == "loaded")
        assert living.quantities() == {1: -1}


def test_a_narrower_type_and_back_gives_what_was_though_the_file_is_gone(tmp_path: Path) -> None:
    with live(tmp_path, "native", columns=FLOATS) as living:
        living.put("a.csv", b"ID,Date,Product,Quantity\n1,2021-05-01,phone,1.5\n2,2021-05-01,phone,2\n")
        living.wait_until(lambda: living.state_of("a.csv") == "loaded")
        forget_file(living, "a.csv")
        before = rows_of(living)
    with live(tmp_path, "native", columns=PLAIN) as living:
        assert [row[-1] for row in rows_of(living)] == [None, 2]
        row = living.file("a.csv")
        assert row is not None and row.stale and row.first_finding is not None
        assert row.first_finding.words == "line 2, Quantity: integer, got '1.5'"
    with live(tmp_path, "native", columns=FLOATS) as living:
        assert rows_of(living) == before


def test_a_wider_type_takes_the_values_as_they_are(tmp_path: Path) -> None:
    with live(tmp_path, "native", columns=KEY + "Quantity = dy.Int8()") as living:
        load(living, "a.csv", 7, -8)
    with live(tmp_path, "native", columns=FLOATS) as living:
        assert [row[-1] for row in rows_of(living)] == [7.0, -8.0]
        assert living.status()["stale"] == 0


def test_a_coarser_time_format_changes_no_value(tmp_path: Path) -> None:
    columns = "ID = dy.Int64(primary_key=True); At = dy.Datetime(); Day = dy.Date(); Quantity = dy.Int64()"
    with live(tmp_path, "native", columns=columns, expect=None) as living:
        living.put("a.csv", b"ID,At,Day,Quantity\n1,1950-01-02 10:20:59,1950-01-02,1\n")
        living.wait_until(lambda: living.state_of("a.csv") == "loaded")
        forget_file(living, "a.csv")
        before = rows_of(living)
        assert before[0][1] == datetime(1950, 1, 2, 10, 20, 59)  # noqa: DTZ001 - the files' times have no zone
    coarse = Csv(datetime_format="%d.%m.%y %H:%M", date_format="%d.%m.%y")
    with live(tmp_path, "native", columns=columns, expect=None, format=coarse) as living:
        assert rows_of(living) == before
        assert living.status()["stale"] == 0


def test_a_renamed_column_carries_its_history_over(tmp_path: Path) -> None:
    amounts = "ID = dy.Int64(primary_key=True); Date = dy.Date(); Product = dy.String(); Amount = dy.Int64()"
    with live(tmp_path, "native", columns=amounts) as living:
        living.put("a.csv", b"ID,Date,Product,Amount\n1,2021-05-01,phone,7\n")
        living.wait_until(lambda: living.state_of("a.csv") == "loaded")
    with live(tmp_path, "native", columns=PLAIN, renamed={"Amount": "Quantity"}) as living:
        assert living.quantities() == {1: 7}
        living.put("b.csv", sales(9, start=2))
        living.wait_for({1: 7, 2: 9})


def test_what_is_added_without_a_value_and_may_not_be_null_is_null_and_stale(tmp_path: Path) -> None:
    with live(tmp_path, "native", columns=PLAIN) as living:
        load(living, "a.csv", 1)
    with live(tmp_path, "native", columns=KEY + "Quantity = dy.Int64(); Shop = dy.String()") as living:
        assert [row[-1] for row in rows_of(living)] == [None]
        row = living.file("a.csv")
        assert row is not None and row.first_finding is not None
        assert row.first_finding.words == "line 2, Shop: nullability, expected a value"


def test_corrections_and_compaction_go_on_beside_what_an_earlier_declaration_wrote(tmp_path: Path) -> None:
    with live(tmp_path, "native", columns=PLAIN) as living:
        for start in range(1, 11):
            load(living, f"{start}.csv", start, start=start)
        forget_file(living, "1.csv")
    with live(tmp_path, "native", columns=FLOATS, completeness=Completeness(rows=(1, 1))) as living:
        living.put("2.csv", sales(20, start=2))
        expected = {start: start for start in range(1, 11)} | {2: 20}
        living.wait_for(expected)
        living.feed.appender.compact(living.dataset_state.dataset)
        assert living.feed.tables.rebuild(living.dataset_state.dataset) == 10
        living.wait_for(expected)
        living.put("3.csv", sales(30, start=3))
        expected |= {3: 30}
        living.wait_for(expected)
        assert ask(living, "verify")["verify"]["missing"] == 0
    with live(tmp_path, "native", columns=PLAIN) as living:
        living.wait_for(expected)


def test_what_was_derived_is_made_again_where_it_is_damaged_and_serves_where_the_segment_is(tmp_path: Path) -> None:
    with live(tmp_path, "native", columns=PLAIN) as living:
        load(living, "a.csv", 1)
        forget_file(living, "a.csv")
    with live(tmp_path, "native", columns=FLOATS):
        pass
    derived = next((tmp_path / "state" / "segments" / "derived").iterdir())
    derived.write_bytes(b"x")
    with live(tmp_path, "native", columns=FLOATS) as living:
        assert living.quantities() == {1: 1}
    next((tmp_path / "state" / "segments").glob("*.parquet")).unlink()
    with live(tmp_path, "native", columns=FLOATS) as living:
        assert living.quantities() == {1: 1}
        assert living.complaints() == []


def test_a_start_with_the_same_declaration_derives_nothing_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with live(tmp_path, "native", columns=PLAIN) as living:
        load(living, "a.csv", 1)
    for _ in range(2):
        with live(tmp_path, "native", columns=FLOATS) as living:
            assert living.quantities() == {1: 1}
    assert caplog.text.count("1 version shown as declared now") == 1


def test_a_rule_that_raises_leaves_all_that_was_loaded(tmp_path: Path) -> None:
    fragile = (
        PLAIN
        + """

    @dy.rule()
    def at_most_one(cls):
        return (1 - __import__("polars").col("Quantity")).cast(__import__("polars").UInt8) >= 0
"""
    )
    with live(tmp_path, "native", columns=PLAIN) as living:
        load(living, "a.csv", 1)
        load(living, "b.csv", 2, start=2)
    with live(tmp_path, "native", columns=fragile) as living:
        assert living.quantities() == {1: 1, 2: 2}
        stale = {row.file: row.stale for row in living.files()}
        assert stale == {"a.csv": False, "b.csv": True}


def test_what_is_derived_lies_in_no_way_of_the_originals(tmp_path: Path) -> None:
    with live(tmp_path, "native", columns=PLAIN) as living:
        load(living, "a.csv", 1)
    state = StateDirectory(tmp_path / "state")
    first = next(state.segments.glob("*.parquet")).read_bytes()
    with live(tmp_path, "native", columns=FLOATS):
        pass
    ledger, segments = open_ledger(state.ledger), Segments(state.segments)
    assert [file.name for file in segments.files()] == ["sales-00000001.parquet"]
    assert segments.files()[0].read_bytes() == first
    assert set(ledger.segments("sales")) == {1}
    ledger.close()


def test_a_changed_key_waits_until_somebody_accepts_it_and_loses_nothing(tmp_path: Path) -> None:
    by_product = "ID = dy.Int64(); Date = dy.Date(); Product = dy.String(primary_key=True); Quantity = dy.Int64()"
    with live(tmp_path, "native", columns=PLAIN) as living:
        load(living, "a.csv", 1, 2)
        load(living, "b.csv", 3, start=3)
        before = rows_of(living)
    with live(tmp_path, "native", columns=by_product) as living:
        assert living.dataset_state.degraded is not None
        assert "cubefeed rebuild --accept-keys" in living.dataset_state.degraded
        assert any("is not the one under which" in complaint for complaint in living.complaints())
    with live(tmp_path, "native", columns=PLAIN) as living:
        assert rows_of(living) == before
    with live(tmp_path, "native", columns=by_product) as living:
        assert ask(living, "rebuild", accept_keys=True)["rows"] == 1
        living.wait_until(lambda: living.dataset_state.degraded is None)
        assert living.quantities("Product") == {"phone": 3}
        row = living.file("a.csv")
        assert row is not None and row.stale and row.reason is not None and "primary_key 2" in row.reason
        assert ask(living, "verify")["verify"]["extra"] == 0
    with live(tmp_path, "native", columns=by_product) as living:
        assert living.quantities("Product") == {"phone": 3}
    with live(tmp_path, "native", columns=PLAIN) as living:
        ask(living, "rebuild", accept_keys=True)
        assert rows_of(living) == before


def test_another_type_of_a_key_column_is_another_key(tmp_path: Path) -> None:
    texts = "ID = dy.String(primary_key=True); Date = dy.Date(); Product = dy.String(); Quantity = dy.Int64()"
    with live(tmp_path, "native", columns=PLAIN) as living:
        load(living, "a.csv", 1)
    with live(tmp_path, "native", columns=texts) as living:
        assert living.dataset_state.degraded is not None
        ask(living, "rebuild", accept_keys=True)
        assert living.quantities() == {"1": 1}


def test_a_corrected_pattern_gives_what_is_loaded_its_new_values(tmp_path: Path) -> None:
    columns = "ID = dy.Int64(); Date = dy.Date(); Product = dy.String(); Quantity = dy.Int64(); Region = dy.String()"
    with live(tmp_path, "native", columns=columns, from_path=r"(?P<Region>.).*") as living:
        for name, start in (("north.csv", 1), ("south.csv", 2)):
            load(living, name, start, start=start)
        forget_file(living, "south.csv")
        assert living.quantities("Region") == {"n": 1, "s": 2}
    with live(tmp_path, "native", columns=columns, from_path=r"(?P<Region>[^.]+).*") as living:
        living.wait_for({"north": 1, "south": 2}, by="Region")
        living.put("north.1.csv", sales(1))
        living.wait_until(lambda: living.state_of("north.1.csv") == "duplicate")
        assert living.quantities("Region") == {"north": 1, "south": 2}
        assert ask(living, "verify", deep=True)["verify"]["missing"] == 0


def test_copies_that_a_corrected_pattern_tells_apart_have_rows_of_their_own(tmp_path: Path) -> None:
    columns = "ID = dy.Int64(); Date = dy.Date(); Product = dy.String(); Quantity = dy.Int64(); Region = dy.String()"
    one, other = r"(?P<Region>.).*", r"(?P<Region>[^.]+).*"
    with live(tmp_path, "native", columns=columns, from_path=one) as living:
        load(living, "north.csv", 1)
        living.put("nord.csv", sales(1))
        living.wait_until(lambda: living.state_of("nord.csv") == "duplicate")
    with live(tmp_path, "native", columns=columns, from_path=other) as living:
        living.wait_for({"north": 1, "nord": 1}, by="Region")
    with live(tmp_path, "native", columns=columns, from_path=one) as living:
        living.wait_for({"n": 1}, by="Region")


class Code(str):
    """An option as it stands in the author's file."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


STRIPPED = Code("lambda table: table.assign(Quantity=table.Quantity.str.strip())")


def test_refused_files_are_read_again_with_a_prepare_that_is_new(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with live(tmp_path, "native") as living:
        living.put("a.csv", b"ID,Date,Product,Quantity\n1,2021-05-01,phone, 5\n")
        living.wait_until(lambda: living.state_of("a.csv") == "quarantined")
    with live(tmp_path, "native", prepare=STRIPPED) as living:
        living.wait_for({1: 5})
        assert "prepare is new: files that were refused are read again" in caplog.text
    caplog.clear()
    with live(tmp_path, "native", prepare=STRIPPED) as living:
        assert living.quantities() == {1: 5} and "prepare" not in caplog.text
    with live(tmp_path, "native") as living:
        assert living.quantities() == {1: 5} and "prepare is gone" in caplog.text
