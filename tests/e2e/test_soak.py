"""What `make soak` does at length, for a minute: a stream, an outage of Prefect's server, its vacuum, corrections."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bench import soak
from tests.bench.installed import Soaked, soaked
from tests.e2e.running import Place

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Soaked]:
    """One installation for all tests here, since a start takes seconds."""
    with soaked(Place(tmp_path_factory.mktemp("soak"))) as found:
        yield found


def test_a_file_a_second_costs_few_windows_and_each_can_be_queried_soon(on: Soaked) -> None:
    print(soak.stream(on, seconds=40))


def test_while_the_server_is_away_files_are_loaded_as_ever_and_shown_later(on: Soaked) -> None:
    print(soak.outage(on, seconds=20, pause_s=12))


def test_an_idle_installation_runs_nothing(on: Soaked) -> None:
    print(soak.idle(on, seconds=10))


@pytest.mark.deep
def test_in_minutes_nothing_runs(on: Soaked) -> None:
    print(soak.idle(on, seconds=240))


@pytest.mark.deep
def test_what_lands_first_in_an_outage_is_shown_in_one_table(on: Soaked) -> None:
    print(soak.outage(on, seconds=60, before_s=0))


def test_old_windows_are_deleted_while_the_live_run_goes_on(on: Soaked) -> None:
    print(soak.vacuum(on))


def test_corrections_take_no_more_memory(place: Place) -> None:
    print(soak.memory(place, rounds=60, settled=20))


@pytest.mark.deep
def test_hundreds_of_corrections_take_no_more_memory(place: Place) -> None:
    print(soak.memory(place, rounds=400, settled=200))
