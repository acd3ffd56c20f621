"""A state directory that two hosts have: one of them holds it, and the other one is told which."""

from __future__ import annotations

import shutil

import pytest

from tests.e2e.other_host import HOST, session_elsewhere
from tests.e2e.program import SAMPLES, Place

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def test_a_session_on_another_host_is_named_and_no_second_one_begins(place: Place) -> None:
    shutil.copytree(SAMPLES / "current", place.landing)
    place.environment["CUBEFEED_LANDING"] = str(place.landing)
    with session_elsewhere(place):
        for command in ("watch", "up"):
            said = place.run(command, code=1).stderr
            assert f" on the host {HOST}" in said and "stop it, or name another --state" in said
        said = place.run("status", code=3).stderr
        assert f"runs elsewhere (pid 1 on the host {HOST})" in said and "ask it there" in said
        assert f"on the host {HOST})" in place.run("doctor", code=None).stdout.replace("\n", " ")
    assert "Nothing is running" in place.run("status", code=3).stderr
