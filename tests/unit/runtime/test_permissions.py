"""Who can change a file, and so what a dataset's declaration runs."""

from __future__ import annotations

import grp
import os
import pwd
import py_compile
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from flows.datasets import find_dataset
from flows.errors import DeclarationError
from flows.runtime.permissions import Weakness, weakness_of

DECLARED = """
import dataframely as dy
from cubefeed import Dataset

class Row(dy.Schema):
    Name = dy.String(primary_key=True)

MINE = Dataset(schema=Row, landing="{landing}")
"""
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
NOBODY = 65534


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A declaration three directories deep."""
    made = tmp_path / "outer" / "inner" / "mine.py"
    made.parent.mkdir(parents=True)
    made.write_text(DECLARED.format(landing="first"))
    return made


def mend(file: Path) -> None:
    """Type what the error says."""
    with pytest.raises(DeclarationError, match="is code") as raised:
        find_dataset(f"{file}:MINE")
    command = raised.value.next_step.partition("type: ")[2]
    subprocess.run(shlex.split(command), check=True)
    assert find_dataset(f"{file}:MINE").name == "row"


def test_a_declaration_that_only_its_user_can_write_is_loaded(file: Path) -> None:
    file.chmod(0o644)
    file.parent.chmod(0o755)
    assert find_dataset(f"{file}:MINE").directory == Path("first")


@pytest.mark.parametrize("mode", [0o646, 0o666, 0o602])
def test_one_that_others_may_write_is_refused_with_the_command_to_type(file: Path, mode: int) -> None:
    file.chmod(mode)
    mend(file)
    assert stat.S_IMODE(file.stat().st_mode) == mode & ~0o022


@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize("mode", [0o757, 0o777])
def test_one_in_a_directory_that_others_may_write_is_refused(file: Path, depth: int, mode: int) -> None:
    file.parents[depth].chmod(mode)
    mend(file)


@ROOT_ONLY
@pytest.mark.parametrize("depth", [None, 0, 1])
def test_a_group_that_others_are_in_may_not_write_it(file: Path, depth: int | None) -> None:
    path = file if depth is None else file.parents[depth]
    os.chown(path, -1, NOBODY)
    path.chmod(0o775)
    mend(file)


@pytest.mark.skipif(grp.getgrgid(os.getegid()).gr_name != pwd.getpwuid(os.geteuid()).pw_name, reason="no group of one")
def test_the_group_of_this_user_alone_may_write_it(file: Path) -> None:
    file.chmod(0o664)
    file.parent.chmod(0o775)
    assert weakness_of(file) is None


def test_a_directory_in_which_nobody_replaces_what_is_anothers_may_be_open(file: Path) -> None:
    file.parents[1].chmod(0o1777)
    assert weakness_of(file) is None


@ROOT_ONLY
def test_one_that_belongs_to_another_user_is_refused(file: Path) -> None:
    os.chown(file, NOBODY, NOBODY)
    mend(file)


@ROOT_ONLY
@pytest.mark.parametrize("depth", [0, 1])
def test_nobody_is_asked_to_take_a_directory_from_another_user(file: Path, depth: int) -> None:
    for path in (file, file.parents[depth]):
        os.chown(path, NOBODY, NOBODY)
    with pytest.raises(DeclarationError, match=f"{file.parents[depth]} belongs to another user.*then copy it to"):
        find_dataset(f"{file}:MINE")


@ROOT_ONLY
def test_nobody_is_asked_to_type_what_only_another_user_can(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.chmod(0o666)
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
    assert weakness_of(file) == Weakness(f"others may write {file}", None)
    os.chown(file, NOBODY, -1)
    assert weakness_of(file) == Weakness(f"others may write {file}", f"chmod go-w {file}")


def test_the_way_through_a_link_counts(file: Path, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    link = tmp_path / "open" / "mine.py"
    link.symlink_to(file)
    mend(link)
    folder = tmp_path / "folder"
    folder.symlink_to(file.parent)
    file.parent.chmod(0o777)
    mend(folder / "mine.py")


@ROOT_ONLY
def test_a_link_that_another_user_has_made_is_refused(file: Path, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o1777)
    link = tmp_path / "shared" / "mine.py"
    link.symlink_to(file)
    os.chown(link, NOBODY, NOBODY, follow_symlinks=False)
    mend(link)


def test_what_was_compiled_beside_it_is_not_run(file: Path) -> None:
    other = file.with_name("other.py")
    other.write_text(DECLARED.format(landing="other"))
    os.utime(other, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    cached = file.parent / "__pycache__" / f"mine.{sys.implementation.cache_tag}.pyc"
    py_compile.compile(str(other), cfile=str(cached), doraise=True)
    assert find_dataset(f"{file}:MINE").directory == Path("first")
    assert sorted(each.name for each in cached.parent.iterdir()) == [cached.name]


def test_one_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="check the path"):
        find_dataset(f"{tmp_path}/nowhere.py:MINE")
    with pytest.raises(DeclarationError, match="check the path"):
        find_dataset(f"{tmp_path}/.py:MINE")
