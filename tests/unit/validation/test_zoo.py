"""Every hostile file has the outcome that the zoo states, alone and among good neighbours."""

from __future__ import annotations

import os
from collections.abc import Sequence

import polars as pl
import pytest

from flows.model.findings import Finding, Verdict
from flows.model.tables import FILE, LINE
from flows.reading.csv import cells
from flows.reading.csv.parse import parse
from flows.reading.port import Source
from flows.validation.validate import validate
from tests.unit.validation.zoo import ZOO, Case

each_case = pytest.mark.parametrize("case", ZOO, ids=lambda case: case.name.replace(" ", "_"))
either_way = pytest.mark.parametrize("plain", [True, False], ids=["short_way", "long_way"])


def check(case: Case, *bodies: bytes, plain: bool = True) -> tuple[pl.DataFrame, Sequence[Verdict]]:
    sources = [Source(case.file if body is case.body else "sales_2021-04-01.csv", body) for body in bodies]
    checked = validate(case.dataset, parse(case.dataset, sources, plain=plain))
    return checked.rows, checked.verdicts


def brief(finding: Finding) -> tuple[object, ...]:
    return finding.rule, finding.line, finding.column, finding.raw


def assert_outcome(case: Case, rows: pl.DataFrame, verdict: Verdict) -> None:
    assert [brief(finding) for finding in verdict.findings] == list(case.findings)
    assert rows.drop(FILE, LINE).rows() == list(case.rows)
    assert verdict.accepted is case.accepted
    assert (verdict.reason is None) is case.accepted
    assert verdict.rows == len(case.rows)
    assert verdict.collapsed == case.collapsed
    assert verdict.findings_count == len(verdict.findings)
    assert all(finding.expected for finding in verdict.findings)


def test_each_case_has_its_own_name_and_there_are_enough() -> None:
    assert len({case.name for case in ZOO}) == len(ZOO) >= 60


@either_way
@each_case
def test_a_hostile_file_alone_has_exactly_its_findings_and_rows(case: Case, plain: bool) -> None:
    rows, (verdict,) = check(case, case.body, plain=plain)
    assert_outcome(case, rows, verdict)


@pytest.mark.slow
@each_case
def test_a_hostile_file_has_the_same_outcome_where_several_threads_parse(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "_PIECE_BYTES", 1)
    monkeypatch.setattr(cells, "_BLOCK_BYTES", 64)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    rows, (verdict,) = check(case, case.body)
    assert_outcome(case, rows, verdict)


@each_case
def test_a_hostile_file_among_good_neighbours_has_the_same_outcome(case: Case) -> None:
    rows, (before, hostile, after) = check(case, case.neighbour, case.body, case.neighbour)
    assert_outcome(case, rows.filter(pl.col(FILE) == 1), hostile)
    for index, neighbour in ((0, before), (2, after)):
        assert neighbour == Verdict(rows=1)
        assert rows.filter(pl.col(FILE) == index)[LINE].to_list() == [2]
    assert rows[FILE].is_sorted()


def test_all_hostile_files_of_a_dataset_in_one_batch_leave_each_other_alone() -> None:
    by_dataset: dict[int, list[Case]] = {}
    for case in ZOO:
        by_dataset.setdefault(id(case.dataset), []).append(case)
    for cases in by_dataset.values():
        sources = [Source(case.file, case.body) for case in cases]
        checked = validate(cases[0].dataset, parse(cases[0].dataset, sources))
        for index, case in enumerate(cases):
            assert_outcome(case, checked.rows.filter(pl.col(FILE) == index), checked.verdicts[index])
