"""The secret of the Prefect server: made once, for its owner alone, and never taken from elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flows.errors import NotRunning, StateError
from flows.store.secret import known_secret, prefect_secret


def test_it_is_made_once_and_stays(tmp_path: Path) -> None:
    file = tmp_path / "prefect-secret"
    previous = os.umask(0)
    try:
        secret = prefect_secret(file)
    finally:
        os.umask(previous)
    assert prefect_secret(file) == secret == known_secret(tmp_path)
    assert secret.startswith("cubefeed:") and len(secret) > 40
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["prefect-secret"]


def test_two_installations_have_two(tmp_path: Path) -> None:
    assert prefect_secret(tmp_path / "one") != prefect_secret(tmp_path / "other")


def test_one_that_others_may_read_is_refused_with_the_command_to_type(tmp_path: Path) -> None:
    file = tmp_path / "prefect-secret"
    prefect_secret(file)
    file.chmod(0o640)
    with pytest.raises(StateError, match=f"chmod 600 {file}"):
        prefect_secret(file)


@pytest.mark.parametrize("content", ["", "cubefeed:short", "other:" + "x" * 43, "\0" * 50])
def test_something_else_is_refused_and_stays(tmp_path: Path, content: str) -> None:
    file = tmp_path / "prefect-secret"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(StateError, match="holds something else"):
        prefect_secret(file)
    assert file.read_text() == content


def test_no_link_is_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    prefect_secret(elsewhere)
    (tmp_path / "prefect-secret").symlink_to(elsewhere)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("prefect-secret", "dangling"):
        with pytest.raises(StateError, match="cannot be read"):
            prefect_secret(tmp_path / name)
    assert not (tmp_path / "nowhere").exists()


def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "prefect-secret", 0o600)
    with pytest.raises(StateError, match="no file"):
        prefect_secret(tmp_path / "prefect-secret")


def test_an_installation_without_a_server_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="cubefeed up"):
        known_secret(tmp_path)
