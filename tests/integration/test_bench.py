"""What the benchmark does where a part of it is not there, or fails."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bench import apart as children
from tests.bench import guard, run
from tests.bench.apart import Figures, apart
from tests.bench.groups import GROUPS, Group, measure_group
from tests.bench.rows import ROWS, Measured
from tests.bench.run import Result, main, measure, save
from tests.bench.table import BEGIN, END, table
from tests.bench.workspace import Runs, Workspace, compared

PAGE = f"before\n{BEGIN}\n{END}\nafter\n"


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results and a page of the test's own."""
    (tmp_path / "README.md").write_text(PAGE)
    monkeypatch.setattr(run, "PAGE", tmp_path / "README.md")
    monkeypatch.setattr(run, "RESULTS", tmp_path / "results" / "results.json")
    (tmp_path / "results").mkdir()
    for name in children.QUIET:
        monkeypatch.setenv(name, os.environ.get(name, ""))  # a run sets them
    return tmp_path / "results" / "results.json"


def group(function: Any, *rows: str) -> Group:
    return Group(f"{__name__}:{function.__name__}", rows)


def sound(on: Workspace) -> Iterator[Measured]:
    yield Measured("arrival", [1.0], [4.0])


def sound_too(on: Workspace) -> Iterator[Measured]:
    yield Measured("cli-help", [0.1])


def without_a_browser(on: Workspace) -> Iterator[Measured]:
    from playwright.sync_api import sync_playwright

    yield Measured("page-1m", [0.1])
    with sync_playwright() as playwright:
        playwright.chromium.launch(executable_path=str(on.root / "chromium"))
    yield Measured("page-10m", [0.1])


def on_a_full_disk(on: Workspace) -> Iterator[Measured]:
    (on.root / "large").write_text("x")
    with open("/dev/full", "w") as full:
        full.write("x")
    yield Measured("ledger-start", [1.0])


def asserting(on: Workspace) -> Iterator[Measured]:
    ours, peer = on.alternate([figures, wrong_figures])
    yield compared("file-raw", ours, ours, {})
    yield compared("file-dlt", ours, peer, {})


def figures() -> Figures:
    return {"seconds": 1.0}


def wrong_figures() -> Figures:
    return apart(assert_rows)


def assert_rows() -> Figures:
    rows = 3
    assert rows == 4, "a row is missing\nof four"
    return {"seconds": 1.0}


def interrupted(on: Workspace) -> Iterator[Measured]:
    yield Measured("parse", [1.0], [2.0])
    signal.raise_signal(signal.SIGINT)
    yield Measured("scan-100k", [1.0], [2.0])


def read(results: Path, part: str = "rows") -> dict[str, Result]:
    return {row["name"]: row for row in json.loads(results.read_text())[part]}


def test_every_row_is_in_one_group() -> None:
    named = [row for group in GROUPS.values() for row in group.rows]
    assert sorted(named) == sorted(ROWS)


