"""The package that is built, and an environment in which it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from tests.repository import ROOT

MADE = 1_700_000_000
BUILT_FROM = ("flows", "pyproject.toml", "README.md", "LICENSE")


def build_wheel(tree: Path, target: Path, *, umask: int, touched: float) -> Path:
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


def install_wheel(wheel: Path, target: Path) -> Path:
    """Install a wheel alone into a new environment, which sees the packages of this one and fetches nothing.

    Returns:
        Where its programs lie.
    """
    venv.create(target, symlinks=True)
    python = target / "bin" / "python"
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    subprocess.run([*command, "--no-deps", "--no-index", str(wheel)], check=True, capture_output=True, timeout=60)
    (packages,) = (target / "lib").glob("python*/site-packages")
    (packages / "locked.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return target / "bin"
