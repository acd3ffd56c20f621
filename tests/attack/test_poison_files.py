"""A file that kills the process which reads it, by an abort, an exit or all of the memory."""

from __future__ import annotations

import json
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.attack.system import HEADER
from tests.e2e.running import Place, Started, started, until

pytestmark = pytest.mark.slow

GOOD = 20
DEATHS = 3
DECLARATION = """
import os
from dataclasses import replace
from flows.datasets.sales import SALES

def prepare(table):
    if (table["Product"] == "poison").any():
        {death}
    return table

DEADLY = replace(SALES, prepare=prepare, source_columns=("ID", "Date", "Product", "Quantity"))
"""


class Patient:
    """A directory whose sessions die."""

    def __init__(self, place: Place) -> None:
        self.place = place

    @contextmanager
    def session(self) -> Iterator[Started]:
        """A session that is live, or has died."""
        ready = self.place.root / "ready"
        ready.unlink(missing_ok=True)
        with started(self.place, "watch", "--ready-file", ready) as running:
            until(lambda: ready.exists() or running.process.poll() is not None, what="it is live or dead")
            yield running

    def deaths_until_live(self, most: int) -> list[int]:
        """The exit codes of the sessions that died before one was live, which then ends in order."""
        codes: list[int] = []
        while len(codes) <= most:
            with self.session() as running:
                code = running.process.poll()
                if code is None:
                    assert running.end() == 0, running.said
                    return codes
                codes.append(code)
        raise AssertionError(codes)

    def file(self, name: str) -> dict[str, Any]:
        """What `cubefeed files` says of a file."""
        return next(row for row in self.place.json("files") if row["file"] == name)

    def in_hand(self) -> str:
        """What the note says."""
        return (self.place.state / "in-hand.json").read_text()


@pytest.fixture
def patient(request: pytest.FixtureRequest) -> Iterator[Patient]:
    with tempfile.TemporaryDirectory(prefix="cubefeed-poison-") as directory:
        root = Path(directory)
        declaration = root / "declaration.py"
        declaration.write_text(DECLARATION.format(death=getattr(request, "param", "os.abort()")))
        landing = {"CUBEFEED_DATASETS": f"{declaration}:DEADLY", "CUBEFEED_LANDING": str(root / "landing")}
        place = Place(root, environment=landing)
        yield Patient(place)
        place.assert_nothing_left()


def drop_good_files(place: Place) -> None:
    for number in range(GOOD):
        place.drop(f"good_{number:02}.csv", f"{HEADER}{number},2021-05-01,good,1\n")


@pytest.mark.parametrize("patient", ["os.abort()", pytest.param("os._exit(9)", marks=pytest.mark.deep)], indirect=True)
def test_a_file_that_kills_who_reads_it_is_set_aside_at_the_third_death_and_all_others_are_loaded(
    patient: Patient,
) -> None:
    place = patient.place
    drop_good_files(place)
    place.drop("good_10_poison.csv", f"{HEADER}100,2021-05-01,poison,1\n")

    for _ in range(DEATHS):
        with patient.session() as running:
            assert running.process.wait(30) in (-signal.SIGABRT, 9)
    noted = [path for path, *_ in json.loads(patient.in_hand())[2]]
    assert noted == [b"good_10_poison.csv".hex()], "it was not alone in hand"

    with patient.session() as running:
        assert running.process.poll() is None, running.said
        assert place.sales_of("contributors.COUNT", by="Product") == {"good": GOOD}
        refused = patient.file("good_10_poison.csv")
        assert (refused["state"], refused["findings"]) == ("quarantined", 1)
        assert "3 times" in refused["reason"] and "cubefeed load" in refused["reason"]
        assert "good_10_poison.csv" in place.json("status")["datasets"]["sales"]["died_over"]
        assert "the process died" in place.run("findings", "good_10_poison.csv").stdout

        with started(place, "load", "good_10_poison.csv") as asking:
            assert running.process.wait(30) in (-signal.SIGABRT, 9), "nobody tried it again"
            assert asking.process.wait(30) == 1, asking.said

    advice = [row for row in place.json("doctor") if row["check"] == "sales: deaths"]
    assert len(advice) == 1 and "good_10_poison.csv" in advice[0]["found"]
    with patient.session() as running:
        assert running.process.poll() is None, "what was asked for by hand killed the next start too"
        place.drop("good_10_poison.csv", f"{HEADER}100,2021-05-01,mended,1\n")
        until(lambda: place.sales_of("contributors.COUNT", by="Product").get("mended"), what="the changed file")
        assert place.json("status")["datasets"]["sales"]["died_over"] == {}
        assert running.end() == 0, running.said
