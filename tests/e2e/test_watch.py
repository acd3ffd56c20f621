"""`cubefeed watch` and the commands that ask it, as processes."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from flows.cli.files import FILE_COLUMNS
from tests.e2e.program import SAMPLES, Place, RunningProgram, started_program, watching
from tests.waiting import until

HEADER = "ID,Date,Product,Quantity\n"
DAY_1 = (SAMPLES / "current" / "sales_2021-05-01.csv").read_text()
DAY_2 = (SAMPLES / "current" / "sales_2021-05-02.csv").read_text()
DAY_3 = (SAMPLES / "next" / "sales_2021-05-03.csv").read_text()
TWO_DAYS = {"2021-05-01": 10, "2021-05-02": 7}

pytestmark = pytest.mark.slow


@pytest.fixture
def two_days(place: Place) -> Place:
    """The landing directory with the guide's first two days."""
    place.environment["CUBEFEED_LANDING"] = str(place.landing)
    place.drop("sales_2021-05-01.csv", DAY_1)
    place.drop("sales_2021-05-02.csv", DAY_2)
    return place


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProgram]:
    """A session with the guide's first two days, which each test that asks it leaves as it was."""
    place = Place(tmp_path_factory.mktemp("live"))
    place.environment["CUBEFEED_LANDING"] = str(place.landing)
    place.drop("sales_2021-05-01.csv", DAY_1)
    place.drop("sales_2021-05-02.csv", DAY_2)
    with watching(place) as running:
        yield running
    place.assert_nothing_left()


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProgram]:
    """A session with datasets of somebody's own, of which some cannot load."""
    place = Place(tmp_path_factory.mktemp("several"))
    file = place.root / "mine.py"
    file.write_text(OWN_DATASETS)
    place.drop("stock.csv", "Shop;Pieces\nParis;3\nLyon;4\n")
    for name in ("broken", "marked", "odd/["):
        (place.root / name).mkdir(parents=True)
    (place.root / "broken" / "a.csv").write_text("Shop,Pieces\nParis,3\n")
    (place.root / "nowhere").write_text("a file where a directory should be")
    for number in range(8):
        (place.root / "marked" / f"half{number}.csv").write_text(f"Shop,Pieces\nParis,{number}\n")
    (place.root / "marked" / "link.csv").symlink_to("/etc/hostname")
    for number, name in enumerate(ODD_NAMES):
        (place.root / "odd" / name).write_text(f"Shop;Pieces\n{number};[/x]\x1b[2J{number}\n")
    named = [f"{file}:{name}" for name in ("STOCK", "BROKEN", "NOWHERE", "MARKED", "ODD")]
    with watching(place, "--observer", "polling", *(word for each in named for word in ("--dataset", each))) as running:
        yield running
    place.assert_nothing_left()


def ask(running: RunningProgram, path: str) -> Any:
    """The live process's own answer."""
    url = (running.place.root / "ready").read_text().strip()
    return httpx.get(f"{url}{path}", trust_env=False).json()


def states(place: Place) -> dict[str, str]:
    """What each file shows now."""
    return {row["file"]: row["state"] for row in place.json("files")}


def test_a_file_is_in_the_cube_soon_after_it_lands_and_every_command_shows_it(two_days: Place) -> None:
    with watching(two_days) as running:
        assert two_days.sales() == TWO_DAYS
        assert two_days.json("query", "contributors.COUNT") == [{"contributors.COUNT": 7}]

        two_days.drop("sales_2021-05-03.csv", DAY_3)
        query = "/api/query?measure=Quantity.SUM&by=Date&where=Date%3D2021-05-03"
        until(
            lambda: ask(running, query)["rows"] == [{"Date": "2021-05-03", "Quantity.SUM": 8}],
            what="the third day",
        )
        rows = two_days.json("query", "Quantity.SUM", "Quantity.MEAN", "--by", "Date", "--where", "Date=2021-05-01")
        assert rows == [{"Date": "2021-05-01", "Quantity.SUM": 10, "Quantity.MEAN": 2.5}]
        assert two_days.csv("query", "Quantity.SUM", "--by", "Date")[2] == {"Date": "2021-05-03", "Quantity.SUM": "8"}

        status = two_days.json("status")
        assert status["pid"] == running.process.pid and status["engine"] == "duckdb" and status["prefect_url"] is None
        assert status["datasets"]["sales"]["rows"] == 10 and status["datasets"]["sales"]["files"] == {"loaded": 3}
        table = two_days.run("status").stdout
        assert re.search(r"sales: 2021-05-03 arrived \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", table)
        assert str(running.process.pid) in table and "3 loaded" in table and "{" not in table

        files = two_days.json("files")
        assert [(row["file"], row["state"], row["rows"]) for row in files] == [
            ("sales_2021-05-03.csv", "loaded", 3),
            ("sales_2021-05-02.csv", "loaded", 3),
            ("sales_2021-05-01.csv", "loaded", 4),
        ]
        assert [row["file"] for row in two_days.csv("files")] == [row["file"] for row in files]
        assert ask(running, "/api/files") == files
        heading = two_days.run("files").stdout.splitlines()[1].strip("┃").split("┃")
        assert [name.strip() for name in heading] == [name.removesuffix("_utc") for name in FILE_COLUMNS]
        assert two_days.json("findings") == []
        late = "is late: no data of it has come by its time"
        until(lambda: late in two_days.run("status", "--check", code=None).stderr, what="the late day")
        assert two_days.complaints() == []
        assert stat.S_IMODE(two_days.state.stat().st_mode) == 0o700


