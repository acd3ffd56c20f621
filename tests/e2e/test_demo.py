"""`cubefeed demo`: the guide's story, through a real Prefect server."""

from __future__ import annotations

import signal

import pytest

from tests.e2e.running import Place, installation, started, states_in_the_database

THREE_DAYS = {"2021-05-01": 10, "2021-05-02": 7, "2021-05-03": 8}
FINAL = {"Completed", "Failed", "Cancelled", "Crashed"}

pytestmark = pytest.mark.slow


def test_the_story_is_told_and_the_live_process_answers_until_it_is_stopped(place: Place) -> None:
    with started(place, "demo", "--keep", "--state", place.state, "--prefect-port", 0) as running:
        up = installation(running, place)
        assert all(f"{date} │" in running.said for date in THREE_DAYS) and "Traceback" not in running.said
        assert running.said.index("10 │") < running.said.index("the cube shows it") < running.said.index(" 8 │")

        assert up.sales() == THREE_DAYS
        assert place.sales() == THREE_DAYS
        assert place.json("query", "contributors.COUNT") == [{"contributors.COUNT": 10}]
        status = place.json("status")
        assert status["prefect_url"] == up.prefect.url and status["url"] == up.owner["url"]
        (live,) = up.prefect.started_runs("keep-cube-live")
        assert live["state"]["name"] == "Running" and live["id"] == status["run"]

        assert running.end(signal.SIGINT) == 0
        assert running.said.rstrip().endswith("stopped")
    place.assert_nothing_left()
    states = states_in_the_database(place)
    assert [state for state, _ in states["keep-cube-live"]] == ["Cancelled"]
    assert {state for state, _ in states["load_window"]} == {"Completed"}
    assert "nanobind" not in (place.state / "serve.log").read_text()

    again = place.run("demo", "--state", place.state, code=1).stderr
    assert "begins with an empty cube" in again
