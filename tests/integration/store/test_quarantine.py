"""Refused rows and files are found again, byte for byte, with their reasons."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from flows.model.findings import Verdict
from flows.model.limits import Limits
from flows.model.policies import SkipRows
from flows.settings import Observer
from flows.store import quarantine as quarantine_module
from flows.store.allowance import ANNOUNCED_DAYS, DAY_S, Allowance
from flows.store.quarantine import KeptVersion, Quarantine, write_sparsely
from tests.integration.live_feed import LiveFeed, live, sales

pytestmark = pytest.mark.usefixtures("quick")

BODY = (
    b"ID,Date,Product,Quantity\n"
    b"1,2021-05-01,phone,1\n"
    b"2,2021-05-01,ph\xc3\xb6ne,-2\r\n"
    b"3,2021-05-01,mouse,x\n"
    b"4,2021-05-01,mouse,4\n"
)


def kept(living: LiveFeed, root: Path, name: str) -> tuple[dict[str, object], bytes]:
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
from flows.model.findings import Finding, Verdict
from flows.store.allowance import ANNOUNCED_DAYS, DAY_S, Allowance
from flows.store.quarantine import Quarantine, write_sparsely
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


@pytest.mark.slow
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


def test_what_is_written_while_somebody_looks_at_a_quarantine_for_the_first_time_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, verdict = tmp_path / "quarantine", Verdict(accepted=False)
    Quarantine(directory).write("sales", 1, b"a.csv", verdict, b"a")
    quarantine, kept_in = Quarantine(directory), quarantine_module._kept_in
    looks, goes_on = threading.Event(), threading.Event()

    def look_slowly(folder: Path) -> KeptVersion:
        if threading.current_thread() is status:
            looks.set()
            goes_on.wait(10)
        return kept_in(folder)

    monkeypatch.setattr(quarantine_module, "_kept_in", look_slowly)
    status = threading.Thread(target=quarantine.size_bytes, args=("sales",))
    writer = threading.Thread(target=quarantine.write, args=("sales", 2, b"b.csv", verdict, b"b"))
    status.start()
    assert looks.wait(10)
    writer.start()
    writer.join(0.3)  # it may have to wait for the other
    goes_on.set()
    for thread in (status, writer):
        thread.join(10)
    kept = quarantine.kept("sales")
    assert (set(kept), quarantine.size_bytes("sales")) == ({1, 2}, sum(each.size_bytes for each in kept.values()))


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


def size_of(root: Path) -> int:
    """What the quarantine of the sales takes on the disk."""
    files = [file for file in (root / "state" / "quarantine" / "sales").rglob("*") if file.is_file()]
    return sum(512 * file.stat().st_blocks for file in files)


def bad(number: int, size_bytes: int = 1 << 16) -> bytes:
    return b"ID,Date,Product,Quantity\n1,2021-05-01,mouse,x%d\n" % number + b"2,2021-05-01,mouse,1\n" * (
        size_bytes // 21
    )


@pytest.mark.slow
def test_of_a_file_that_is_refused_again_and_again_the_last_version_is_kept_and_none_once_it_is_mended(
    tmp_path: Path, observer: Observer
) -> None:
    with live(tmp_path, observer) as living:
        for number in range(20):
            living.put("a.csv", bad(number))
            living.wait_until(lambda: living.file("a.csv") is not None and len(living.outcome_states("a.csv")) > number)  # noqa: B023
        _, refused = kept(living, tmp_path, "a.csv")
        assert refused == bad(19)
        assert size_of(tmp_path) < 2 * len(refused)
        assert living.status()["quarantine"]["size_bytes"] == size_of(tmp_path)
        living.put("a.csv", sales(1))
        living.wait_for({1: 1})
        assert size_of(tmp_path) == 0
        assert living.status()["quarantine"] | {"most_bytes": 0} == {
            "files": 0, "size_bytes": 0, "most_bytes": 0, "announced": 0, "warning": None,
        }  # fmt: skip


def test_over_the_amount_the_bytes_go_that_lie_in_the_landing_directory_and_the_findings_stay(
    tmp_path: Path, observer: Observer
) -> None:
    with live(tmp_path, observer, limits=Limits(quarantine_bytes=100_000)) as living:
        for name in ("a.csv", "b.csv"):
            living.put(name, bad(1))
            living.wait_for_state(name, "quarantined")
        first, second = (living.file(name) for name in ("a.csv", "b.csv"))
        assert first is not None and second is not None
        folder = tmp_path / "state" / "quarantine" / "sales"
        living.wait_until(lambda: not (folder / f"{first.version:08d}" / "refused").exists())
        assert (folder / f"{second.version:08d}" / "refused").exists()
        assert living.feed.quarantine.findings("sales", first.version) != []


def test_the_only_copy_of_refused_bytes_stays_over_the_amount_and_status_says_so(
    tmp_path: Path, observer: Observer
) -> None:
    with live(tmp_path, observer) as living:
        living.put("a.csv", bad(1))
        living.wait_for_state("a.csv", "quarantined")
        (living.landing / "a.csv").unlink()
        living.wait_until(lambda: not any(row.present for row in living.files()))
    with live(tmp_path, observer, limits=Limits(quarantine_bytes=0)) as living:
        living.put("b.csv", sales(1))
        living.wait_for({1: 1})
        _, refused = kept(living, tmp_path, "a.csv")
        assert refused == bad(1)
        assert "raise limits.quarantine_bytes" in living.status()["quarantine"]["warning"]


@pytest.mark.parametrize(
    "body",
    [b"", b"x", bytes(1 << 20), b"x" + bytes(1 << 20), bytes(1 << 20) + b"x", b"a" * 70_000 + bytes(70_000) + b"b"],
    ids=["empty", "short", "zeros", "zeros at the end", "zeros first", "zeros in the middle"],
)
def test_a_copy_is_byte_for_byte_and_zeros_take_no_room(tmp_path: Path, body: bytes) -> None:
    file = tmp_path / "copy"
    write_sparsely(file, body)
    assert file.read_bytes() == body
    assert 512 * file.stat().st_blocks <= 3 * (1 << 16)


def test_the_only_copy_of_refused_bytes_goes_after_its_age_a_week_after_the_log_and_status_have_said_so(
    tmp_path: Path, observer: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    with live(tmp_path, observer) as living:
        living.put("a.csv", bad(1))
        living.wait_for_state("a.csv", "quarantined")
        (living.landing / "a.csv").unlink()
        living.wait_until(lambda: not any(row.present for row in living.files()))
        dataset, quarantine = living.dataset_state.dataset, living.feed.quarantine
        age_s = dataset.limits.quarantine_days * DAY_S
        for later_s in (age_s - 60, age_s + 60):
            Allowance(living.feed.ledger, quarantine, lambda: time.time() + later_s).sweep(dataset, certain=True)  # noqa: B023
            warnings = [record.getMessage() for record in caplog.records if "lies nowhere else" in record.getMessage()]
            assert len(warnings) == (later_s > age_s)
        assert "copy it away from" in living.status()["quarantine"]["warning"]
        assert kept(living, tmp_path, "a.csv")[1] == bad(1)

        week_s = ANNOUNCED_DAYS * DAY_S
        for later_s, left in ((age_s + week_s - 60, 1), (age_s + week_s + 60, 0)):
            Allowance(living.feed.ledger, quarantine, lambda: time.time() + later_s).sweep(dataset, certain=True)  # noqa: B023
            assert living.status()["quarantine"]["files"] == left
        assert size_of(tmp_path) == 0