def test_files_are_unloaded_loaded_and_reloaded_by_command(live: RunningProgram) -> None:
    place = live.place
    planned = place.json("unload", "sales_2021-05-01.csv", "--dry-run")
    assert [row["state"] for row in planned] == ["unloaded"] and place.sales() == TWO_DAYS

    (gone,) = place.json("unload", "sales_2021-05-01.csv")
    assert gone["state"] == "unloaded" and place.sales() == {"2021-05-02": 7}
    assert states(place)["sales_2021-05-01.csv"] == "unloaded"

    (back,) = place.csv("load", "sales_2021-05-01.csv")
    assert (back["state"], back["rows"]) == ("loaded", "4") and place.sales() == TWO_DAYS

    reloaded = place.json("reload", "sales_2021-05-01.csv", "sales_2021-05-02.csv")
    assert [row["state"] for row in reloaded] == ["loaded", "loaded"] and place.sales() == TWO_DAYS

    refused = place.run("load", "../ready", code=1)
    assert "not inside the landing directory" in refused.stderr and refused.stderr.count("\n") == 1


def test_a_bad_file_is_refused_named_and_loads_once_it_is_mended(live: RunningProgram) -> None:
    place = live.place
    place.drop("bad.csv", HEADER + "8,2021-05-03,phone,2\n9,2021-05-03,watch,many\n")
    until(lambda: states(place).get("bad.csv") == "quarantined", what="the bad file is refused")
    assert place.sales() == TWO_DAYS

    (finding,) = place.json("findings", "bad.csv")
    found = {name: finding[name] for name in ("file", "line", "column", "rule", "raw")}
    assert found == {"file": "bad.csv", "line": 3, "column": "Quantity", "rule": "integer", "raw": "many"}
    assert place.csv("findings")[0]["raw"] == "many"

    checked = place.run("status", "--check", code=1)
    assert "bad.csv" in checked.stderr and "line 3" in checked.stderr
    assert "bad.csv" in json.dumps(place.json("status", "--check", code=1))

    failed = place.run("load", "bad.csv", code=1)
    assert "quarantined" in failed.stdout and "cubefeed findings bad.csv" in failed.stderr

    place.drop("bad.csv", HEADER + "8,2021-05-03,phone,2\n9,2021-05-03,watch,6\n")
    until(lambda: place.sales() == {**TWO_DAYS, "2021-05-03": 8}, what="the mended file")
    assert place.complaints() == []
    place.run("unload", "bad.csv")


def test_a_signal_ends_it_cleanly(two_days: Place) -> None:
    with watching(two_days) as running:
        assert running.end(signal.SIGINT) == 0
        assert running.output.rstrip().endswith("stopped") and "Traceback" not in running.output
    assert not (two_days.root / "ready").exists()
    output = two_days.run("query", "Quantity.SUM", code=3).stderr
    assert "Nothing is running" in output and output.count("\n") == 1
    assert {row["state"] for row in two_days.json("files")} == {"loaded"}


def test_a_restart_shows_the_same_cube_and_what_has_landed_meanwhile(two_days: Place) -> None:
    with watching(two_days) as running:
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait()
    assert "Nothing is running" in two_days.run("query", "Quantity.SUM", code=3).stderr
    two_days.drop("sales_2021-05-03.csv", DAY_3)
    with watching(two_days):
        assert two_days.sales() == {**TWO_DAYS, "2021-05-03": 8}
        assert {row["version"] for row in two_days.json("files", "--all")} == {1, 2, 3}


def test_a_second_owner_is_refused_with_the_pid_of_the_first(live: RunningProgram) -> None:
    place = live.place
    output = place.run("watch", code=1).stderr
    assert f"pid {live.process.pid}" in output and "Traceback" not in output
    assert f"pid {live.process.pid}" in place.run("up", code=1).stderr
    assert place.sales() == TWO_DAYS


