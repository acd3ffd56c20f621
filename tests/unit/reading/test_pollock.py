"""The polluted files of Pollock: of a file that is taken, each row is one of the file that they were made from.

Source: G. Vitagliano et al., Pollock: A Data Loading Benchmark, VLDB 2023. `POLLOCK` names a checkout of its
repository, https://github.com/HPI-Information-Systems/Pollock, with `git lfs checkout` where its files are pointers.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import batched
from pathlib import Path

import dataframely as dy
import pytest
from cubefeed import Csv, Dataset, Numbers, SkipRows

from tests.unit.reading.checked_bodies import check_bodies

type Row = tuple[object, ...]

LEAST_TAKEN = {"row by row": 2_200, "whole": 5}
SECOND_TABLE = {"file_multitable_same.csv"}
"""Below the source's rows it has a table of the same columns with rows of its own: its header is the finding."""
TOGETHER = 250


class Order(dy.Schema):
    DATE = dy.Date()
    TIME = dy.String()
    Qty = dy.Int64()
    PRODUCTID = dy.String()
    Price = dy.Decimal(8, 2)
    ProductType = dy.String()
    ProductDescription = dy.String()
    URL = dy.String()
    Comments = dy.String(nullable=True)


ORDERS = Dataset(schema=Order, landing="landing", format=Csv(date_format="%d/%m/%Y", numbers=Numbers(currency=("$",))))


@pytest.fixture(scope="module")
def polluted() -> dict[str, bytes]:
    """Name → the bytes of each polluted file."""
    named = os.environ.get("POLLOCK")
    if named is None:
        pytest.skip("POLLOCK names no checkout of https://github.com/HPI-Information-Systems/Pollock")
    directory = Path(named, "polluted_files", "csv")
    if not directory.is_dir():
        pytest.skip(f"there is no {directory}: POLLOCK has to name a checkout of the repository")
    bodies = {file.name: file.read_bytes() for file in sorted(directory.glob("*.csv"))}
    if any(body.startswith(b"version https://git-lfs") for body in bodies.values()):
        pytest.skip(f"the files in {directory} are pointers: type git lfs checkout there")
    return bodies


@pytest.mark.deep
@pytest.mark.parametrize("taken", LEAST_TAKEN)
def test_no_polluted_file_brings_a_row_that_its_source_has_not(polluted: Mapping[str, bytes], taken: str) -> None:
    dataset = replace(ORDERS, bad_rows=SkipRows(up_to=1.0)) if taken == "row by row" else ORDERS
    truth, accepted, corrupted = set(_true_rows(polluted["source.csv"].decode())), 0, dict[str, Row]()
    for names in batched(polluted, TOGETHER, strict=False):
        rows, verdicts = check_bodies(dataset, {name: polluted[name] for name in names})
        accepted += sum(verdict.accepted for verdict in verdicts.values())
        for file, *row in rows.select("_file", *Order.columns()).iter_rows():
            if tuple(row) not in truth:
                corrupted.setdefault(names[file], tuple(row))
    print(f"{len(polluted):,} files, {accepted:,} taken, {len(corrupted)} with rows that the source has not")
    assert len(polluted) > 2_000 and accepted >= LEAST_TAKEN[taken]
    assert set(corrupted) <= (SECOND_TABLE if taken == "row by row" else set()), corrupted


def _true_rows(text: str) -> Sequence[Row]:
    """The rows of the source, by Python's own reader."""
    _, *rows = csv.reader(text.splitlines())
    return [
        (_day(day), time, int(quantity), product, Decimal(price.removeprefix("$")), *words, comment or None)
        for day, time, quantity, product, price, *words, comment in rows
    ]


def _day(text: str) -> date:
    day, month, year = map(int, text.split("/"))
    return date(year, month, day)
