"""The scenarios of `make soak`, for a minute each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bench import soak
from tests.bench.soak_installation import Soaked, soaked
from tests.conftest import Note
from tests.e2e.program import Place

pytestmark = [pytest.mark.slow, pytest.mark.deep, pytest.mark.timeout(300)]

SECONDS = 60.0
SLACK = 6.0
"""Other tests run beside these: how long files take is the claim of `make soak`."""


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Soaked]:
    """One installation for all scenarios, with a server that can be ended."""
    with soaked(Place(tmp_path_factory.mktemp("soak"))) as found:
        yield found


def test_a_file_a_second_takes_few_windows_and_each_can_be_queried_soon(on: Soaked, note: Note) -> None:
    note(soak.stream(on, seconds=SECONDS, slack=SLACK))


def test_an_idle_installation_takes_no_runs(on: Soaked, note: Note) -> None:
    note(soak.idle(on, seconds=5))


def test_an_outage_in_the_middle_of_a_stream_delays_nothing_and_is_reported(on: Soaked, note: Note) -> None:
    note(soak.outage(on, seconds=SECONDS, slack=SLACK))


def test_old_windows_are_deleted_while_the_session_goes_on(on: Soaked, note: Note) -> None:
    note(soak.vacuum(on))


def test_corrections_of_the_same_files_do_not_make_the_process_grow(place: Place, note: Note) -> None:
    note(soak.memory(place, rounds=60, settled=30))
