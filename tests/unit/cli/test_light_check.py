"""A supplier's environment: what `deployments/check.lock` names is all that `check` and `init` need."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter  # type: ignore[import-untyped]  # it ships no types

from tests.repository import ROOT
from tests.zip_files import zipped

LOCKED = re.findall(r"^([a-z0-9.-]+)==\S+(?: \\\n {4}--hash\S+)+", (ROOT / "deployments/check.lock").read_text(), re.M)
DECLARED = """
import dataframely as dy
import polars as pl
from cubefeed import Csv, Dataset, Derived, Excel, JsonLines, Parquet, Zip

class Sale(dy.Schema):
    Product = dy.String()
    Price = dy.Float64()

FORMATS = {"*.csv*": Csv(), "*.parquet": Parquet(), "*.jsonl": JsonLines(), "*.xlsx": Excel()}
TWICE = {"Twice": Derived(pl.col("Price") * 2, dy.Float64())}
SALES = Dataset(Sale, "in", format=FORMATS, archives=Zip(), columns=TWICE)
"""
PROGRAM = """
import sys

allowed = {*sys.argv.pop(1).split(), *sys.stdlib_module_names, "flows", "cubefeed"}

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in allowed and not name.startswith("_sysconfigdata"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from flows.cli.main import main

init = ["cubefeed", "init", "csv", "-o", "csv.py", "--no-key"]
for arguments in (sys.argv, init):
    sys.argv = arguments
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
"""


def modules_of(package: str) -> set[str]:
    """What a package brings that can be imported."""
    return {Path(file.parts[0]).name.partition(".")[0] for file in distribution(package).files or ()}


def test_it_is_locked_as_all_else_is() -> None:
    everything = (ROOT / "deployments/requirements.lock").read_text()
    lines = [line for line in (ROOT / "deployments/check.lock").read_text().splitlines() if not line.startswith("#")]
    assert "\n".join(lines) and set(lines) <= set(everything.splitlines())
    assert not {"prefect", "atoti", "duckdb", "sqlalchemy", "starlette", "pandas", "matplotlib"} & set(LOCKED)
    for package in LOCKED:
        start = everything.index(f"\n{package}==")
        assert everything[start : everything.index("\n", start + 1)].strip() in lines


@pytest.mark.slow
def test_files_of_all_formats_are_checked_and_understood_with_these_packages_alone(tmp_path: Path) -> None:
    (tmp_path / "sales.py").write_text(DECLARED)
    for directory in ("in", "csv"):
        (tmp_path / directory).mkdir()
        (tmp_path / directory / "a.csv").write_text("Product,Price\nphone,1.5\n")
    rows = pl.DataFrame({"Product": ["phone"], "Price": [1.5]})
    rows.write_parquet(tmp_path / "in/b.parquet")
    rows.write_ndjson(tmp_path / "in/c.jsonl")
    with xlsxwriter.Workbook(tmp_path / "in/d.xlsx") as book:
        book.add_worksheet().add_table(
            0, 0, 1, 1, {"data": rows.rows(), "columns": [{"header": n} for n in rows.columns]}
        )
    (tmp_path / "in/e.zip").write_bytes(zipped({"f.csv": b"Product,Price\nphone,1.5\n"}))
    allowed = " ".join(sorted(set().union(*map(modules_of, LOCKED))))
    command = [sys.executable, "-c", PROGRAM, allowed, "check", "--dataset", "sales.py:SALES", "in"]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'flows/api'}"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("accepted") == 6
    assert "1 rows of 1 files are taken" in done.stdout
