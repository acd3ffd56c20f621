"""Refused rows and files are found again, byte for byte, with their reasons."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flows.core.dataset import SkipRows
from flows.core.findings import Verdict
from flows.settings import Observer
from flows.store.quarantine import Quarantine
from tests.integration.living import Living, live

pytestmark = pytest.mark.usefixtures("quick")

BODY = (
    b"ID,Date,Product,Quantity\n"
    b"1,2021-05-01,phone,1\n"
    b"2,2021-05-01,ph\xc3\xb6ne,-2\r\n"
    b"3,2021-05-01,mouse,x\n"
    b"4,2021-05-01,mouse,4\n"
)


def kept(living: Living, root: Path, name: str) -> tuple[dict[str, object], bytes]:
    row = living.file(name)
    assert row is not None
    folder = root / "state" / "quarantine" / "sales" / f"{row.version:08d}"
    return json.loads((folder / "report.json").read_text()), (folder / "refused").read_bytes()


def test_a_refused_file_is_kept_whole(tmp_path: Path, observer: Observer) -> None:
    with live(tmp_path, observer) as living:
        living.put("a.csv", BODY)
        living.wait_until(lambda: living.state_of("a.csv") == "quarantined")
        report, refused = kept(living, tmp_path, "a.csv")
        assert refused == BODY
        assert [(f["line"], f["column"], f["rule"], f["raw"]) for f in report["findings"]] == [  # type: ignore[attr-defined]
            (3, "Quantity", "min", "-2"),
            (4, "Quantity", "integer", "x"),
        ]
        living.put("a.csv", BODY.replace(b"-2", b"2").replace(b",x\n", b",3\n"))
        living.wait_for({1: 1, 2: 2, 3: 3, 4: 4})


@pytest.mark.parametrize("pack", [lambda body: body, gzip.compress], ids=["plain", "gzip"])
def test_refused_rows_are_kept_with_their_header_and_the_others_are_loaded(
    tmp_path: Path, observer: Observer, pack: object
) -> None:
    with live(tmp_path, observer, bad_rows=SkipRows(up_to=0.5)) as living:
        living.put("a.csv", pack(BODY))  # type: ignore[operator]
        living.wait_for({1: 1, 4: 4})
        report, refused = kept(living, tmp_path, "a.csv")
        lines = BODY.splitlines(keepends=True)
        assert refused == lines[0] + lines[2] + lines[3]
        assert (report["rows"], report["refused"], report["counts"]) == (2, 2, {"min": 1, "integer": 1})
        row = living.file("a.csv")
        assert row is not None and (row.state, row.rows, row.refused) == ("loaded", 2, 2)


def test_too_many_bad_rows_refuse_the_file_and_name_the_share(tmp_path: Path, observer: Observer) -> None:
    with live(tmp_path, observer, bad_rows=SkipRows(up_to=0.4)) as living:
        living.put("a.csv", BODY)
        living.wait_until(lambda: living.state_of("a.csv") == "quarantined")
        row = living.file("a.csv")
        assert row is not None and row.reason is not None and "50" in row.reason
        assert living.quantities() == {}


KILLED = """
import os, signal, sys
from pathlib import Path
from flows.core.findings import Finding, Verdict
from flows.store.quarantine import Quarantine
rename, renames = Path.rename, 0
def rename_and_die(self, target):
    global renames
    done = rename(self, target)
    renames += 1
    if renames == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return done
Path.rename = rename_and_die
Quarantine(Path(sys.argv[1])).write("sales", 1, b"a.csv", Verdict(accepted=False, reason="second"), b"second")
"""


@pytest.mark.parametrize("at", [1, 2], ids=["the one before is put aside", "the new one is there"])
def test_a_kill_while_a_report_is_replaced_leaves_the_one_before_or_the_new_one(tmp_path: Path, at: int) -> None:
    quarantine = Quarantine(tmp_path)
    folder = quarantine.write("sales", 1, b"a.csv", Verdict(accepted=False, reason="first"), b"first")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), str(at)], check=False)
    assert killed.returncode == -signal.SIGKILL
    report = quarantine.report("sales", 1)
    assert report is not None and report["reason"] == ("first" if at == 1 else "second")
    quarantine.write("sales", 1, b"a.csv", Verdict(accepted=False, reason="third"), b"third")
    quarantine.remove_partial()
    assert [file.name for file in (tmp_path / "sales").iterdir()] == [folder.name]
    assert (folder / "refused").read_bytes() == b"third"


def test_what_was_refused_stays_when_only_its_findings_are_written_anew(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path)
    quarantine.write("sales", 1, b"a.csv", Verdict(accepted=False, reason="before"), b"the refused rows")
    folder = quarantine.write("sales", 1, b"a.csv", Verdict(accepted=False, reason="after"), None)
    assert (folder / "refused").read_bytes() == b"the refused rows"
    report = quarantine.report("sales", 1)
    assert report is not None and report["reason"] == "after"


@pytest.mark.parametrize("spoilt", ['{"dataset": "sal', "[1, 2]", "{}", '{"findings": 3}', '{"findings": [{"x": 1}]}'])
def test_a_report_that_is_torn_or_spoilt_says_so(tmp_path: Path, spoilt: str) -> None:
    quarantine = Quarantine(tmp_path)
    folder = quarantine.write("sales", 1, b"a.csv", Verdict(accepted=False), b"rows")
    (folder / "report.json").write_text(spoilt)
    (finding,) = quarantine.findings("sales", 1)
    assert finding.rule == "report" and "cubefeed reload" in str(finding.expected)
