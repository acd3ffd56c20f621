"""What `make hooks` installs: a commit is held to the checks by what is staged alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed here"),
]

PROJECT = """
[tool.mypy]
files = ["flows"]
strict = true

[tool.importlinter]
root_package = "flows"

[[tool.importlinter.contracts]]
name = "The top does not need the bottom"
type = "layers"
layers = ["flows.top", "flows.bottom"]
"""
FILES = {
    "pyproject.toml": PROJECT,
    ".python-version": "3.13\n",
    ".gitignore": "/.venv/\n/.*_cache/\n",
    "deployments/requirements.lock": "",
    "flows/__init__.py": "",
    "flows/top.py": "",
    "flows/bottom.py": "",
}
IDENTITY = {f"GIT_{who}_{what}": "a@b.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small repository with our Makefile, hook and environment, and the hook installed."""
    root = tmp_path_factory.mktemp("hooks") / "a repository"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    shutil.copy(ROOT / "Makefile", root)
    shutil.copytree(ROOT / ".ci", root / ".ci")
    (root / ".venv").mkdir()
    (root / ".venv" / "bin").symlink_to(Path(sys.prefix) / "bin")
    (root / ".venv" / ".ready").touch()
    run(root, "git", "init", "--quiet")
    run(root, "make", "hooks")
    run(root, "git", "add", ".")
    run(root, "git", "commit", "--quiet", "--message", "First")
    return root


def run(root: Path, *command: str, code: int = 0) -> str:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "MAKE"))}
    environment = {**own, **IDENTITY, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("import os\n", "F401"),
        ("x  =  1\n", "reformatted"),
        ('x: int = ""\n', "Incompatible types"),
        ("from flows import top\n\nabove = top\n", "flows.bottom is not allowed to import flows.top"),
    ],
)
def test_a_commit_that_breaks_a_check_is_refused_with_the_reason(repository: Path, line: str, complaint: str) -> None:
    file = repository / "flows" / "bottom.py"
    file.write_text(line)
    assert complaint in run(repository, "git", "commit", "--all", "--message", "Broken", code=1)
    file.write_text("")


def test_what_is_not_staged_neither_refuses_a_commit_nor_saves_one(repository: Path) -> None:
    file = repository / "flows" / "top.py"
    file.write_text("x: int = 1\n")
    run(repository, "git", "add", ".")
    file.write_text('x: int = ""\n')
    run(repository, "git", "commit", "--quiet", "--message", "Sound")
    run(repository, "git", "add", ".")
    file.write_text("x: int = 1\n")
    assert "Incompatible types" in run(repository, "git", "commit", "--message", "Broken", code=1)
    assert file.read_text() == "x: int = 1\n"


def test_a_hook_that_is_there_already_stays(repository: Path) -> None:
    run(repository, "make", "hooks")
    hook = repository / ".git" / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\n")
    assert "is there already" in run(repository, "make", "hooks", code=2)
    assert hook.read_text() == "#!/bin/sh\n"