def test_a_name_that_is_not_utf_8_is_loaded_and_its_findings_are_found_by_it(live: RunningProgram) -> None:
    place, name = live.place, os.fsdecode(b"caf\xe9.csv")
    place.drop(name, HEADER + "8,2021-05-03,phone,x\n")
    until(lambda: states(place).get("caf\\xe9.csv") == "quarantined", what="the bad file is refused")
    (finding,) = place.json("findings", name)
    assert (finding["file"], finding["line"], finding["raw"]) == ("caf\\xe9.csv", 2, "x")
    place.drop(name, HEADER + "8,2021-05-03,phone,2\n")
    (loaded,) = place.json("load", name)
    assert (loaded["file"], loaded["state"]) == ("caf\\xe9.csv", "loaded")
    assert place.json("unload", name, "--dry-run")[0]["state"] == "unloaded"
    place.run("unload", name)


OWN_DATASETS = """
import dataframely as dy
from cubefeed import Completeness, Csv, Dataset

class Stock(dy.Schema):
    Shop = dy.String(primary_key=True)
    Pieces = dy.Int64(min=0)

def fail(rows):
    raise RuntimeError("prepare is broken")

STOCK = Dataset(schema=Stock, landing="landing", recursive=True, format=Csv(delimiter=";"))
BROKEN = Dataset(schema=Stock, name="broken", landing="broken", prepare=fail)
NOWHERE = Dataset(schema=Stock, name="nowhere", landing="nowhere")
MARKED = Dataset(schema=Stock, name="marked", landing="marked", completeness=Completeness(marker=".done"))
ODD = Dataset(schema=Stock, name="odd", landing="odd", recursive=True, format=Csv(delimiter=";"))
"""
ODD_NAMES = ("[/x].csv", "[red]a.csv", "bell\a.csv", "esc\x1b[31m.csv", "new\nline.csv")


def test_names_and_values_with_markup_and_control_characters_are_printed_as_plain_text(several: RunningProgram) -> None:
    place, odd = several.place, ("--dataset", "odd")
    commands = (["files", *odd], ["findings", *odd], ["files", *odd, "--format", "csv"])
    shown = [place.run(*command).stdout for command in commands]
    checked = place.run("status", "--check", code=1).stderr
    for text in (*shown, checked):
        for name in ("[/x].csv", "[red]a.csv", "bell\\x07.csv", "esc\\x1b[31m.csv", "new\\nline.csv"):
            assert name in text
        assert "\x1b" not in text and "\a" not in text
    assert "[/x]\\x1b[2J0" in shown[1] and "\x1b" not in several.output and "\a" not in several.output
    assert {row["raw"] for row in place.json("findings", *odd)} == {f"[/x]\x1b[2J{number}" for number in range(5)}


def test_a_dataset_of_ones_own_is_named_by_file_and_name(several: RunningProgram) -> None:
    place = several.place
    asked = place.json("query", "Pieces.SUM", "--by", "Shop", "--dataset", "stock")
    assert {"Lyon": 4, "Paris": 3}.items() <= {row["Shop"]: row["Pieces.SUM"] for row in asked}.items()
    output = place.run("watch", "--dataset", f"{place.root / 'mine.py'}:NONE", code=1).stderr
    assert "no dataset of that name" in output and "Traceback" not in output


def test_a_dataset_that_cannot_load_stops_no_other(several: RunningProgram) -> None:
    place = several.place
    (finding,) = place.json("findings", "--dataset", "broken")
    assert "prepare is broken" in json.dumps(finding)
    assert "broken: a.csv" in place.run("status", "--check", code=1).stderr
    place.drop("stock2.csv", "Shop;Pieces\nNice;5\n")
    until(lambda: place.json("query", "Pieces.SUM", "--dataset", "stock") == [{"Pieces.SUM": 12}], what="stock goes on")


def test_a_landing_directory_that_cannot_be_used_stops_no_other_dataset(several: RunningProgram) -> None:
    place = several.place
    assert place.json("query", "Pieces.SUM", "--where", "Shop=Paris", "--dataset", "stock") == [{"Pieces.SUM": 3}]
    assert place.json("status")["datasets"]["nowhere"]["problem"]
    shown = place.run("status", "--check", code=1)
    assert "nowhere: waiting, because" in shown.stderr and "nowhere: waiting, because" in shown.stdout


def test_status_names_what_waits_and_what_is_left_out_and_why(several: RunningProgram) -> None:
    waits = "marked: half0.csv waits: its marker half0.csv.done"
    shown = until(lambda: output if waits in (output := several.place.run("status").stdout) else "", what=waits)
    assert "marked: and 3 more wait" in shown and "marked: link.csv is left out: " in shown


