"""`cubefeed demo` where the package is installed: the guide's story, through a real Prefect server."""

from __future__ import annotations

import os
import pty
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.e2e.program import Place, RunningProgram, installation, started_program, states_in_the_database
from tests.waiting import PATIENCE_S, until
from tests.wheel import build_wheel, install_wheel

THREE_DAYS = {"2021-05-01": 10, "2021-05-02": 7, "2021-05-03": 8}
FINAL = {"Completed", "Failed", "Cancelled", "Crashed"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the programs of an environment lie in which the wheel is installed, outside of the repository."""
    root = tmp_path_factory.mktemp("installed")
    wheel = build_wheel(root / "tree", root / "wheels", umask=0o022, touched=time.time())
    return install_wheel(wheel, root / "environment")


@pytest.fixture
def place(place: Place, installed: Path) -> Place:
    """A place where the installed program runs, and nothing of the repository is imported."""
    place.environment["PYTHONPATH"] = ""
    place.entry_point = (str(installed / "cubefeed"),)
    return place


@contextmanager
def at_terminal(place: Place, *arguments: object) -> Iterator[tuple[RunningProgram, Callable[[str], object]]]:
    """A command that a person has started at a terminal, and how she presses keys there."""
    keyboard, terminal = pty.openpty()
    with started_program(place, "demo", *place.command(*arguments), terminal=terminal) as running:
        os.close(terminal)
        reading = threading.Thread(target=_write_down, args=(keyboard, running.log))
        reading.start()
        yield running, lambda keys: os.write(keyboard, keys.encode())
    reading.join()
    os.close(keyboard)


def _write_down(terminal: int, log: Path) -> None:
    """What a terminal shows, until nothing has it open any more."""
    with log.open("ab", buffering=0) as written, suppress(OSError):
        while shown := os.read(terminal, 4096):
            written.write(shown)


def test_the_installed_package_says_its_version_and_has_the_public_names(place: Place, installed: Path) -> None:
    assert place.run("--version").stdout == f"cubefeed {version('cubefeed')}\n"
    names = "import cubefeed, flows; print(cubefeed.__version__, cubefeed.__file__, flows.__file__)"
    shown, *files = place.run_any(str(installed / "python"), "-c", names).stdout.split()
    assert shown == version("cubefeed")
    assert len(files) == 2 and all(Path(file).is_relative_to(installed.parent) for file in files)


def test_the_story_ends_well_and_the_live_process_answers_until_enter_is_pressed(place: Place) -> None:
    with at_terminal(place, "demo", "--state", place.state, "--prefect-port", 0) as (running, press):
        up = installation(running, place)
        assert all(f"{date} │" in running.output for date in THREE_DAYS) and "Traceback" not in running.output
        assert running.output.index("10 │") < running.output.index("the cube shows it") < running.output.index(" 8 │")

        assert up.sales() == THREE_DAYS
        assert place.sales() == THREE_DAYS
        assert place.json("query", "contributors.COUNT") == [{"contributors.COUNT": 10}]
        status = place.json("status")
        assert status["prefect_url"] == up.prefect.url and status["url"] == up.owner["url"]
        (live,) = up.prefect.started_runs("keep-cube-live")
        assert live["state"]["name"] == "Running" and live["id"] == status["run"]

        press("\n")
        assert running.process.wait(PATIENCE_S) == 0
        until(lambda: running.output.rstrip().endswith("stopped"), what="its last word")
    place.assert_nothing_left()
    states = states_in_the_database(place)
    assert [state for state, _ in states["keep-cube-live"]] == ["Cancelled"]
    assert {state for state, _ in states["load_window"]} == {"Completed"}
    assert "nanobind" not in (place.state / "serve.log").read_text()

    again = place.run("demo", "--state", place.state, code=1).stderr
    assert "begins with an empty cube" in again
