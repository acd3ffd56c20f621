"""`cubefeed up` with Prefect's database in PostgreSQL, also while that is away."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.program import Installation, Place, installation, started
from tests.e2e.up.artifacts import HEADER, rows_of
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.deep, pytest.mark.timeout(900)]

RUN_S = 180.0


@dataclass
class Postgres:
    """A PostgreSQL server of its own at a free port, run by a user that it accepts."""

    programs: Path
    home: Path
    port: int
    password: str = field(default_factory=secrets.token_hex)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """In PREFECT_API_DATABASE_CONNECTION_URL."""
        return f"postgresql+asyncpg://prefect:{self.password}@127.0.0.1:{self.port}/postgres"

    @property
    def parts(self) -> dict[str, str]:
        """The same in variables of their own."""
        found = {"driver": "postgresql+asyncpg", "host": "127.0.0.1", "port": str(self.port), "user": "prefect"}
        found |= {"password": self.password, "name": "postgres"}
        return {f"PREFECT_SERVER_DATABASE_{name.upper()}": value for name, value in found.items()}

    @property
    def as_user(self) -> dict[str, Any]:
        """It refuses to run as root."""
        if os.geteuid() != 0:
            return {}
        user = pwd.getpwnam("postgres")
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def make(self) -> None:
        """Make the database."""
        secret = self.home / "password"
        secret.write_text(self.password, encoding="ascii")
        if user := self.as_user:
            for path in (self.home, secret):
                os.chown(path, user["user"], user["group"])
        options = ("-U", "prefect", "-A", "scram-sha-256", "--pwfile", str(secret), "-E", "UTF8", "--locale", "C")
        initdb = [str(self.programs / "initdb"), "-D", str(self.home / "data"), "--no-sync", *options]
        subprocess.run(initdb, check=True, capture_output=True, cwd=self.home, **self.as_user)

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        options = ("-h", "127.0.0.1", "-p", str(self.port), "-k", str(self.home), "-F")
        command = [str(self.programs / "postgres"), "-D", str(self.home / "data"), *options]
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.home, **self.as_user)
        is_ready = [str(self.programs / "pg_isready"), "-h", "127.0.0.1", "-p", str(self.port)]
        until(lambda: subprocess.run(is_ready, check=False, capture_output=True).returncode == 0, what="it is ready")

    def stop(self) -> None:
        """End it, and every connection to it."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)
            self.process = None


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A database server, removed afterwards."""
    found = shutil.which("initdb", path=os.pathsep.join([os.environ["PATH"], *_debian_places()]))
    if found is None:
        pytest.skip("there is no PostgreSQL: install the package postgresql")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="cubefeed-postgres-") as home:
        made = Postgres(Path(found).resolve().parent, Path(home), port)
        made.make()
        made.start()
        try:
            yield made
        finally:
            made.stop()


def _debian_places() -> list[str]:
    return sorted(str(place) for place in Path("/usr/lib/postgresql").glob("*/bin"))


def run(up: Installation, deployment: str, **parameters: object) -> str:
    """The state in which a run of a deployment ends."""
    started_run = up.prefect.start(deployment, None, **parameters)
    done = up.prefect.wait_for(started_run, "Completed", "Failed", "Crashed", patience_s=RUN_S)
    return f"{done['state']['name']}: {done['state']['message']}"


def is_away(up: Installation) -> bool:
    """Whether Prefect cannot answer what it would have to look up."""
    try:
        return up.prefect.ask("POST", "/flows/filter", {}).is_server_error
    except (httpx.HTTPError, KeyError, ValueError):  # nor is there a token for the question
        return True


def test_files_load_and_days_close_with_a_database_in_postgresql_and_an_outage_of_it_delays_no_data(
    two_days: Place,
) -> None:
    place = two_days
    with postgres() as database:
        place.environment["PREFECT_API_DATABASE_CONNECTION_URL"] = database.url
        with started(place, "up", "--landing", place.landing, "--prefect-port", 0) as running:
            up = installation(running, place)
            up.wait_for_owner()
            place.drop("3.csv", HEADER + "9,2021-05-03,phone,8\n")
            until(lambda: up.sales().get("2021-05-03") == 8, what="the file")
            assert "1 file" in run(up, "load-files/sales", mode="reload", paths=["3.csv"])
            assert run(up, "close-day/sales", date="2021-05-03").startswith("Completed")
            assert until(lambda: up.prefect.runs("close-day"), what="scheduled runs")

            live = up.owner["run"]
            database.stop()
            until(lambda: is_away(up), what="the outage")
            place.drop("4.csv", HEADER + "10,2021-05-04,phone,4\n")
            until(lambda: up.sales().get("2021-05-04") == 4, what="the file, meanwhile")
            database.start()
            until(lambda: not is_away(up), what="the end of the outage", patience_s=120)

            def reported() -> bool:
                found = [*up.prefect.artifacts("loaded-outside-windows"), *up.prefect.artifacts("last-loads")]
                return any(row["file"] == "4.csv" for artifact in found for row in rows_of(artifact))

            until(reported, what="what was loaded meanwhile is reported", patience_s=120)
            assert run(up, "close-day/sales", date="2021-05-04").startswith("Completed")
            assert up.owner["run"] == live and up.prefect.run(live)["state"]["name"] == "Running"
            assert running.end(signal.SIGTERM, patience_s=90) == 0, running.output
        assert not (place.state / "prefect" / "prefect.db").exists()
        shown = [running.output, *(log.read_text(errors="replace") for log in place.state.glob("*.log"))]
        assert not any(database.password in text for text in shown)


def test_a_database_that_is_named_in_parts_is_used_with_its_password(two_days: Place) -> None:
    place = two_days
    with postgres() as database:
        place.environment |= database.parts
        with started(place, "up", "--landing", place.landing, "--prefect-port", 0) as running:
            up = installation(running, place)
            up.wait_for_owner()
            assert up.prefect.get("/deployments/name/close-day/sales")
            assert running.end(signal.SIGTERM, patience_s=90) == 0, running.output
        assert not (place.state / "prefect" / "prefect.db").exists()
