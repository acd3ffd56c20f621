"""What `cubefeed check` says of files is what a session says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.datasets import load_datasets
from flows.ingest.offline_check import check_located, locate
from flows.model.policies import SkipRows
from tests.integration.live_feed import declare, live, sales

pytestmark = pytest.mark.usefixtures("quick")

FILES = {
    "good.csv": sales(1, 2),
    "some.csv": sales(3, 4, start=10) + b"12,2021-05-01,phone,x\n",
    "most.csv": b"ID,Date,Product,Quantity\n20,2021-05-01,phone,x\n21,2021-05-01,phone\n",
    "repeated.csv": sales(5, start=30) + b"30,2021-05-01,phone,5\n",
    "header.csv": b"ID,Date,Product,Count\n40,2021-05-01,phone,1\n",
    "encoding.csv": "ID,Date,Product,Quantity\n50,2021-05-01,Größe,1\n".encode("cp1252"),
    "binary.csv": b"\x89PNG\r\n\x1a\n\x00\n",
}


def test_a_file_has_the_same_rows_and_findings_in_a_session_and_without_one(tmp_path: Path) -> None:
    with live(tmp_path, "native", bad_rows=SkipRows(0.4)) as living:
        for name, body in FILES.items():
            living.put(name, body)
        living.wait_until(lambda: len(living.files()) == len(FILES))
        found = {
            row.file: (row.state == "loaded", row.rows, row.refused, row.findings, row.first_finding)
            for row in living.files()
        }
    (dataset,) = load_datasets(declare(tmp_path, bad_rows=SkipRows(0.4)))
    assert found == {
        file.path: (
            verdict.accepted, verdict.rows, verdict.refused, verdict.findings_count, next(iter(verdict.findings), None),
        )
        for file, verdict in check_located(dataset, locate(dataset, [tmp_path / "landing"]))
    }  # fmt: skip
    assert {name for name, (accepted, *_) in found.items() if accepted} == {"good.csv", "some.csv", "repeated.csv"}
