"""What `init` makes of archives: their members are understood like files, and a session takes them as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from cubefeed import Zip

from flows.datasets import find_dataset
from flows.errors import QueryError
from tests.unit.inference.stored import init
from tests.zip_files import encrypted, zipped

MAY = b"Order;Day;Amount\n" + b"".join(b"%d;%02d.05.2024;1.%03d,50\n" % (n, n % 28 + 1, n) for n in range(30))
JUNE = MAY.replace(b".05.2024", b".06.2024").replace(b"\n", b"\n7", 30)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()


def put(**files: bytes) -> None:
    for name, body in files.items():
        Path("data", name.replace("__", ".")).write_bytes(body)


def test_members_are_understood_like_files_and_the_archive_is_declared() -> None:
    put(may__zip=zipped({"out/may.csv": MAY, "read me.txt": b"Exports of the shop.\n"}), june__csv=JUNE)
    done = init()
    assert done.exit_code == 0, done.output
    dataset = find_dataset("data.py:DATA")
    assert (dataset.archives, dataset.pattern) == (Zip(), "*.csv")
    source = Path("data.py").read_text()
    assert "archives=Zip(),  # 1 archive" in source and "import Csv, Dataset, Numbers, Zip" in source
    assert "60 rows of 2 files are taken" in done.output
    assert "read me.txt" in done.output, "what is left out of an archive is named"


def test_archives_alone_are_enough_and_their_names_may_say_the_day() -> None:
    body = b"Order,Amount\n" + b"".join(b"%d,%d.5\n" % (n, n) for n in range(20))
    names = {f"export-2024-05-{day:02}.ZIP": zipped({"sales.txt": body}) for day in (1, 2, 3)}
    for name, archive in names.items():
        Path("data", name).write_bytes(archive)
    done = init("--no-key")
    assert done.exit_code == 0, done.output
    dataset = find_dataset("data.py:DATA")
    assert (dataset.archives, dataset.pattern, dataset.path_columns) == (Zip(pattern="*.ZIP"), "*.txt", ("Day",))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (encrypted(zipped({"a.csv": MAY})), "password"),
        (zipped({"b.zip": zipped({"a.csv": MAY})}), "an archive in it: b.zip"),
        (zipped({}), "no file in it"),
        (zipped({"a.csv": MAY})[:-9], "not a zip file"),
    ],
)
def test_an_archive_that_no_session_would_take_is_refused_with_its_reason(body: bytes, said: str) -> None:
    put(export__zip=body)
    done = init()
    assert done.exit_code == 1 and isinstance(done.exception, QueryError)
    assert said in str(done.exception) and "export.zip" in str(done.exception)
    assert not Path("data.py").exists()
