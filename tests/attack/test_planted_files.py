"""Another user puts files under names that are known: a state directory of theirs, links, code that declares."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.web.token import make_token
from tests.attack.system import NOBODY, System, as_stranger, attacked
from tests.e2e.program import Place, started_program

pytestmark = pytest.mark.slow

TOKEN = make_token()
PYTHON = "/usr/bin/python3"
OWNER_OF_THEIRS = """
import fcntl, json, os, socket, sys
from pathlib import Path
state = Path(sys.argv[1])
state.mkdir(mode=0o700)
lock = open(state / "lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX)
server = socket.create_server(("127.0.0.1", 0))
born = Path("/proc/sys/kernel/random/boot_id").read_text().strip() + "/"
born += Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19]
url = "http://127.0.0.1:%d" % server.getsockname()[1]
owner = {"pid": os.getpid(), "engine": "duckdb", "url": url, "prefect_url": url, "run": None, "datasets": ["sales"],
         "since_utc": "2021-05-01T00:00:00Z", "born": born}
(state / "owner.json").write_text(json.dumps(owner))
print("ready", flush=True)
while True:
    heard, _ = server.accept()
    heard.settimeout(2)
    print(heard.recv(10_000), flush=True)
    heard.close()
"""


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    """A session that asks for a token, with a directory beside it where everybody may put files."""
    with attacked({"CUBEFEED_TOKEN": TOKEN}) as running:
        shared = running.place.root / "shared"
        shared.mkdir()
        shared.chmod(0o1777)
        yield running


def test_the_token_is_sent_to_no_owner_of_another_users_directory(system: System) -> None:
    if as_stranger(PYTHON, "-c", "").returncode:
        pytest.skip("another user can run no Python")
    theirs = system.place.root / "shared" / "state"
    command = (
        "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
        PYTHON, "-c", OWNER_OF_THEIRS, str(theirs),
    )  # fmt: skip
    with started_program(system.place, "theirs", *command) as listener:
        listener.wait_for_word("ready")
        for words in (("query", "Quantity.SUM"), ("prefect-env",), ("load",), ("files",), ("watch",)):
            output = system.place.run(*words, "--state", theirs, code=1)
            assert "belongs to another user" in output.stderr and "Traceback" not in output.stderr, words
        assert listener.output == "ready\n"
    system.assert_still_loading()


def test_links_that_another_user_had_planted_are_not_followed(system: System, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    place = Place(tmp_path)
    for name in ("lock", "ledger.db", "segments", "quarantine"):
        place.state.mkdir(exist_ok=True)
        (place.state / name).symlink_to(mine / "new" if name == "lock" else mine)
        place.state.chmod(0o700)  # as the error said that was there before
        output = place.run("watch", "--landing", place.landing, "--dataset", "sales", code=1).stderr
        assert f"holds a link, {name}" in output and "Traceback" not in output
        subprocess.run(shlex.split(output.partition("Next: ")[2].partition(";")[0]), check=True)
        assert not (place.state / name).is_symlink()
    assert not list(mine.iterdir())
    system.assert_still_loading()


def test_a_session_whose_name_was_removed_is_not_called_ended(system: System) -> None:
    owner = system.place.state / "owner.json"
    owner.rename(owner.with_name("away"))
    try:
        output = system.place.run("status", code=3).stderr
        assert "A process holds this state directory" in output and "Nothing is running" not in output
    finally:
        owner.with_name("away").rename(owner)
    system.assert_still_loading()


DECLARED = """
import pathlib
import dataframely as dy
from cubefeed import Dataset

class Row(dy.Schema):
    Name = dy.String(primary_key=True)

pathlib.Path({marker!r}).touch()
MINE = Dataset(schema=Row, landing={landing!r})
"""


@pytest.mark.parametrize("where", ["a file of theirs", "a file that all may write", "a directory that all may write"])
def test_a_dataset_file_that_another_user_has_written_is_not_run(system: System, tmp_path: Path, where: str) -> None:
    folder = system.place.root / where.replace(" ", "-")
    folder.mkdir()
    file, marker = folder / "mine.py", system.place.root / "shared" / where
    file.touch()
    folder.chmod(0o1777 if where == "a file of theirs" else 0o777 if "directory" in where else 0o755)
    if "all may write" in where and "directory" not in where:
        file.chmod(0o666)
    else:
        file.unlink()
    code = DECLARED.format(marker=str(marker), landing=str(tmp_path / "landing"))
    written = as_stranger("sh", "-c", f"printf %s {shlex.quote(code)} > {shlex.quote(str(file))}")
    assert written.returncode == 0 and file.read_text() == code

    output = Place(tmp_path).run("watch", "--dataset", f"{file}:MINE", code=1).stderr
    assert "The dataset file is code" in output and ("chmod go-w" in output or "chown" in output)
    assert not marker.exists()
    system.assert_still_loading()


PLANTED = {
    "prefect.py": "import pathlib; pathlib.Path({marker!r}).touch()",
    "prefect.toml": '[logging]\nconfig_path = "{here}/logging.yml"\n',
    ".env": "PREFECT_LOGGING_SETTINGS_PATH={here}/logging.yml\n",
    "logging.yml": "version: 1\nformatters: {{f: {{(): subprocess.getoutput, cmd: touch {marker}}}}}\n"
    "handlers: {{h: {{class: logging.StreamHandler, formatter: f}}}}\nroot: {{handlers: [h]}}\n",
}
"""What Prefect or Python would take from the directory where they are started."""


@pytest.mark.parametrize("mode", [0o1777, 0o777])
def test_nothing_that_another_user_has_put_where_up_is_started_is_run(system: System, mode: int) -> None:
    here = system.place.root / f"here-{mode:o}"
    here.mkdir()
    here.chmod(mode)
    marker = system.place.root / "shared" / f"run-{mode:o}"
    for name, text in PLANTED.items():
        content = text.format(here=here, marker=str(marker))
        assert as_stranger("sh", "-c", f"printf %s {shlex.quote(content)} > {here / name}").returncode == 0
    state = system.place.root / f"state-{mode:o}"
    place = Place(here, environment={"PYTHONSAFEPATH": "1", "CUBEFEED_STATE": str(state)})
    output = place.run("up", "--prefect-port", 0, code=1).stderr
    assert "Prefect takes settings" in output and f"chmod go-w {here}" in output
    assert not marker.exists()
    system.assert_still_loading()
