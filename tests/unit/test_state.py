"""Who owns a state directory."""

from __future__ import annotations

import json
import os
import socket
import stat
from pathlib import Path

import pytest

from flows.app.client import read
from flows.errors import NotRunning, StateError
from flows.store.state import End, Owner, State


def test_an_owner_is_known_as_long_as_its_process_lives(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.announce(Owner(os.getpid(), "duckdb", datasets=("sales",)))
    owner = state.owner()
    assert owner is not None and (owner.pid, owner.datasets) == (os.getpid(), ("sales",))


def test_another_process_with_the_pid_of_a_dead_owner_is_no_owner(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.announce(Owner(os.getpid(), "duckdb"))
    said = json.loads(state.owner_file.read_text())
    state.owner_file.write_text(json.dumps({**said, "born": "another boot/1"}))
    assert state.owner() is None
    with pytest.raises(NotRunning, match=r"the last session was killed .*cubefeed up"):
        state.require_owner()


def test_a_session_that_stands_still_is_named_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        owner = Owner(os.getpid(), "duckdb", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        with pytest.raises(NotRunning, match=rf"does not answer .*pid={os.getpid()} .*ask again in a minute"):
            read(owner, "/api/status", timeout_s=0.1)


NAMES = '"engine": "duckdb", "datasets": [], "born": ""'


@pytest.mark.parametrize(
    "said",
    [
        "",
        "[]",
        "{}",
        '{"pid": 1}',
        "no json",
        f'{{"pid": "1", {NAMES}}}',
        f'{{"pid": true, {NAMES}}}',
        f'{{"pid": {10**30}, {NAMES}}}',
        f'{{"pid": -1, {NAMES}}}',
        f'{{"pid": 1, "url": 5, {NAMES}}}',
    ],
)
def test_an_owner_file_that_says_nothing_names_no_owner(tmp_path: Path, said: str) -> None:
    State(tmp_path).owner_file.write_text(said)
    assert State(tmp_path).owner() is None


def test_a_state_directory_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match=r"cannot be read.*--state"):
        State(tmp_path / "file").owner()


def test_a_new_directory_and_an_empty_one_are_closed_to_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for root in (tmp_path / "new", tmp_path / "new"):
        State(root).create()
        assert stat.S_IMODE(root.stat().st_mode) == 0o700
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o755)
    State(empty).create()
    assert stat.S_IMODE(empty.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o770, 0o701, 0o707])
def test_one_that_others_may_look_into_is_refused_with_the_command_to_type(tmp_path: Path, mode: int) -> None:
    (tmp_path / "file").touch()
    tmp_path.chmod(mode)
    with pytest.raises(StateError, match=f"chmod 700 {tmp_path}"):
        State(tmp_path).create()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == mode and [each.name for each in tmp_path.iterdir()] == ["file"]
    tmp_path.chmod(0o700)
    State(tmp_path).create()


def test_no_link_that_lies_under_a_known_name_is_followed(tmp_path: Path) -> None:
    state, elsewhere = tmp_path / "state", tmp_path / "elsewhere"
    State(state).create()
    for name in (".writable", "owner.json", "ended.json", "owner.partial"):
        (state / name).symlink_to(elsewhere)
    State(state).create()
    State(state).announce(Owner(os.getpid(), "duckdb"))
    State(state).note_end(End("a reason", "mend it", 1))
    assert not elsewhere.exists()


def test_the_second_owner_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    first, second = State(tmp_path), State(tmp_path)
    with first.owned():
        first.announce(Owner(os.getpid(), "duckdb"))
        with pytest.raises(StateError, match=f"pid {os.getpid()}"), second.owned():
            pass
    with second.owned():
        pass
    assert second.owner() is None


def test_what_a_killed_owner_left_half_written_is_removed_by_the_next_one(tmp_path: Path) -> None:
    (tmp_path / ".owner.json.0123456789ab.partial").write_text("{")
    (tmp_path / ".ledger.db.0123456789ab.partial").touch()
    State(tmp_path).announce(Owner(os.getpid(), "duckdb"))
    assert sorted(file.name for file in tmp_path.iterdir()) == [".ledger.db.0123456789ab.partial", "owner.json"]


def test_a_live_session_does_not_fail_over_how_the_last_one_ended(tmp_path: Path) -> None:
    State(tmp_path).end_file.mkdir()
    State(tmp_path).forget_end()
    assert State(tmp_path).last_end() is None
