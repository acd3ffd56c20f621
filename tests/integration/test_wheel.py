"""The package that is built."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.repository import ROOT

MADE = 1_700_000_000
BUILT_FROM = ("flows", "pyproject.toml", "README.md", "LICENSE")


def build(tree: Path, target: Path, *, umask: int, touched: float) -> Path:
    """Build a wheel from a copy of the project, with the backend that is installed and nothing else."""
    tree.mkdir()
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tree)
    for path in sorted(tree.rglob("*"), reverse=touched > MADE):
        os.utime(path, (touched, touched))
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(MADE), "PYTHONHASHSEED": str(umask)}
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(command, cwd=tree, env=environment, check=True, capture_output=True, umask=umask)
    (wheel,) = target.glob("*.whl")
    return wheel


def test_a_wheel_that_is_built_twice_is_the_same(tmp_path: Path) -> None:
    first = build(tmp_path / "first", tmp_path / "one", umask=0o022, touched=MADE - 10_000)
    second = build(tmp_path / "second", tmp_path / "two", umask=0o077, touched=MADE + 10_000)
    assert first.name == second.name
    assert hashlib.sha256(first.read_bytes()).digest() == hashlib.sha256(second.read_bytes()).digest()
    with zipfile.ZipFile(first) as wheel:
        names = wheel.namelist()
        assert {"flows/cli/main.py", "cubefeed/__init__.py", "cubefeed/py.typed"} <= set(names)
        shown = {str(file.relative_to(ROOT)) for file in (ROOT / "flows").rglob("*.html.jinja")}
        assert shown and shown <= set(names)
        assert not any(name.endswith(".pyc") or name.startswith("flows/api/") for name in names)
        assert not any(name.startswith(("tests/", "data/", "deployments/")) for name in names)
