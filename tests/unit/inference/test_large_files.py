"""A large text is understood by its head, its tail and some parts between them, and checked as a whole."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli.main import app
from flows.datasets import find_dataset
from flows.inference import samples
from flows.inference.large_files import read_parts
from flows.model.formats import Csv

ROWS = 40_000
UNDERSTOOD = 100_000


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(samples, "UNDERSTOOD_BYTES", UNDERSTOOD)
    monkeypatch.setattr(samples, "_LEAST_BYTES", 1_000)
    Path("data").mkdir()


def init() -> Result:
    return CliRunner().invoke(app, ["init", "data", "-o", "data.py", "--no-key"])


def write(name: str, *, other: tuple[int, str] | None = None) -> None:
    lines = [f"{number};2024-05-{1 + number % 28:02};{number % 100},50" for number in range(ROWS)]
    if other is not None:
        lines[other[0]] = other[1]
    Path("data", name).write_text("\n".join(["Export of May", "No;Day;Amount", *lines, "TOTAL;;1980000"]) + "\n")


def test_parts_are_whole_lines_in_their_order() -> None:
    write("a.csv")
    text = Path("data/a.csv").read_bytes()
    parts = read_parts(Path("data/a.csv"), UNDERSTOOD)
    assert parts is not None and UNDERSTOOD // 2 < len(parts) < 1.1 * UNDERSTOOD
    lines = parts.splitlines(keepends=True)
    assert lines[0] == b"Export of May\n" and lines[-1] == b"TOTAL;;1980000\n"
    places = [text.index(b"\n" + line) for line in lines[1:]]
    assert places == sorted(set(places))
    assert max(after - before for before, after in pairwise(places)) < len(text) // 8


def test_a_large_file_is_declared_by_its_parts_and_taken_as_a_whole() -> None:
    write("a.csv")
    write("b.csv")
    done = init()
    assert done.exit_code == 0, done.output
    assert f"{2 * ROWS:,} rows of 2 files are taken" in done.output and "2 of them in parts" in done.output
    form = find_dataset("data.py:DATA").format
    assert isinstance(form, Csv) and form.preamble == "header" and form.decimal == ","
    assert form.footer == ("TOTAL;.*",)


def test_what_stands_between_the_parts_is_found_by_the_check() -> None:
    write("a.csv")
    parts = read_parts(Path("data/a.csv"), UNDERSTOOD)
    assert parts is not None
    row = next(row for row in range(ROWS // 4, ROWS) if b"\n%d;" % row not in parts)
    write("a.csv", other=(row, f"{row};2024-05-{1 + row % 28:02};{'x' * len(str(row % 100))},50"))
    done = init()
    assert done.exit_code == 1
    assert "x,50" in done.output and "1 of 1 files are refused" in done.output


def test_a_text_that_cannot_be_cut_is_read_as_a_whole() -> None:
    Path("data/a.csv").write_text("x" * 2 * UNDERSTOOD)
    Path("data/b.csv").write_bytes("A,B\n1,2\n".encode("utf-16") * UNDERSTOOD)
    assert read_parts(Path("data/a.csv"), UNDERSTOOD) is None
    assert read_parts(Path("data/b.csv"), UNDERSTOOD) is None
