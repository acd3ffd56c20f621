"""A file takes no more memory than was reckoned for it: what would is refused, and the process lives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.model.limits import Limits
from flows.settings import Observer
from flows.validation.cost import SHARE
from tests.integration.live_feed import live, sales
from tests.integration.reading.costly_files import BOMBS, NAMES, SMALL_BYTES
from tests.repository import ROOT

LEFT_BYTES = 300_000_000
ORDINARY = ("digits", "one quoted cell", "zstd")
"""One of each: many cells, one cell, a bomb."""


def read_under_a_limit(kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.reading.costly_files", kind, str(LEFT_BYTES)],
        cwd=ROOT,
        env={**os.environ, "POLARS_MAX_THREADS": "2"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    read, refused = json.loads(done.stdout)
    assert refused <= LEFT_BYTES
    assert kind in BOMBS or SMALL_BYTES <= read < refused < LEFT_BYTES // SHARE


@pytest.mark.skipif(sys.platform != "linux", reason="the limit and what is left of it are Linux's")
@pytest.mark.parametrize("kind", ORDINARY)
@pytest.mark.slow
def test_files_are_read_up_to_the_room_and_refused_beyond_it_under_a_limit_of_memory(kind: str) -> None:
    read_under_a_limit(kind)


@pytest.mark.deep
@pytest.mark.parametrize("kind", sorted({*NAMES, *BOMBS} - set(ORDINARY)))
def test_files_of_every_kind_are_read_up_to_the_room_and_refused_beyond_it(kind: str) -> None:
    read_under_a_limit(kind)


def test_rows_stay_where_their_file_would_not_fit_into_memory_any_more(
    observer: Observer, quick: None, tmp_path: Path
) -> None:
    with live(tmp_path, observer) as living:
        living.put("a.csv", sales(1, 2))
        living.wait_for({1: 1, 2: 2})
    with live(tmp_path, observer, revision=1, limits=Limits(read_memory_bytes=100)) as living:
        living.look()
        assert (living.quantities(), living.state_of("a.csv")) == ({1: 1, 2: 2}, "loaded")
        living.put("b.csv", sales(3, start=3))
        living.wait_until(lambda: living.state_of("b.csv") == "quarantined")
