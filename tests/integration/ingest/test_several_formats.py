"""Files of several formats in one dataset, told apart by their names."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from cubefeed import Csv, Excel, JsonLines, SkipRows, Zip

from flows.ingest.offline_check import check_located, locate
from tests.cube_rows import all_rows
from tests.integration.ingest.test_formats import write_json_lines, write_workbook
from tests.integration.live_feed import LiveFeed, ask, live, sales

MIXED: dict[str, Any] = {
    "format": {"*.xlsx": Excel(), "*.jsonl": JsonLines(), "*.csv": Csv(), "*.txt": Csv()},
    "pattern": "",
    "bad_rows": SkipRows(up_to=0.5),
}


def rows_of(living: LiveFeed) -> list[tuple[object, ...]]:
    return sorted(row[:-2] for row in all_rows(living.feed.cube, "sales").iter_rows())


def test_files_of_several_formats_that_land_together_are_one_table(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    landing.mkdir()
    for place in range(3):  # so that in their order formats take turns
        (landing / f"{place}.csv").write_bytes(sales(1, 2, start=100 * place))
        (landing / f"{place}.xlsx").write_bytes(write_workbook([(100 * place + 10, 3), (100 * place + 11, -5)]))
        (landing / f"{place}.jsonl").write_bytes(write_json_lines([(100 * place + 20, 4)]))
        (landing / f"{place}.txt").write_bytes(sales(5, start=100 * place + 30))
    good = {base + number: quantity for base in (0, 100, 200) for number, quantity in
            ((0, 1), (1, 2), (10, 3), (20, 4), (30, 5))}  # fmt: skip
    with live(tmp_path, "native", **MIXED) as living:
        living.wait_for(good)
        for place in range(3):
            workbook = living.file(f"{place}.xlsx")
            assert workbook is not None and (workbook.rows, workbook.refused) == (1, 1)
        living.put("1.xlsx", write_workbook([(110, 33)]))
        living.wait_for(good | {110: 33})
        before = rows_of(living)
    with live(tmp_path, "native", **MIXED) as living:
        assert rows_of(living) == before
        assert ask(living, "verify", deep=True)["verify"]["missing"] == 0


def test_the_later_file_covers_the_earlier_one_whatever_their_formats(tmp_path: Path) -> None:
    with live(tmp_path, "native", **MIXED) as living:
        living.put("a.csv", sales(1))
        living.wait_for({1: 1})
        living.put("b.xlsx", write_workbook([(1, 2)]))
        living.wait_for({1: 2})
        living.put("c.csv", sales(3))
        living.wait_for({1: 3})


def test_a_format_that_is_added_takes_no_row_away_and_has_no_file_read_again(tmp_path: Path) -> None:
    with live(tmp_path, "native") as living:
        living.put("june.csv", sales(1, 2))
        living.put("july.xlsx", write_workbook([(3, 30)]))
        living.wait_for({1: 1, 2: 2})
    with live(tmp_path, "native", **MIXED) as living:
        living.wait_for({1: 1, 2: 2, 3: 30})
        assert [landed.path for work in living.works for landed in work.landed] == [b"july.xlsx"]


@pytest.mark.parametrize("name", ["half.xlsx", "half.csv"])
def test_a_file_waits_for_the_end_of_its_own_format(tmp_path: Path, name: str) -> None:
    body = write_workbook([(1, 10)]) if name.endswith("xlsx") else sales(10)
    with live(tmp_path, "native", **MIXED) as living:
        living.put(name, body[:-5] if name.endswith("xlsx") else body[:-1])
        living.wait_until(lambda: "to end" in str(living.waits(name)) or "its end" in str(living.waits(name)))
        living.put(name, body)
        living.wait_for({1: 10})


def test_a_check_without_a_session_says_the_same(tmp_path: Path) -> None:
    with live(tmp_path, "native", **MIXED) as living:
        dataset = living.dataset_state.dataset
    (dataset.directory / "a.xlsx").write_bytes(sales(1))
    (dataset.directory / "b.csv").write_bytes(sales(1))
    (dataset.directory / "c.parquet").write_bytes(b"PAR1")
    verdicts = {file.path: verdict for file, verdict in check_located(dataset, locate(dataset, [dataset.directory]))}
    assert {path: verdict.accepted for path, verdict in verdicts.items()} == {"a.xlsx": False, "b.csv": True}
    assert "workbook" in str(verdicts["a.xlsx"].reason)


def test_members_of_an_archive_are_of_several_formats_too(tmp_path: Path) -> None:
    with live(tmp_path, "native", **MIXED | {"archives": Zip()}) as living:
        to = io.BytesIO()
        with zipfile.ZipFile(to, "w") as packed:
            packed.writestr("a.csv", sales(1))
            packed.writestr("b.xlsx", write_workbook([(2, 20)]))
        living.put("export.zip", to.getvalue())
        living.wait_for({1: 1, 2: 20})
