"""Where `cubefeed deploy` cannot: it says why, and changes nothing."""

from __future__ import annotations

import pytest

from tests.e2e.program import Place
from tests.e2e.server.conftest import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def refused(place: Place, *arguments: object) -> str:
    """What `deploy` says where it cannot."""
    done = place.run("deploy", *arguments, code=1)
    assert not done.stdout and "Traceback" not in done.stderr
    return done.stderr


def test_a_pool_of_another_type_and_a_wrong_secret_are_refused(server: Server, place: Place) -> None:
    server.prefect.post("/work_pools/", {"name": "containers", "type": "docker"})
    said = refused(place, "--pool", "containers")
    assert "The work pool containers is of type docker" in said and "name another one with --pool" in said
    place.environment["PREFECT_API_AUTH_STRING"] = "admin:wrong-wrong"
    said = refused(place)
    assert "refuses who asks (401)" in said and "set PREFECT_API_AUTH_STRING" in said and "wrong-wrong" not in said
    assert not server.prefect.post("/deployments/filter", {})
