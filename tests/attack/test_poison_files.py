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
from tests.e2e.program import Place, RunningProgram, started, started_program
from tests.waiting import until

pytestmark = pytest.mark.slow

GOOD = 20
DEATHS = 3
BIG_TIMES = 55
LIMIT_BYTES = 3600 << 20
"""A session has 2.8 GB of addresses before it reads anything, and takes more than the rest for 120 MB of text."""
DECLARATION = """
import os
from dataclasses import replace
from cubefeed import Limits
from flows.datasets.sales import SALES

def prepare(table):
    if (table["Product"] == "poison").any():
        {death}
    return table

HEADER = ("ID", "Date", "Product", "Quantity")
DEADLY = replace(SALES, prepare=prepare, source_columns=HEADER, revision={revision})
PLAIN = replace(SALES, limits=Limits(read_memory_bytes=1 << 40))
"""


class Patient:
    """A directory whose sessions die."""

    def __init__(self, root: Path) -> None:
        self.declaration = root / "declaration.py"
        settings = {"CUBEFEED_DATASETS": f"{self.declaration}:DEADLY", "CUBEFEED_LANDING": str(root / "landing")}
        self.place = Place(root, environment=settings)

    @contextmanager
    def session(self, *limit: str) -> Iterator[RunningProgram]:
        """A session that is live, or has died; `limit` is a command that limits it."""
        ready = self.place.root / "ready"
        ready.unlink(missing_ok=True)
        command = self.place.command("watch", "--ready-file", ready)
        with started_program(self.place, "watch", *limit, *command) as running:
            until(lambda: ready.exists() or running.process.poll() is not None, what="it is live or dead")
            yield running

    def declare(self, death: str = "pass", *, revision: int = 0) -> None:
        """Declare the dataset; what is given happens when the poison is read."""
        self.declaration.write_text(DECLARATION.format(death=death, revision=revision))

    def file(self, name: str) -> dict[str, Any]:
        """What `cubefeed files` says of a file."""
        return next(row for row in self.place.json("files") if row["file"] == name)

    def in_hand(self) -> str:
        """What the note says."""
        return (self.place.state / "in-hand").read_text()


@pytest.fixture
def patient() -> Iterator[Patient]:
    with tempfile.TemporaryDirectory(prefix="cubefeed-poison-") as directory:
        found = Patient(Path(directory))
        yield found
        found.place.assert_nothing_left()


def drop_good_files(place: Place) -> None:
    for number in range(GOOD):
        place.drop(f"good_{number:02}.csv", f"{HEADER}{number},2021-05-01,good,1\n")


@pytest.mark.parametrize("death", ["os.abort()", pytest.param("os._exit(9)", marks=pytest.mark.deep)])
def test_a_file_that_kills_who_reads_it_is_set_aside_at_the_third_death_and_all_others_are_loaded(
    patient: Patient, death: str
) -> None:
    patient.declare(death)
    place = patient.place
    drop_good_files(place)
    place.drop("good_10_poison.csv", f"{HEADER}100,2021-05-01,poison,1\n")

    for _ in range(DEATHS):
        with patient.session() as running:
            assert running.process.wait(30) in (-signal.SIGABRT, 9)
    noted = [path for path, *_ in json.loads(patient.in_hand().splitlines()[1])[2]]
    assert noted == [b"good_10_poison.csv".hex()], "it was not alone in hand"

    with patient.session() as running:
        assert running.process.poll() is None, running.output
        assert place.sales_of("contributors.COUNT", by="Product") == {"good": GOOD}
        refused = patient.file("good_10_poison.csv")
        assert (refused["state"], refused["findings"]) == ("quarantined", 1)
        assert "3 times" in refused["reason"] and "cubefeed load" in refused["reason"]
        assert "good_10_poison.csv" in place.json("status")["datasets"]["sales"]["died_over"]
        assert "the process died" in place.run("findings", "good_10_poison.csv").stdout

        with started(place, "load", "good_10_poison.csv") as client:
            assert running.process.wait(30) in (-signal.SIGABRT, 9), "nobody tried it again"
            assert client.process.wait(30) == 1, client.output

    advice = [row for row in place.json("doctor") if row["check"] == "sales: deaths"]
    assert len(advice) == 1 and "good_10_poison.csv" in advice[0]["found"]
    with patient.session() as running:
        assert running.process.poll() is None, "what was asked for by hand killed the next start too"
        place.drop("good_10_poison.csv", f"{HEADER}100,2021-05-01,mended,1\n")
        until(lambda: place.sales_of("contributors.COUNT", by="Product").get("mended"), what="the changed file")
        assert place.json("status")["datasets"]["sales"]["died_over"] == {}
        assert running.end() == 0, running.output


@pytest.mark.deep
def test_a_file_that_takes_more_memory_than_there_is_ends_three_starts_and_no_more(patient: Patient) -> None:
    patient.declare()
    patient.place.environment["CUBEFEED_DATASETS"] = f"{patient.declaration}:PLAIN"
    place = patient.place
    drop_good_files(place)
    rows = "".join(f"{number},2021-05-01,big,1\n" for number in range(100_000, 200_000))
    place.drop("big.csv", HEADER + rows * BIG_TIMES)
    limit = ("prlimit", f"--as={LIMIT_BYTES}")
    for _ in range(DEATHS):
        with patient.session(*limit) as running:
            assert running.process.wait(60) == -signal.SIGABRT, running.output
            assert "memory allocation" in running.output
    with patient.session(*limit) as running:
        assert running.process.poll() is None, running.output
        assert place.sales_of("contributors.COUNT", by="Product") == {"good": GOOD}
        assert "3 times" in patient.file("big.csv")["reason"]
        place.drop("later.csv", f"{HEADER}5000,2021-05-01,later,1\n")
        until(lambda: place.sales_of("contributors.COUNT", by="Product").get("later"), what="a file that landed since")
        assert running.end() == 0, running.output


@pytest.mark.deep
def test_a_file_that_a_changed_declaration_makes_deadly_stays_in_the_cube_as_it_was_loaded(patient: Patient) -> None:
    patient.declare()
    place = patient.place
    drop_good_files(place)
    place.drop("poison.csv", f"{HEADER}100,2021-05-01,poison,1\n")
    expected = {"good": GOOD, "poison": 1}
    with patient.session() as running:
        assert place.sales_of("contributors.COUNT", by="Product") == expected
        assert running.end() == 0, running.output
    patient.declare("os.abort()", revision=1)
    for _ in range(DEATHS):
        with patient.session() as running:
            assert running.process.wait(30) == -signal.SIGABRT, running.output
    with patient.session() as running:
        assert running.process.poll() is None, running.output
        assert place.sales_of("contributors.COUNT", by="Product") == expected
        assert place.json("verify", "--deep")["missing"] == 0
        assert running.end() == 0, running.output