@pytest.mark.slow
def test_groups_that_fail_leave_the_rows_of_the_others(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = {
        "browser": group(without_a_browser, "page-1m", "page-10m"),
        "disk": group(on_a_full_disk, "ledger-start"),
        "module": Group("not_there:rows", ("scan-100k",)),
        "sound": group(sound, "arrival"),
    }
    assert main([], known=known) == 0, "everything was measured that could be"
    rows = read(results)
    assert {name: row["ours"] for name, row in rows.items()} == {
        "page-1m": 0.1, "page-10m": None, "ledger-start": None, "scan-100k": None, "arrival": 1.0,
    }  # fmt: skip
    assert rows["page-10m"]["note"].startswith("not measured: Error: BrowserType.launch: ")
    assert rows["page-10m"]["note"].endswith("executable doesn't exist at …/chromium")
    assert rows["ledger-start"]["note"] == "not measured: OSError: [Errno 28] No space left on device"
    assert rows["scan-100k"]["note"] == "not measured: ModuleNotFoundError: No module named 'not_there'"
    assert rows["scan-100k"]["ratio"] is None
    assert f"| {ROWS['ledger-start'].what} | not measured: OSError" in (tmp_path / "README.md").read_text()
    assert "page-10m: not measured" in capsys.readouterr().err.splitlines()[-3]


@pytest.mark.slow
def test_a_peer_that_asserts_takes_only_its_own_row_and_the_run_fails(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = {"peers": group(asserting, "file-raw", "file-dlt"), "sound": group(sound, "arrival")}
    assert main(["--quick"], known=known) == 1
    rows = read(results, "quick")
    assert rows["file-dlt"]["note"] == "not measured: AssertionError: a row is missing"
    assert (rows["file-raw"]["ratio"], rows["arrival"]["ratio"]) == (1.0, 0.25)
    assert "of four" in capsys.readouterr().err, "all that it printed is shown"


def test_what_was_measured_before_ctrl_c_is_kept(results: Path, tmp_path: Path) -> None:
    known = {"sound": group(sound, "arrival"), "ended": group(interrupted, "parse", "scan-100k")}
    known["never"] = group(sound_too, "cli-help")
    assert main([], known=known) == 130
    assert list(read(results)) == ["arrival", "parse"]
    assert (tmp_path / "README.md").read_text() == PAGE, "its table is of whole runs only"


def test_a_row_without_values_replaces_one_with_values_only_in_a_whole_run(results: Path) -> None:
    measured, other = Measured("arrival", [1.0], [4.0]).result(whole=True), Measured("parse", [1.0], [2.0])
    missing = Measured("arrival", missing="why").result(whole=True)
    save([missing], "rows")
    assert read(results)["arrival"]["note"] == "not measured: why"
    save([measured, other.result(whole=True)], "rows")
    save([missing], "rows")
    assert read(results)["arrival"]["ratio"] == 0.25
    save([missing], "rows", whole=True)
    assert read(results) == {"arrival": missing}


def test_results_that_cannot_be_written_are_written_after_a_later_group(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results.parent.rmdir()
    written = []

    def keep(rows: Any) -> None:
        run.save_so_far(rows, "rows")
        written.append(results.exists())
        results.parent.mkdir(exist_ok=True)

    known = {"sound": group(sound, "arrival"), "other": group(sound_too, "cli-help")}
    measure(known, keep=keep, known=known)
    assert written == [False, True] and list(read(results)) == ["arrival", "cli-help"]
    assert "cannot be written yet" in capsys.readouterr().err


def test_results_are_replaced_whole_or_not_at_all(results: Path) -> None:
    results.write_text("{}")
    (results.parent / f".{results.name}.new").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        save([Measured("arrival", [1.0], [4.0]).result(whole=True)], "rows")
    assert results.read_text() == "{}" and list(results.parent.iterdir()) == [results]


def test_without_playwright_the_rows_of_the_page_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tests.bench.pages", raising=False)
    for name in ("playwright", "playwright.sync_api"):
        monkeypatch.setitem(sys.modules, name, None)  # as Python does where an import was ruled out
    found = list(measure_group(GROUPS["pages"], Workspace(tmp_path)))
    assert [row.row for row in found] == ["page-1m", "page-10m"]
    assert all(row.missing.startswith("ModuleNotFoundError: ") for row in found)


@pytest.mark.slow
def test_without_dlt_the_burst_is_still_compared_with_the_guide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "dlt.py").write_text("raise ModuleNotFoundError(\"No module named 'dlt'\", name='dlt')\n")
    monkeypatch.setitem(children.QUIET, "PYTHONPATH", f"{hidden}{os.pathsep}{children.QUIET['PYTHONPATH']}")
    guide, dlt = measure(["burst"], scale=0.001, times=1)
    assert guide["name"] == "burst-guide" and guide["ratio"] is not None
    assert dlt["note"] == "not measured: ModuleNotFoundError: No module named 'dlt'"


@pytest.mark.deep
@pytest.mark.timeout(900)
def test_every_group_gives_its_rows() -> None:
    found = measure(GROUPS, scale=0.001, times=1)
    assert [row["name"] for row in found] == [row for group in GROUPS.values() for row in group.rows]
    assert [row["note"] for row in found if row["ours"] is None] == []


def test_the_table_shows_why_a_row_has_no_values() -> None:
    rows = [Measured("cli-help", missing="a | b").result(whole=True), Measured("arrival", [1], [4]).result(whole=True)]
    assert table(rows).splitlines()[2:] == [
        f"| {ROWS['cli-help'].what} | not measured: a \\| b | ≤ 0.3 s |",
        f"| {ROWS['arrival'].what} | 0.25 × guide | ≤ 0.4 |",
    ]


@pytest.mark.parametrize("module", ["flows.not_there", "tests.bench.not_there"])
def test_a_module_of_our_own_that_is_not_there_fails_the_run(module: str) -> None:
    known = {"renamed": Group(f"{module}:rows", ("parse",)), "sound": group(sound, "arrival")}
    assert main([], known=known) == 1


def test_a_guarded_row_without_values_fails_the_guard() -> None:
    committed = {"burst-dlt": {"ratio": 0.05}}
    missing = Measured("burst-dlt", missing="why").result(whole=False)
    assert guard.is_slower(missing, committed)
    assert not guard.is_slower(Measured("burst-dlt", [1.0], [20.0]).result(whole=False), {"burst-dlt": missing})


def test_a_subject_that_failed_once_has_no_values() -> None:
    failed = Runs([{"seconds": 1.0}], "why")
    assert compared("arrival", Runs([{"seconds": 1.0}]), failed, {}).missing == "why"
