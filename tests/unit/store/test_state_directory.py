"""Who owns a state directory."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import stat
from pathlib import Path

import pytest

from flows.cli.records import list_files
from flows.errors import NotRunning, StateError
from flows.ingest.client import read
from flows.settings import Settings
from flows.store.atomic_write import make_inside, write_file
from flows.store.backup import make_backup
from flows.store.owner import End, Owner
from flows.store.state_directory import StateDirectory


def test_an_owner_is_known_as_long_as_its_process_lives(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    with state.owned():
        state.announce(Owner(os.getpid(), "duckdb", datasets=("sales",)))
        owner = state.owner()
        assert owner is not None and (owner.pid, owner.datasets) == (os.getpid(), ("sales",))


def test_nobody_is_believed_who_does_not_hold_the_lock(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    state.announce(Owner(os.getpid(), "duckdb", url="http://127.0.0.1:9"))
    assert state.owner() is None
    state.lock_file.touch()
    assert state.owner() is None
    with pytest.raises(NotRunning, match="the last session was killed"):
        state.require_owner()


@pytest.mark.parametrize("output", [None, "no json"])
def test_a_live_session_whose_name_was_removed_is_not_called_ended(tmp_path: Path, output: str | None) -> None:
    state = StateDirectory(tmp_path)
    with state.owned():
        state.announce(Owner(os.getpid(), "duckdb"))
        state.owner_file.unlink()
        if output is not None:
            state.owner_file.write_text(output)
        with pytest.raises(NotRunning, match=r"A process holds this state directory.*fuser .*lock"):
            state.require_owner()


def test_an_owner_in_a_directory_that_others_can_write_is_not_believed(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    with state.owned():
        state.announce(Owner(os.getpid(), "duckdb"))
        tmp_path.chmod(0o777)
        with pytest.raises(StateError, match="chmod 700"):
            state.owner()
        tmp_path.chmod(0o700)
        state.owner_file.chmod(0o666)
        with pytest.raises(StateError, match=r"owner\.json, which others can write"):
            state.owner()


def test_an_owner_that_is_a_link_or_a_pipe_is_not_believed(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    with state.owned():
        state.announce(Owner(os.getpid(), "duckdb"))
        state.owner_file.rename(tmp_path / "theirs")
        state.owner_file.symlink_to(tmp_path / "theirs")
        with pytest.raises(StateError, match="cannot be read"):
            state.owner()
        state.owner_file.unlink()
        os.mkfifo(state.owner_file)
        assert state.owner() is None
        state.owner_file.unlink()


def test_an_end_that_others_can_have_written_or_that_is_a_pipe_is_not_believed(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    state.note_end(End("it failed", "see why", 1))
    assert state.last_end() is not None
    state.end_file.chmod(0o666)
    assert state.last_end() is None
    state.end_file.unlink()
    os.mkfifo(state.end_file)
    assert state.last_end() is None
    state.end_file.unlink()


def test_another_process_with_the_pid_of_a_dead_owner_is_no_owner(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    state.announce(Owner(os.getpid(), "duckdb"))
    output = json.loads(state.owner_file.read_text())
    state.owner_file.write_text(json.dumps({**output, "born": "another boot/1"}))
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
    "output",
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
def test_an_owner_file_that_says_nothing_names_no_owner(tmp_path: Path, output: str) -> None:
    StateDirectory(tmp_path).owner_file.write_text(output)
    assert StateDirectory(tmp_path).owner() is None


def test_a_state_directory_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match=r"cannot be read.*--state"):
        StateDirectory(tmp_path / "file").owner()


def test_a_new_directory_and_an_empty_one_are_closed_to_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for root in (tmp_path / "new", tmp_path / "new"):
        StateDirectory(root).create()
        assert stat.S_IMODE(root.stat().st_mode) == 0o700
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o755)
    StateDirectory(empty).create()
    assert stat.S_IMODE(empty.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o770, 0o701, 0o707])
def test_one_that_others_may_look_into_is_refused_with_the_command_to_type(tmp_path: Path, mode: int) -> None:
    (tmp_path / "file").touch()
    tmp_path.chmod(mode)
    with pytest.raises(StateError, match=f"chmod 700 {tmp_path}"):
        StateDirectory(tmp_path).create()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == mode and [each.name for each in tmp_path.iterdir()] == ["file"]
    tmp_path.chmod(0o700)
    StateDirectory(tmp_path).create()


def test_no_link_that_lies_under_a_known_name_is_followed(tmp_path: Path) -> None:
    state, elsewhere = tmp_path / "state", tmp_path / "elsewhere"
    StateDirectory(state).create()
    for name in (".writable", "owner.json", "ended.json", "owner.partial", ".owner.json.0123.partial"):
        (state / name).symlink_to(elsewhere)
    StateDirectory(state).announce(Owner(os.getpid(), "duckdb"))
    StateDirectory(state).note_end(End("a reason", "mend it", 1))
    assert not elsewhere.exists() and not (state / ".owner.json.0123.partial").is_symlink()


KNOWN = [
    "lock", "ledger.db", "ledger.db-wal", "ledger.db.restored", "segments", "quarantine", "reports", "backups",
    "askers", "prefect", "prefect-secret", "serve.log", "prefect-server.log", "owner.json", "ended.json", ".writable",
    ".clock", "served.json",
    ".owner.json.0123.partial",
]  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_a_link_under_a_known_name_is_refused_with_the_command_to_type(tmp_path: Path, name: str) -> None:
    state, elsewhere = tmp_path / "state", tmp_path / "elsewhere"
    StateDirectory(state).create()
    elsewhere.mkdir()
    for target in (elsewhere, tmp_path / "nowhere"):
        (state / name).symlink_to(target)
        with pytest.raises(StateError, match=f"holds a link, {name}.*rm {state / name}"):
            StateDirectory(state).create()
        with pytest.raises(StateError, match="holds a link"):
            list_files(Settings(state=state), None, (), history=False, limit=1)
        (state / name).unlink()
    StateDirectory(state).create()
    assert not list(elsewhere.iterdir()) and not (tmp_path / "nowhere").exists()


def test_what_others_had_put_there_or_can_write_is_refused(tmp_path: Path) -> None:
    StateDirectory(tmp_path).create()
    (tmp_path / "segments").mkdir(mode=0o700)
    for mode in (0o722, 0o702, 0o777):
        (tmp_path / "segments").chmod(mode)
        with pytest.raises(StateError, match=f"segments, which others can write.*chmod -R go= {tmp_path}$"):
            StateDirectory(tmp_path).create()
    (tmp_path / "segments").chmod(0o755)
    StateDirectory(tmp_path).create()
    os.mkfifo(tmp_path / "ledger.db")
    with pytest.raises(StateError, match=r"ledger.db, which is neither a file nor a directory.*rm "):
        StateDirectory(tmp_path).create()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_belongs_to_another_user_is_refused(tmp_path: Path) -> None:
    StateDirectory(tmp_path).create()
    (tmp_path / "ledger.db").touch()
    os.chown(tmp_path / "ledger.db", 65534, 65534)
    with pytest.raises(StateError, match=r"ledger.db, which is another user's.*rm -r"):
        StateDirectory(tmp_path).create()
    (tmp_path / "ledger.db").unlink()
    os.chown(tmp_path, 65534, 65534)
    with pytest.raises(StateError, match="belongs to another user"):
        StateDirectory(tmp_path).create()


def test_everything_is_private_whatever_the_umask(tmp_path: Path) -> None:
    StateDirectory(tmp_path).create()
    previous = os.umask(0)
    try:
        make_inside(tmp_path, "reports", "sales")
        write_file(tmp_path / "reports" / "sales" / "2021-05-01.html", "a page", what="a report")
        sqlite3.connect(tmp_path / "ledger.db").close()
        make_backup(tmp_path / "ledger.db", tmp_path / "backups")
    finally:
        os.umask(previous)
    for name in ("reports", "reports/sales", "reports/sales/2021-05-01.html", "backups"):
        assert not (tmp_path / name).stat().st_mode & 0o077, name


def test_the_second_owner_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    first, second = StateDirectory(tmp_path), StateDirectory(tmp_path)
    with first.owned():
        first.announce(Owner(os.getpid(), "duckdb"))
        with pytest.raises(StateError, match=f"pid {os.getpid()}"), second.owned():
            pass
    with second.owned():
        pass
    assert second.owner() is None


def test_an_owner_on_another_host_is_named_and_is_nobody_to_ask(tmp_path: Path) -> None:
    there, here = StateDirectory(tmp_path), StateDirectory(tmp_path)
    with there.owned():
        there.announce(Owner(os.getpid(), "duckdb"))
        facts = json.loads(there.owner_file.read_text())
        assert facts["host"] == socket.gethostname()
        there.owner_file.write_text(json.dumps({**facts, "host": "far-away", "born": "another boot/1", "pid": 7}))
        assert here.owner() is None
        with pytest.raises(StateError, match=r"pid 7 on the host far-away"), here.owned():
            pass
        with pytest.raises(NotRunning, match=r"runs elsewhere \(pid 7 on the host far-away\).*ask it there"):
            here.require_owner()
    assert here.holder() is None


def test_a_host_that_is_renamed_keeps_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = StateDirectory(tmp_path)
    with state.owned():
        state.announce(Owner(os.getpid(), "duckdb"))
        monkeypatch.setattr(socket, "gethostname", lambda: "renamed")
        owner = state.require_owner()
        assert owner.process == f"pid {os.getpid()}"


def test_an_owner_that_an_earlier_version_has_written_is_read(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    with state.owned():
        state.announce(Owner(os.getpid(), "duckdb"))
        facts = json.loads(state.owner_file.read_text())
        del facts["host"]
        state.owner_file.write_text(json.dumps(facts))
        assert state.require_owner().pid == os.getpid()


def test_who_owns_a_directory_now_is_not_taken_for_who_was_killed_elsewhere(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    killed = {"pid": 7, "engine": "duckdb", "datasets": [], "born": "another boot/1", "host": "far-away"}
    state.owner_file.write_text(json.dumps(killed))
    assert state.holder() is None
    with state.owned():
        assert state.holder() is None
        with pytest.raises(NotRunning, match="has not said"):
            state.require_owner()


def test_what_a_killed_owner_left_half_written_is_removed_by_the_next_one(tmp_path: Path) -> None:
    (tmp_path / ".owner.json.0123456789ab.partial").write_text("{")
    (tmp_path / ".ledger.db.0123456789ab.partial").touch()
    StateDirectory(tmp_path).announce(Owner(os.getpid(), "duckdb"))
    assert sorted(file.name for file in tmp_path.iterdir()) == [".ledger.db.0123456789ab.partial", "owner.json"]


def test_a_live_session_does_not_fail_over_how_the_last_one_ended(tmp_path: Path) -> None:
    StateDirectory(tmp_path).end_file.mkdir()
    StateDirectory(tmp_path).forget_end()
    assert StateDirectory(tmp_path).last_end() is None
