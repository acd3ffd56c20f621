"""Files are judged wherever they lie, as a session would judge them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from flows.datasets.sales import SALES, Sales
from flows.errors import QueryError
from flows.ingest.offline_check import check_located, locate, strictly
from flows.model.archives import Zip
from flows.model.completeness import Completeness
from flows.model.dataset import Dataset
from flows.model.findings import Verdict
from flows.model.formats import Csv
from flows.model.policies import SkipRows
from tests.zip_files import zipped

GOOD = b"ID,Date,Product,Quantity\n1,2021-05-01,phone,1\n"
BAD = b"ID,Date,Product,Quantity\n1,2021-05-01,phone,1\n2,2021-05-01,phone,x\n"
DATED = r"(?P<Date>\d{4}-\d\d-\d\d)/.*"
UNDATED = b"ID,Product,Quantity\n1,phone,1\n"


def verdicts(dataset: Dataset, *named: Path) -> dict[str, Verdict]:
    return {file.path: verdict for file, verdict in check_located(dataset, locate(dataset, named))}


def put(root: Path, name: str, body: bytes) -> Path:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(body)
    return root / name


def test_each_file_is_judged_by_itself_in_the_order_in_which_it_is_named(tmp_path: Path) -> None:
    bad, good = put(tmp_path, "bad.csv", BAD), put(tmp_path / "elsewhere", "good.csv", GOOD)
    found = verdicts(SALES, bad, good)
    assert list(found) == ["bad.csv", "good.csv"]
    assert [each.accepted for each in found.values()] == [False, True]
    assert [finding.words for finding in found["bad.csv"].findings] == ["line 3, Quantity: integer, got 'x'"]
    skipping = verdicts(replace(SALES, bad_rows=SkipRows(0.5)), bad)["bad.csv"]
    assert (skipping.accepted, skipping.rows, skipping.refused) == (True, 1, 1)


def test_a_directory_stands_for_the_landing_directory(tmp_path: Path) -> None:
    dataset = Dataset(schema=Sales, landing="landing", from_path=DATED, recursive=True)
    put(tmp_path, "2021-05-01/a.csv", UNDATED)
    put(tmp_path, "2021-05-01/notes.txt", b"not ours")
    assert [each.rows for each in verdicts(dataset, tmp_path).values()] == [1]
    with pytest.raises(QueryError, match=r"\*\.csv is looked for, and in no directory in it"):
        locate(replace(dataset, recursive=False), [tmp_path])
    with pytest.raises(QueryError, match="There is no such file"):
        locate(dataset, [tmp_path / "missing.csv"])


def test_a_file_in_the_landing_directory_has_its_path_there(tmp_path: Path) -> None:
    dataset = Dataset(schema=Sales, landing=tmp_path, from_path=DATED, recursive=True)
    assert verdicts(dataset, put(tmp_path, "2021-05-01/a.csv", UNDATED))["2021-05-01/a.csv"].accepted
    assert verdicts(replace(dataset, landing="x"), tmp_path / "2021-05-01/a.csv")["a.csv"].counts == {"from_path": 1}


def test_what_a_session_would_leave_alone_or_could_not_read_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    named = [put(tmp_path, "sales.CSV", GOOD), put(tmp_path, ".a.csv", GOOD), tmp_path / "pipe.csv"]
    assert [dict(each.counts) for each in verdicts(SALES, *named).values()] == [
        {"pattern": 1}, {"pattern": 1}, {"reading": 1},
    ]  # fmt: skip


def test_sound_members_of_a_refused_archive_say_which_one_refused_it(tmp_path: Path) -> None:
    file = put(tmp_path, "may.zip", zipped({"a.csv": GOOD, "b.csv": BAD}))
    (plain,) = verdicts(SALES, file).values()
    assert (plain.findings[0].expected or "").endswith("archives=Zip() takes archives of such files")
    found = verdicts(replace(SALES, archives=Zip()), file)
    sound = found["may.zip/a.csv"]
    assert not sound.accepted and [each.words for each in sound.findings] == ["file: archive, got 'may.zip'"]
    assert "may.zip/b.csv" in (sound.findings[0].expected or "")
    assert [each.rule for each in found["may.zip/b.csv"].findings] == ["integer"]


def test_a_manifest_is_held_against_its_file(tmp_path: Path) -> None:
    dataset = replace(SALES, completeness=Completeness(manifest=".json"))
    file = put(tmp_path, "a.csv", GOOD)
    assert dict(verdicts(dataset, file)["a.csv"].counts) == {"reading": 1}, "it has none"
    put(tmp_path, "a.csv.json", b'{"rows": 2}')
    assert [finding.raw for finding in verdicts(dataset, file)["a.csv"].findings] == ["1 rows"]
    put(tmp_path, "a.csv.json", b'{"rows": 1}')
    assert verdicts(dataset, file)["a.csv"].accepted


def test_what_is_let_pass_is_a_finding_where_that_is_wanted(tmp_path: Path) -> None:
    dataset = replace(SALES, format=Csv(footer=("TOTAL.*",)))
    verdict = verdicts(dataset, put(tmp_path, "a.csv", GOOD + b"TOTAL,1\n"))["a.csv"]
    assert verdict.accepted
    strict = strictly(verdict)
    assert not strict.accepted
    assert [(finding.rule, finding.raw) for finding in strict.findings] == [("footer", "TOTAL,1")]
    assert strict.reason == "let pass: 1 footer line left out, line 3"
    plain = verdicts(SALES, put(tmp_path, "b.csv", GOOD))["b.csv"]
    assert strictly(plain) == plain
