"""The program as a commit installs it, beside the one of this working tree.

Each gets the packages of its own lock. An environment for another lock is made once, in about a minute, and kept
under `~/.cache/cubefeed-bench` (or `XDG_CACHE_HOME`; 2 GB each, made again when removed); where the locks are the
same, both use the environment of this process. In either case the program itself is installed into a directory of its
own, which comes first on the path.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from tests.bench.apart import ROOT, environment
from tests.bench.workspace import say

LOCK = Path("deployments") / "requirements.lock"
_PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input", "install", "-qq", "--no-deps")
_GIT = ("git", "-c", "core.hooksPath=/dev/null", "-C", str(ROOT))


class CheckoutError(RuntimeError):
    """A commit cannot be had or installed."""


@dataclass(frozen=True)
class Program:
    """`cubefeed` as one commit installs it.

    Args:
        name: what to call it before people.
        python: the interpreter of its environment.
        site: the directory that holds it.
    """

    name: str
    python: Path
    site: Path

    def command(self, *arguments: object) -> list[str]:
        """A command line of it; `site` has to be the PYTHONPATH."""
        return [str(self.python), str(self.site / "bin" / "cubefeed"), *(str(each) for each in arguments)]


@contextlib.contextmanager
def programs(revision: str) -> Iterator[tuple[Program, Program]]:
    """The program of a commit and that of this working tree as it is now; both are removed at the end.

    Raises:
        CheckoutError: there is no such commit, or one of them cannot be installed.
    """
    try:
        commit = _git("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    except CheckoutError as error:
        raise CheckoutError(f"there is no commit {revision!r} here. Next: git fetch, git log\n{error}") from None
    with tempfile.TemporaryDirectory(prefix="cubefeed-against-", ignore_cleanup_errors=True) as scratch:
        root = Path(scratch)
        with _worktree(commit, root / "checkout") as checkout:
            old = _install(checkout, python_for(checkout / LOCK), root / "old", name=commit[:7])
        yield old, _install(ROOT, Path(sys.executable), root / "new", name="this tree")


def python_for(lock: Path, *, cache: Path | None = None) -> Path:
    """The interpreter of an environment with exactly the packages of a lock, made if there is none.

    Raises:
        CheckoutError: there is no lock, or its packages cannot be installed.
    """
    if not lock.exists():
        raise CheckoutError(f"that commit has no {LOCK}. Next: choose a later one")
    if lock.read_bytes() == (ROOT / LOCK).read_bytes():
        return Path(sys.executable)
    digest = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:16]
    home = (cache or _cache()) / digest
    home.parent.mkdir(parents=True, exist_ok=True)
    python, ready = home / "bin" / "python", home / ".ready"
    with FileLock(f"{home}.lock"):
        if not ready.exists():
            say(f"setting up the packages of its lock in {home}: about a minute")
            _run(sys.executable, "-m", "venv", "--clear", str(home))
            _run(str(python), *_PIP, "-r", str(lock))
            ready.touch()
    return python


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cubefeed-bench"


@contextlib.contextmanager
def _worktree(commit: str, directory: Path) -> Iterator[Path]:
    try:
        _git("worktree", "add", "--quiet", "--detach", str(directory), commit)
        yield directory
    finally:
        with contextlib.suppress(CheckoutError):
            _git("worktree", "remove", "--force", "--force", str(directory))
        _git("worktree", "prune")  # also of one that a killed run has left


def _install(source: Path, python: Path, site: Path, *, name: str) -> Program:
    options = ("--no-index", "--no-build-isolation", "--root-user-action=ignore", "--target", str(site))
    _run(str(python), *_PIP, *options, str(source))
    return Program(name, python, site)


def _git(*arguments: str) -> str:
    return _run(*_GIT, *arguments).strip()


def _run(*command: str) -> str:
    """What it prints."""
    variables = environment()
    del variables["PYTHONPATH"]
    try:
        done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise CheckoutError(f"there is no {command[0]}") from None
    if done.returncode != 0:
        raise CheckoutError(f"{' '.join(command)} ended with {done.returncode}\n{done.stderr[-2_000:]}")
    return done.stdout
