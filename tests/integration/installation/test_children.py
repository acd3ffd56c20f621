"""The processes that `up` keeps."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from flows.errors import StateError
from flows.installation import processes as children
from flows.installation.demo import port_for
from flows.installation.ports import listen
from flows.installation.processes import Child
from flows.installation.working_directory import require_own_working_directory
from tests.integration.small_disk import small_disk
from tests.waiting import until

COUNTING = "import itertools, time\nfor n in itertools.count(): print(f'line {n:06d}', flush=True); time.sleep(0.001)"


@pytest.mark.parametrize("full", [False, True], ids=["room", "no room"])
def test_a_log_that_grows_too_large_is_cut_off_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    monkeypatch.setattr(children, "LOG_BYTES", 4096)
    monkeypatch.setattr(children, "KEPT_BYTES", 1024)
    with small_disk(tmp_path / "logs", size_bytes=1 << 16) as disk:
        log = disk.path / "child.log"
        child = Child("counting", [sys.executable, "-c", COUNTING], {}, log, signal.SIGKILL)
        child.start()
        try:
            until(lambda: log.stat().st_size > 8192)
            if full:
                disk.fill()
            child.trim_log()
            assert log.stat().st_size < 4096
            until(lambda: log.stat().st_size > 120)
            assert log.read_bytes().splitlines()[-1].startswith(b"line ")
        finally:
            child.end()
        kept = log.with_name("child.log.1")
        assert kept.exists() is not full
        assert full or (kept.stat().st_size >= 1024 and b"line" in kept.read_bytes())


def test_a_child_imports_nothing_that_lies_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("import pathlib; pathlib.Path('imported').touch()")
    monkeypatch.chdir(tmp_path)
    child = Child("a child", [sys.executable, "-c", "import json"], {}, tmp_path / "log", signal.SIGTERM)
    child.start()
    assert child.process is not None and child.process.wait(20) == 0, (tmp_path / "log").read_text()
    assert not (tmp_path / "imported").exists()


def test_nothing_is_started_where_others_may_put_the_settings_of_prefect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    here.mkdir()
    elsewhere.touch()
    monkeypatch.chdir(here)
    require_own_working_directory()
    for name in ("prefect.toml", ".env", "pyproject.toml"):
        file = here / name
        for make in (file.touch, lambda file=file: file.symlink_to(elsewhere)):
            make()
            require_own_working_directory()
            file.chmod(0o646)  # of a link: what it leads to
            with pytest.raises(StateError, match=r"settings .*others may write .*chmod go-w"):
                require_own_working_directory()
            file.chmod(0o644)
            file.unlink()
    for mode in (0o757, 0o1777):
        here.chmod(mode)
        with pytest.raises(StateError, match=f"others may write {here}.*in another directory"):
            require_own_working_directory()


def test_the_demo_takes_another_port_where_its_own_is_taken() -> None:
    with listen(0) as other:
        taken = other.getsockname()[1]
        assert port_for(taken) == 0
        with pytest.raises(StateError, match=f"port={taken}.*--prefect-port"):
            listen(taken)
    assert port_for(taken) == taken
