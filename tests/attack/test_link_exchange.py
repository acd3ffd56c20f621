"""Names in the landing directory that are exchanged for links while files are found and opened."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attack import name_exchange
from tests.attack.system import HEADER, System, attacked

pytestmark = pytest.mark.slow

DECLARATION = """
from dataclasses import replace
from cubefeed import Completeness, Keep
from flows.datasets.sales import SALES
DEEP = replace(SALES, recursive=True, when_deleted=Keep(), completeness=Completeness(settle_s=0.01))
"""
SECRET = "0b5d2f7c-private"
"""What the files outside hold and nothing else does."""


@pytest.fixture(scope="module")
def outside() -> Iterator[Path]:
    """Files that are nobody's business: one that would load, and one that would be refused."""
    with tempfile.TemporaryDirectory(prefix="cubefeed-outside-") as name:
        directory = Path(name)
        (directory / "sound.csv").write_text(f"{HEADER}900001,2021-05-01,{SECRET},1\n")
        (directory / "unsound.csv").write_text(f"{HEADER}{SECRET},2021-05-01,{SECRET},x\n")
        yield directory


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    """A session on a landing directory whose directories are searched too, and as often as can be."""
    with tempfile.TemporaryDirectory(prefix="cubefeed-declared-") as name:
        declared = Path(name, "deep.py")
        declared.write_text(DECLARATION)
        with attacked({"CUBEFEED_DATASETS": f"{declared}:DEEP", "CUBEFEED_OBSERVER": "polling"}) as running:
            yield running


@pytest.fixture
def require_exchange(tmp_path: Path) -> None:
    """Skip where the system cannot exchange two names in one step."""
    for name in ("one", "other"):
        (tmp_path / name).touch()
    try:
        name_exchange.exchange(tmp_path / "one", tmp_path / "other")
    except (OSError, AttributeError) as error:
        pytest.skip(f"two names cannot be exchanged here: {error}")


@pytest.mark.parametrize("seconds", [3, pytest.param(30, marks=pytest.mark.deep)])
@pytest.mark.parametrize("kind", ["file", "directory"])
@pytest.mark.usefixtures("require_exchange")
def test_what_flips_between_a_delivery_and_a_link_brings_nothing_in_from_outside(
    system: System, outside: Path, kind: str, seconds: int
) -> None:
    command: list[str | Path] = [
        sys.executable,
        name_exchange.__file__,
        system.place.landing,
        outside,
        kind,
        str(seconds),
    ]

    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, check=True)

    assert int(done.stdout) > 1
    system.assert_still_loading()
    assert_unknown(system)


def assert_unknown(system: System) -> None:
    """Nothing of the files outside is in the cube, the findings, the quarantine, the ledger or the log."""
    assert SECRET not in system.products()
    assert SECRET not in system.place.run("findings", "--format", "json").stdout
    assert SECRET not in system.place.run("files", "--all", "--format", "json").stdout
    assert SECRET not in system.running.output
    kept = [file for file in system.place.state.rglob("*") if file.is_file()]
    assert len(kept) > 3
    assert not [file for file in kept if SECRET.encode() in file.read_bytes()]