def test_a_landing_directory_that_does_not_exist_yet_is_waited_for_and_said(place: Place) -> None:
    place.environment["CUBEFEED_LANDING"] = str(place.landing)
    with watching(place) as running:
        assert "waiting, because" in running.output and str(place.landing) in running.output
        assert "waiting, because" in place.run("status", "--check", code=1).stderr
        place.drop("sales_2021-05-01.csv", DAY_1)
        until(lambda: place.sales() == {"2021-05-01": 10}, what="the directory is found")
        assert place.complaints() == []


def test_a_table_is_not_squeezed_where_nothing_limits_its_width(live: RunningProgram) -> None:
    name = "a" * 120 + ".csv"
    live.place.drop(name, HEADER + "1,2021-05-03,x,y\n")
    until(lambda: states(live.place).get(name) == "quarantined", what="the file is refused")
    lines = live.place.run("files").stdout.splitlines()
    (line,) = (line for line in lines if name in line)
    assert "quarantined" in line and "line 2, Quantity: integer" in line


HEAVY = ("prefect", "polars", "pandas", "duckdb", "sqlalchemy", "pyarrow", "dataframely", "starlette", "atoti")


@pytest.mark.parametrize("arguments", [["--help"], ["query", "Quantity.SUM"], ["status"]])
def test_help_and_questions_import_nothing_heavy(place: Place, arguments: list[str]) -> None:
    look = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr))\n"
        f"sys.argv = ['cubefeed', *{arguments!r}]\n"
        "from flows.cli.main import main\n"
        "main()\n"
    )
    done = place.run_any(sys.executable, "-c", look, code=None)
    assert done.returncode == (0 if arguments == ["--help"] else 3)
    assert done.stderr.splitlines()[-1] == "", done.stderr


def test_a_question_to_the_live_cube_imports_nothing_heavy(live: RunningProgram) -> None:
    command = ["query", "Quantity.SUM", "--by", "Date", "--format", "json"]
    look = (
        f"import sys\nsys.argv = ['cubefeed', *{command!r}]\n"
        "from flows.cli.main import app\napp(standalone_mode=False)\n"
        f"assert not [name for name in {HEAVY!r} if name in sys.modules]\n"
    )
    assert json.loads(live.place.run_any(sys.executable, "-c", look).stdout)[0]["Quantity.SUM"] == 10


def test_output_into_a_closed_pipe_is_no_error(live: RunningProgram) -> None:
    command = subprocess.list2cmdline(live.place.command("files", "--format", "csv"))
    done = live.place.run_any("/bin/sh", "-c", f"{command} | head -c 1")
    assert "Traceback" not in done.stderr


def test_a_prepare_that_closes_the_streams_takes_the_log_from_nobody(place: Place) -> None:
    place.landing.mkdir()
    declaration = place.root / "declaration.py"
    declaration.write_text(CLOSING.format(landing=str(place.landing)), encoding="utf-8")
    with watching(place, "--dataset", f"{declaration}:CLOSED") as running:
        for name, text in (("one.csv", DAY_1), ("two.csv", DAY_2)):
            place.drop(name, text)
            running.wait_for_word(f"{name} loaded")
        assert place.sales() == TWO_DAYS
        assert running.end() == 0


CLOSING = """
import os
from contextlib import suppress
from dataclasses import replace
from flows.datasets.sales import SALES

def close(frame):
    for stream in (1, 2):
        with suppress(OSError):
            os.close(stream)
    return frame

CLOSED = replace(SALES, landing={landing!r}, prepare=close)
"""


def test_nothing_in_the_state_directory_is_for_others_whatever_the_umask(two_days: Place) -> None:
    two_days.drop("refused.csv", HEADER + "9,2021-05-02,phone,none\n")
    ready = two_days.root / "ready"
    command = shlex.join(two_days.command("watch", "--ready-file", ready))
    with started_program(two_days, "watch", "bash", "-c", f"umask 0; exec {command}") as running:
        until(ready.exists, what="the ready file")
        two_days.run("report", "--date", "2021-05-01")
        two_days.run("unload", "sales_2021-05-01.csv")
        open_to_others = [
            f"{path.relative_to(two_days.state)} {stat.S_IMODE(path.lstat().st_mode):o}"
            for path in two_days.state.rglob("*")
            if path.lstat().st_mode & 0o077
        ]
        assert open_to_others == [] and stat.S_IMODE(two_days.state.stat().st_mode) == 0o700
        assert running.end() == 0
        assert running.output.rstrip().endswith("stopped") and "Traceback" not in running.output
