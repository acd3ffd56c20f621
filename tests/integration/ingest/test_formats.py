"""Files of every format but CSV, from landing to the cube, the findings and the quarantine."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from cubefeed import Excel, JsonLines, Parquet, SkipRows

from flows.model.formats import Format
from flows.settings import Observer
from flows.store.state_directory import StateDirectory
from tests.integration.live_feed import live

type Row = tuple[int, int | None]
"""An ID and a quantity."""

DAY = date(2021, 5, 1)


@dataclass(frozen=True)
class Case:
    """One format.

    Args:
        format: as a dataset declares it.
        ending: of its files' names.
        write: a file of sales.
        line: of the second row.
        kept: what the quarantine keeps of the second row, whose quantity is -5.
    """

    format: Format
    ending: str
    write: Callable[[Sequence[Row]], bytes]
    line: int
    kept: dict[str, object]


def write_parquet(rows: Sequence[Row]) -> bytes:
    to = io.BytesIO()
    frame(rows).write_parquet(to)
    return to.getvalue()


def write_json_lines(rows: Sequence[Row]) -> bytes:
    to = io.BytesIO()
    frame(rows).write_ndjson(to)
    return to.getvalue()


def write_workbook(rows: Sequence[Row]) -> bytes:
    to = io.BytesIO()
    frame(rows).write_excel(to)
    return to.getvalue()


def frame(rows: Sequence[Row]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "ID": [number for number, _ in rows],
            "Date": [DAY] * len(rows),
            "Product": ["phone"] * len(rows),
            "Quantity": [quantity for _, quantity in rows],
        },
        schema_overrides={"ID": pl.Int32, "Quantity": pl.Int64},
    )


KEPT = {"ID": 2, "Date": "2021-05-01", "Product": "phone", "Quantity": -5}
CASES = [
    Case(Parquet(), "parquet", write_parquet, 2, {"_line": 2, **KEPT}),
    Case(Excel(), "xlsx", write_workbook, 3, {"_line": 3, **KEPT}),
    Case(JsonLines(), "jsonl", write_json_lines, 2, KEPT),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.ending)
def test_files_of_a_format_are_loaded_corrected_and_refused_row_by_row(
    tmp_path: Path, observer: Observer, case: Case
) -> None:
    options: dict[str, Any] = {"format": case.format, "pattern": f"*.{case.ending}", "bad_rows": SkipRows(up_to=0.5)}
    name = f"day.{case.ending}"
    with live(tmp_path, observer, **options) as living:
        living.put(name, case.write([(1, 10), (2, 20)]))
        living.wait_for({1: 10, 2: 20})
        living.put(f"~${name}", b"owner")
        living.put(name, case.write([(1, 11), (2, -5), (3, 30)]))
        living.wait_for({1: 11, 3: 30})
        row = living.file(name)
        assert row is not None and row.refused == 1 and row.version is not None
        state = StateDirectory(tmp_path / "state")
        folder = state.quarantine / "sales" / f"{row.version:08d}"
        report = json.loads((folder / "report.json").read_text())
        (finding,) = report["findings"]
        assert (finding["line"], finding["column"], finding["raw"]) == (case.line, "Quantity", "-5")
        assert json.loads((folder / "refused").read_text()) == case.kept
        assert [file.file for file in living.files()] == [name]
    with live(tmp_path, observer, **options) as living:
        living.wait_for({1: 11, 3: 30})


@pytest.mark.parametrize("case", [case for case in CASES if case.format.end != "text"], ids=lambda case: case.ending)
def test_half_a_file_waits_and_is_loaded_once_it_is_whole(tmp_path: Path, observer: Observer, case: Case) -> None:
    body, name = case.write([(1, 10)]), f"day.{case.ending}"
    with live(tmp_path, observer, format=case.format, pattern=f"*.{case.ending}") as living:
        living.put(name, body[:-5])
        living.wait_until(lambda: "its end" in str(living.waits(name)))
        assert living.files() == []
        living.put(name, body)
        living.wait_for({1: 10})
