"""One running installation."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator

import pytest

from tests.e2e.program import (
    SAMPLES,
    Installation,
    Place,
    installation,
    started,
    states_in_the_database,
)

FINAL = {"Completed", "Failed", "Cancelled", "Crashed"}


@pytest.fixture(scope="package")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One running installation for all tests here, since a start takes seconds, in a directory that holds a `flows/` of
    somebody else; ended by SIGTERM."""
    place = Place(tmp_path_factory.mktemp("up"))
    place.put_flows_of_a_team()
    shutil.copytree(SAMPLES / "current", place.landing)
    with started(place, "up", "--landing", place.landing, "--prefect-port", 0) as running:
        found = installation(running, place)
        place.environment["PREFECT_API_URL"] = f"{found.prefect.url}/api"
        place.environment["PREFECT_API_AUTH_STRING"] = str(found.prefect.secret)
        found.wait_for_owner()
        yield found
        assert running.end(signal.SIGTERM) == 0, running.output
        assert running.output.rstrip().endswith("stopped") and "Traceback" not in running.output
    place.assert_nothing_left()
    states = states_in_the_database(place)
    assert {state for runs in states.values() for state, _ in runs} <= FINAL, states
    assert states["keep-cube-live"][-1][0] == "Cancelled"
    assert "nanobind" not in (place.state / "serve.log").read_text()
